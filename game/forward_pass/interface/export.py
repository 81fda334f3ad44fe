"""A run as a document: text, Markdown, a page, a picture, a recording. The same run gives the same bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape
from io import StringIO
from textwrap import dedent
from typing import NamedTuple

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, Group, RenderableType
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, DIMMED_MONOKAI
from rich.text import Text
from rich.theme import Theme

from forward_pass.interface.theme import STYLES
from forward_pass.interface.view import decoding_view, emphasised, inspection_view, prompt_view, prose, standing_view
from forward_pass.session.inspection import inspect_pass
from forward_pass.session.transcript import (
    EMPHASIS,
    choice_words,
    cost_words,
    ending_lines,
    offer_lines,
    opening_line,
    place_line,
    quoted,
    running_likelihood_text,
    scene_text,
    then_text,
    transcript,
    turn_distribution,
    wrap,
)
from forward_pass.storage.journal import Header
from forward_pass.story.distribution import Distribution, format_probability
from forward_pass.story.engine import is_ending, offers
from forward_pass.story.history import Run, at_turn

SHOWN = ("scene", "prompt", "lens")
FORMATS = ("txt", "md", "html", "svg", "cast")
WIDTH = 72
LIKELIEST = 5
COLUMNS, ROWS = 80, 24
WORDS_A_MINUTE = 240
SOURCE = (
    "Forward Pass is after the short story of that name by Andrej Karpathy (2021). The words that come out of the pass, and "
    "every number here, were computed by the model that runs under the story, unless it says that they were written."
)


class Passage(NamedTuple):
    """A turn as it is told: what was chosen and at what cost, what else was on offer, what came, and where it led."""

    number: int  # 0 for the opening
    choice: str
    cost: str
    others: tuple[str, ...]
    then: str
    token: int  # of the scene that it led to
    drawn: Distribution | None
    word: str
    running: tuple[str, ...]
    place: str
    text: str


class Document(NamedTuple):
    """A run made ready to be written down."""

    title: str
    opening: str
    passages: tuple[Passage, ...]
    ending: tuple[str, ...]
    proof: str
    source: str  # ``model`` or ``written``


def build_document(run: Run, header: Header) -> Document:
    """Return a run, up to where it stands, as a document."""
    world = run.world
    over = is_ending(world, run.state)
    last = run.path[-1].digest if run.path else "none yet"
    drawn = (
        "the likeliest word" if header.temperature == 0 else f"drawn at temperature {header.temperature:g}, seed {header.seed}"
    )
    return Document(
        world.title,
        opening_line(world, run.measure, run.opening.prior.instantiation),
        tuple(_passage(run, number) for number in range(run.at + 1)),
        tuple(ending_lines(run, 10_000)) if over else (),
        f"{run.at} turns, {drawn}; world {world.version}; the last digest is {last}.",
        run.measure.source,
    )


def _passage(run: Run, number: int) -> Passage:
    here = at_turn(run, number)
    place = "" if is_ending(run.world, here.state) else place_line(run.world, here.state)
    if not number:
        return Passage(0, "", "", (), "", here.state.token, None, "", (), place, scene_text(here))
    turn, before = run.turns[number - 1], at_turn(run, number - 1)
    cost, others = "", []
    for offer in offers(run.world, run.measure, before.state):
        if offer.choice.id == turn.choice:
            cost = cost_words(offer)
        else:
            others.append(offer.choice.say(before.state, run.measure) + ("" if offer.open else f" (closed: {offer.why})"))
    return Passage(
        number,
        choice_words(run, number),
        cost,
        tuple(others),
        then_text(run, number),
        here.state.token,
        turn_distribution(run, turn) if turn.word is not None else None,
        turn.word or "",
        tuple(running_likelihood_text(turn, run.measure)) if turn.word is not None else (),
        place,
        scene_text(here),
    )


def export_run(run: Run, header: Header, kind: str, picture: Picture | None = None) -> str:
    """Return a run, up to where it stands, in one of ``FORMATS``; of a picture, what it shows can be said."""
    if kind == "txt":
        return _text(run, header)
    if kind == "cast":
        return _cast(run, header)
    if kind == "svg":
        return _svg(run, header, picture or Picture())
    return (_markdown if kind == "md" else _page)(build_document(run, header))


# -- text -----------------------------------------------------------------------------------------------------------------


def _lines(run: Run, header: Header) -> Iterator[str]:
    """Yield a run in plain lines, as all formats that are set to a width have it."""
    told = build_document(run, header)
    yield from [told.title, "=" * len(told.title), ""]
    yield from transcript(run, WIDTH)
    yield from ["", *wrap(told.proof, WIDTH), "", *wrap(SOURCE, WIDTH)]


def _text(run: Run, header: Header) -> str:
    return "".join(f"{line}\n" for line in _lines(run, header))


# -- Markdown ---------------------------------------------------------------------------------------------------------------

MARKS = re.compile(r"([\\`*_{}\[\]<>#|~&$])")
LEADS = re.compile(r"^(\d+)([.)])|^([-+=])", re.MULTILINE)


def _marked(text: str) -> str:
    """Return a text of a world as Markdown that says the same, one line a paragraph; its emphasis stays."""
    shown, end = "", 0
    typed = {True: "  \n", False: " "}  # what was typed keeps its lines
    joined = "\n\n".join(
        typed[paragraph.startswith(" ")].join(" ".join(line.split()) for line in paragraph.split("\n"))
        for paragraph in text.split("\n\n")
    )
    for match in EMPHASIS.finditer(joined):
        shown += f"{_inert(joined[end : match.start()])}*{_inert(match[1])}*"
        end = match.end()
    shown += _inert(joined[end:])
    return LEADS.sub(lambda lead: f"{lead[1]}\\{lead[2]}" if lead[1] else f"\\{lead[3]}", shown)


def _inert(text: str) -> str:
    return MARKS.sub(r"\\\1", text)


def _markdown(told: Document) -> str:
    blocks = [f"# {_marked(told.title)}", _marked(told.opening)]
    for passage in told.passages:
        if passage.number:
            blocks.append(f"**{passage.number}. {_marked(passage.choice)}** ({passage.cost})")
        if passage.then:
            blocks.append(_marked(passage.then))
        if passage.drawn is not None:
            rows = [
                f"| {_marked(quoted(word))} | {format_probability(chance)} |"
                for word, chance in passage.drawn.likeliest(LIKELIEST)
            ]
            blocks.append("\n".join([f"| the decoder, {_came(told)} | |", "|---|---|", *rows]))
            blocks.append(f"It says {_marked(quoted(passage.word))}. {_marked(' '.join(passage.running))}".strip())
        if passage.place:
            blocks.append(f"*{_marked(passage.place)}*")
        blocks.append(_marked(passage.text))
    blocks += [f"**{_marked(line)}**" for line in told.ending]
    return "\n\n".join([*blocks, "---", _marked(told.proof), _marked(SOURCE)]) + "\n"


def _came(told: Document) -> str:
    return "measured" if told.source == "model" else "written"


# -- a page -----------------------------------------------------------------------------------------------------------------

STYLE = """\
:root { color-scheme: light dark; --ground: #fbf9f4; --ink: #1d1f23; --quiet: #5a5e66; --line: #8a6d1f; }
@media (prefers-color-scheme: dark) { :root { --ground: #15171b; --ink: #e8e5de; --quiet: #a7abb3; --line: #d9b44a; } }
body { background: var(--ground); color: var(--ink); font: 1.06rem/1.6 Georgia, 'Times New Roman', serif; margin: 0; }
main { max-width: 38rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-weight: normal; letter-spacing: .02em; margin-bottom: 0; }
h2 { font-size: 1rem; font-weight: normal; color: var(--quiet); border-top: 1px solid var(--line); padding-top: .6rem;
     margin-top: 2.4rem; }
.quiet, .place, details, nav { color: var(--quiet); font-size: .92rem; }
.typed { border-left: 3px solid var(--line); padding-left: .8rem; white-space: pre-wrap; font-family: ui-monospace, monospace;
          font-size: .92rem; }
.choice { font-weight: bold; margin: 2rem 0 .4rem; }
.choice span { font-weight: normal; color: var(--quiet); }
table { border-collapse: collapse; margin: 1rem 0; }
td { padding: 0 .8rem 0 0; font-family: ui-monospace, monospace; font-size: .92rem; }
td:last-child { width: 14rem; }
.bar { display: block; height: .7rem; background: var(--line); min-width: 1px; }
.end { border-top: 3px double var(--line); margin-top: 2.4rem; padding-top: 1rem; }
nav a, nav a:visited { color: var(--ink); }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def _prose(text: str) -> str:
    """Return a text of a world as paragraphs."""
    shown = ""
    for paragraph in text.split("\n\n"):
        if paragraph.startswith(" "):  # what was typed keeps its lines
            shown += f'<p class="typed">{_emphasis(dedent(paragraph))}</p>\n'
        else:
            shown += f"<p>{_emphasis(paragraph)}</p>\n"
    return shown


def _emphasis(text: str) -> str:
    shown, end = "", 0
    for match in EMPHASIS.finditer(text):
        shown += f"{escape(text[end : match.start()])}<em>{escape(match[1])}</em>"
        end = match.end()
    return shown + escape(text[end:])


def _page(told: Document) -> str:
    tokens = list(dict.fromkeys(passage.token for passage in told.passages if passage.place))
    links = " · ".join(f'<a href="#token-{token}">{token}</a>' for token in tokens)
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        f"<title>{escape(told.title)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
        f'<h1>{escape(told.title)}</h1>\n<p class="quiet">{escape(told.opening)}</p>\n',
        f'<nav aria-label="Tokens">Tokens: {links}</nav>\n',
    ]
    headed: set[int] = set()
    for passage in told.passages:
        parts += _told_choice(passage, told)
        if passage.place and passage.token not in headed:
            headed.add(passage.token)
            parts.append(f'<h2 id="token-{passage.token}">Token {passage.token}</h2>\n')
        if passage.place:
            parts.append(f'<p class="place">{escape(passage.place)}</p>\n')
        parts.append(_prose(passage.text))
    if told.ending:
        parts.append(f'<div class="end">{"".join(f"<p><strong>{escape(line)}</strong></p>" for line in told.ending)}</div>\n')
    parts.append(f'<p class="quiet">{escape(told.proof)}</p>\n<p class="quiet">{escape(SOURCE)}</p>\n')
    return "".join([*parts, "</main>\n</body>\n</html>\n"])


def _told_choice(passage: Passage, told: Document) -> Iterator[str]:
    """Yield what was chosen, what else was on offer, and what came of it."""
    if not passage.number:
        return
    yield f'<p class="choice">{passage.number}. {_emphasis(passage.choice)} <span>({escape(passage.cost)})</span></p>\n'
    if passage.others:
        rows = "".join(f"<li>{_emphasis(other)}</li>" for other in passage.others)
        yield f"<details><summary>Not taken: {len(passage.others)}</summary><ul>{rows}</ul></details>\n"
    if passage.then:
        yield _prose(passage.then)
    if passage.drawn is not None:
        yield f'<table><caption class="quiet">The decoder comes ({_came(told)}).</caption>\n'
        for word, chance in passage.drawn.likeliest(LIKELIEST):
            bar = f'<span class="bar" style="width: {100 * chance:.1f}%"></span>'
            cells = f"<td>{escape(quoted(word))}</td><td>{format_probability(chance)}</td>"
            yield f'<tr>{cells}<td aria-hidden="true">{bar}</td></tr>\n'
        yield f"</table>\n<p>It says <strong>{escape(quoted(passage.word))}</strong>.</p>\n"
        for line in passage.running:
            yield f'<p class="quiet">{escape(line)}</p>\n'


# -- a picture, a recording ---------------------------------------------------------------------------------------------------

FONT_FACES = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)  # rich's own would be fetched from elsewhere


class Picture(NamedTuple):
    """What a picture shows: a turn, or all of them where it is None; the scene there, or an instrument; on which ground."""

    turn: int | None = None
    shows: str = "scene"  # one of ``SHOWN``
    colour: str = "dark"  # ``dark`` or ``light``


def _svg(run: Run, header: Header, picture: Picture) -> str:
    """Return a picture of a run: all of it in plain lines, or a turn as a terminal shows it."""
    console = Console(
        record=True,
        width=COLUMNS,
        file=StringIO(),
        color_system="truecolor",
        force_terminal=True,
        theme=Theme(STYLES[picture.colour]),
    )
    if picture.turn is None:
        for line in _lines(run, header):
            console.print(Text(line))
    else:
        for view in _turn_views(run, picture):
            console.print(view)
    form = FONT_FACES.sub("", CONSOLE_SVG_FORMAT)
    ground = DIMMED_MONOKAI if picture.colour == "dark" else DEFAULT_TERMINAL_THEME
    return console.export_svg(title=run.world.title, code_format=form, unique_id="forward-pass", theme=ground)


def _turn_views(run: Run, picture: Picture) -> Iterator[RenderableType]:
    """Yield a turn as a terminal shows it: the answer, the decoding, the scene and its offers; or an instrument there."""
    here = at_turn(run, picture.turn or 0)
    if picture.shows == "prompt":
        yield prompt_view(here, WIDTH)
        return
    if picture.shows == "lens":
        state = here.state
        yield inspection_view(inspect_pass(run.world, run.measure, state.words, state.acts, state.layer), WIDTH)
        return
    if here.at:
        turn, then = here.turns[here.at - 1], then_text(run, here.at)
        yield emphasised("\n".join([*wrap(f"> {choice_words(run, here.at)}", WIDTH), ""]))
        if turn.word is not None:
            yield Group(decoding_view(run, turn, then, WIDTH), Text(""))
        elif then:
            yield Group(prose(then), Text(""))
    yield standing_view(here, WIDTH)
    yield emphasised("\n".join(["", *offer_lines(here, WIDTH)]))


def _cast(run: Run, header: Header) -> str:
    """Return a run as asciicast v2, a marker at each choice: https://docs.asciinema.org/manual/asciicast/v2/."""
    rows: list[object] = [
        {"version": 2, "width": COLUMNS, "height": ROWS, "title": run.world.title, "env": {"TERM": "xterm-256color"}}
    ]
    now, turn = 0.0, 0
    for line in _lines(run, header):
        if line.startswith("> ") and turn < run.at:
            turn += 1
            rows.append([round(now, 3), "m", f"{turn}. {run.turns[turn - 1].choice}"])
        rows.append([round(now, 3), "o", f"{line}\r\n"])
        now += 60 * len(line.split()) / WORDS_A_MINUTE
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
