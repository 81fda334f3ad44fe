"""A run as a document: text, Markdown, HTML, SVG, asciicast. The same run gives the same bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from html import escape
from inspect import signature
from io import StringIO
from itertools import groupby
from textwrap import dedent
from typing import NamedTuple

from rich.console import Console, Group, RenderableType
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, DIMMED_MONOKAI
from rich.text import Text
from rich.theme import Theme

from forward_pass.interface.theme import STYLES
from forward_pass.interface.view import current_scene_view, decoding_view, emphasis_text, inspection_view, prompt_view, prose
from forward_pass.session.figures import lines_after_decoding, lines_after_scene, lines_before_decoding
from forward_pass.session.inspection import inspect_pass
from forward_pass.session.run_picture import picture_lines
from forward_pass.session.transcript import (
    EMPHASIS,
    choice_text,
    ending_lines,
    offer_lines,
    opening_line,
    position_line,
    quoted,
    scene_text,
    then_text,
    transcript,
    turn_distribution,
    verb_and_cost_text,
    wrap,
)
from forward_pass.storage.journal import Header
from forward_pass.story.distribution import Distribution, format_probability
from forward_pass.story.engine import closed_text, is_ending, offers
from forward_pass.story.history import Run, at_turn

PICTURE_VIEWS = ("scene", "prompt", "lens")
FORMATS = ("txt", "md", "html", "svg", "cast")
WIDTH = 72
LIKELIEST = 5
UNWRAPPED = 10_000  # columns
PICTURE_TITLE = "The run on one page"
COLUMNS, ROWS = 80, 24
WORDS_PER_MINUTE = 240
LINE_PAUSE, MAX_PAUSE = 0.06, 3.0  # seconds of a recording: after a line, and at most after a text
SOURCE = (
    "Forward Pass is after the short story of that name by Andrej Karpathy (2021). The words that come out of the pass, and "
    "their chances, were computed by the model that runs under the story, unless it says that they were written; figures that "
    "the prose has in words were measured on it before."
)


class DocumentTurn(NamedTuple):
    """A turn in words: the choice and its cost, the other offers, the decoding, and the scene that followed."""

    number: int  # 0 for the opening
    choice: str
    cost: str
    not_taken: tuple[str, ...]
    then: str
    token: int  # of the scene that followed
    distribution: Distribution | None
    word: str
    position: str
    text: str
    figures: Figures


class Figures(NamedTuple):
    """The lines with figures of a turn: readings above the decoding, what it opens, and those below the scene."""

    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    after_scene: tuple[str, ...] = ()


class Document(NamedTuple):
    """A run in words, before it is set in a format."""

    title: str
    opening: str
    turns: tuple[DocumentTurn, ...]
    ending: tuple[str, ...]
    picture: tuple[str, ...]  # each token with its word, and indented below it where choices were made
    provenance: str
    source: str  # ``model`` or ``written``


def build_document(run: Run, header: Header) -> Document:
    """Return a run up to its present turn as a document."""
    world = run.world
    ended = is_ending(world, run.state)
    last = run.path[-1].digest if run.path else "none yet"
    sampling = (
        "the likeliest word" if header.temperature == 0 else f"drawn at temperature {header.temperature:g}, seed {header.seed}"
    )
    return Document(
        world.title,
        opening_line(world, run.inspector, run.opening.prior.instantiation),
        tuple(_document_turn(run, number) for number in range(run.at + 1)),
        tuple(ending_lines(run, UNWRAPPED)) if ended else (),
        tuple(filter(None, picture_lines(run, UNWRAPPED))) if run.at else (),
        f"{run.at} turns, {sampling}; world {world.version}; the last digest is {last}.",
        run.inspector.source,
    )


def _document_turn(run: Run, number: int) -> DocumentTurn:
    after = at_turn(run, number)
    position = "" if is_ending(run.world, after.state) else position_line(run.world, after.state)
    if not number:
        return DocumentTurn(0, "", "", (), "", after.state.token, None, "", position, scene_text(after), _figures(run, 0))
    turn, before = run.turns[number - 1], at_turn(run, number - 1)
    cost, not_taken = "", []
    for offer in offers(run.world, before.state):
        if offer.id == turn.choice:
            cost = verb_and_cost_text(offer)
        else:
            why = closed_text(run.world, run.inspector, before.state, offer)
            not_taken.append(offer.choice.say(before.state, run.inspector) + (f" (closed: {why})" if why else ""))
    return DocumentTurn(
        number,
        choice_text(run, turn),
        cost,
        tuple(not_taken),
        then_text(run, turn),
        after.state.token,
        turn_distribution(run, turn) if turn.word is not None else None,
        turn.word or "",
        position,
        scene_text(after),
        _figures(run, number),
    )


def _figures(run: Run, number: int) -> Figures:
    after_scene = _unbracketed(lines_after_scene(at_turn(run, number), number))
    if not number or run.turns[number - 1].word is None:
        return Figures(after_scene=after_scene)
    above, below = lines_before_decoding(run, number), lines_after_decoding(run, number)
    return Figures(_unbracketed(above), _unbracketed(below), after_scene)


def _unbracketed(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(line.removeprefix("[").removesuffix("]") for line in lines)


def export_run(run: Run, header: Header, file_format: str, picture: Picture | None = None) -> str:
    """Return a run up to its present turn in one of ``FORMATS``; ``picture`` says what an ``svg`` shows."""
    if file_format == "txt":
        return _text(run, header)
    if file_format == "cast":
        return _cast(run, header)
    if file_format == "svg":
        return _svg(run, header, picture or Picture())
    return (_markdown if file_format == "md" else _html)(build_document(run, header))


# -- text -----------------------------------------------------------------------------------------------------------------


def _plain_lines(run: Run, header: Header) -> Iterator[str]:
    """Yield a run as lines of ``WIDTH`` columns, for text, asciicast and whole-run SVG."""
    document = build_document(run, header)
    yield from [document.title, "=" * len(document.title), ""]
    yield from transcript(run, WIDTH)
    if document.picture:
        yield from ["", PICTURE_TITLE, "", *picture_lines(run, WIDTH)]
    yield from ["", *wrap(document.provenance, WIDTH), "", *wrap(SOURCE, WIDTH)]


def _text(run: Run, header: Header) -> str:
    return "".join(f"{line}\n" for line in _plain_lines(run, header))


# -- Markdown ---------------------------------------------------------------------------------------------------------------

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$])")
LINE_STARTS = re.compile(r"^(\d+)([.)])|^([-+=])", re.MULTILINE)


def _markdown_text(text: str) -> str:
    """Return a world's text as escaped Markdown, one line a paragraph; ``*emphasis*`` is kept."""
    markdown, end = "", 0
    separators = {True: "  \n", False: " "}  # indented paragraphs keep their line breaks
    joined = "\n\n".join(
        separators[paragraph.startswith(" ")].join(" ".join(line.split()) for line in paragraph.split("\n"))
        for paragraph in text.split("\n\n")
    )
    for match in EMPHASIS.finditer(joined):
        markdown += f"{_escape_markdown(joined[end : match.start()])}*{_escape_markdown(match[1])}*"
        end = match.end()
    markdown += _escape_markdown(joined[end:])
    return LINE_STARTS.sub(lambda match: f"{match[1]}\\{match[2]}" if match[1] else f"\\{match[3]}", markdown)


def _escape_markdown(text: str) -> str:
    return SPECIAL.sub(r"\\\1", text)


def _markdown(document: Document) -> str:
    blocks = [f"# {_markdown_text(document.title)}", _markdown_text(document.opening)]
    for turn in document.turns:
        if turn.number:
            blocks.append(f"**{turn.number}. {_markdown_text(turn.choice)}**" + (f" ({turn.cost})" if turn.cost else ""))
        if turn.then:
            blocks.append(_markdown_text(turn.then))
        blocks += map(_figure_markdown, turn.figures.above)
        if turn.distribution is not None:
            rows = [
                f"| {_markdown_text(quoted(word))} | {format_probability(probability)} |"
                for word, probability in turn.distribution.likeliest(LIKELIEST)
            ]
            blocks.append("\n".join([f"| the decoder, {_source_word(document)} | |", "|---|---|", *rows]))
            blocks.append(f"It says {_markdown_text(quoted(turn.word))}.")
        blocks += map(_figure_markdown, turn.figures.below)
        if turn.position:
            blocks.append(f"*{_markdown_text(turn.position)}*")
        blocks.append(_markdown_text(turn.text))
        blocks += map(_figure_markdown, turn.figures.after_scene)
    blocks += [f"**{_markdown_text(line)}**" for line in document.ending]
    if document.picture:
        rows = [f"{'  ' if line.startswith(' ') else ''}- {_markdown_text(line.strip())}" for line in document.picture]
        blocks += [f"## {PICTURE_TITLE}", "\n".join(rows)]
    return "\n\n".join([*blocks, "---", _markdown_text(document.provenance), _markdown_text(SOURCE)]) + "\n"


def _figure_markdown(line: str) -> str:
    return f"**{_markdown_text(line)}**"


def _source_word(document: Document) -> str:
    return "measured" if document.source == "model" else "written"


# -- HTML -------------------------------------------------------------------------------------------------------------------

CSS = """\
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
.figure { font-family: ui-monospace, monospace; font-size: .92rem; }
nav a, nav a:visited { color: var(--ink); }
"""
CSP = "default-src 'none'; style-src 'unsafe-inline'"


def paragraphs_html(text: str) -> str:
    """Return a world's text as HTML paragraphs."""
    html = ""
    for paragraph in text.split("\n\n"):
        if paragraph.startswith(" "):  # indented paragraphs keep their line breaks
            html += f'<p class="typed">{_emphasis_html(dedent(paragraph))}</p>\n'
        else:
            html += f"<p>{_emphasis_html(paragraph)}</p>\n"
    return html


def _emphasis_html(text: str) -> str:
    html, end = "", 0
    for match in EMPHASIS.finditer(text):
        html += f"{escape(text[end : match.start()])}<em>{escape(match[1])}</em>"
        end = match.end()
    return html + escape(text[end:])


def _html(document: Document) -> str:
    tokens = list(dict.fromkeys(turn.token for turn in document.turns if turn.position))
    links = " · ".join(f'<a href="#token-{token}">{token}</a>' for token in tokens)
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
        f'<meta http-equiv="Content-Security-Policy" content="{CSP}">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        f"<title>{escape(document.title)}</title>\n<style>\n{CSS}</style>\n</head>\n<body>\n<main>\n",
        f'<h1>{escape(document.title)}</h1>\n<p class="quiet">{escape(document.opening)}</p>\n',
        f'<nav aria-label="Tokens">Tokens: {links}</nav>\n' if tokens else "",
    ]
    headings: set[int] = set()
    for turn in document.turns:
        parts += _choice_html(turn, document)
        if turn.position and turn.token not in headings:
            headings.add(turn.token)
            parts.append(f'<h2 id="token-{turn.token}">Token {turn.token}</h2>\n')
        if turn.position:
            parts.append(f'<p class="place">{escape(turn.position)}</p>\n')
        parts.append(paragraphs_html(turn.text))
        parts += map(_figure_html, turn.figures.after_scene)
    if document.ending:
        parts.append(
            f'<div class="end">{"".join(f"<p><strong>{escape(line)}</strong></p>" for line in document.ending)}</div>\n'
        )
    parts += _picture_html(document.picture)
    parts.append(f'<p class="quiet">{escape(document.provenance)}</p>\n<p class="quiet">{escape(SOURCE)}</p>\n')
    return "".join([*parts, "</main>\n</body>\n</html>\n"])


def _picture_html(lines: tuple[str, ...]) -> Iterator[str]:
    """Yield the run as a picture in words."""
    if lines:
        yield f"<h2>{PICTURE_TITLE}</h2>\n"
    for is_stop, group in groupby(lines, lambda line: line.startswith(" ")):
        if is_stop:
            yield f"<ul>{''.join(f'<li>{escape(line.strip())}</li>' for line in group)}</ul>\n"
        else:
            yield "".join(f"<p><strong>{escape(line)}</strong></p>\n" for line in group)


def _choice_html(turn: DocumentTurn, document: Document) -> Iterator[str]:
    """Yield the choice of a turn, the offers not taken, and the decoding."""
    if not turn.number:
        return
    cost = f" <span>({escape(turn.cost)})</span>" if turn.cost else ""
    yield f'<p class="choice">{turn.number}. {_emphasis_html(turn.choice)}{cost}</p>\n'
    if turn.not_taken:
        rows = "".join(f"<li>{_emphasis_html(other)}</li>" for other in turn.not_taken)
        yield f"<details><summary>Not taken: {len(turn.not_taken)}</summary><ul>{rows}</ul></details>\n"
    if turn.then:
        yield paragraphs_html(turn.then)
    yield from map(_figure_html, turn.figures.above)
    if turn.distribution is not None:
        yield f'<table><caption class="quiet">The decoder comes ({_source_word(document)}).</caption>\n'
        for word, probability in turn.distribution.likeliest(LIKELIEST):
            bar = f'<span class="bar" style="width: {100 * probability:.1f}%"></span>'
            cells = f"<td>{escape(quoted(word))}</td><td>{format_probability(probability)}</td>"
            yield f'<tr>{cells}<td aria-hidden="true">{bar}</td></tr>\n'
        yield f"</table>\n<p>It says <strong>{escape(quoted(turn.word))}</strong>.</p>\n"
    yield from map(_figure_html, turn.figures.below)


def _figure_html(line: str) -> str:
    return f'<p class="figure">{escape(line)}</p>\n'


# -- SVG, asciicast ---------------------------------------------------------------------------------------------------------

FONT_FACES = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)  # rich's would be fetched from a CDN


class Picture(NamedTuple):
    """What an SVG shows: one turn or, where it is None, the whole run; which view of it; for which background."""

    turn: int | None = None
    view: str = "scene"  # one of ``PICTURE_VIEWS``
    colour: str = "dark"  # ``dark`` or ``light``


def _svg(run: Run, header: Header, picture: Picture) -> str:
    """Return an SVG of a run: all of it in plain lines, or one turn as the terminal shows it."""
    console = Console(
        record=True,
        width=COLUMNS,
        file=StringIO(),
        color_system="truecolor",
        force_terminal=True,
        theme=Theme(STYLES[picture.colour]),
    )
    if picture.turn is None:
        for line in _plain_lines(run, header):
            console.print(Text(line))
    else:
        for view in _turn_views(run, picture):
            console.print(view)
    rich_template = signature(Console.export_svg).parameters["code_format"].default
    template = FONT_FACES.sub("", rich_template)
    theme = DIMMED_MONOKAI if picture.colour == "dark" else DEFAULT_TERMINAL_THEME
    return console.export_svg(title=run.world.title, code_format=template, unique_id="forward-pass", theme=theme)


def _turn_views(run: Run, picture: Picture) -> Iterator[RenderableType]:
    """Yield a turn as the terminal shows it: the choice, the decoding, the scene and its offers; or the view asked for."""
    present = at_turn(run, picture.turn or 0)
    if picture.view == "prompt":
        yield prompt_view(present, WIDTH)
        return
    if picture.view == "lens":
        yield inspection_view(inspect_pass(run.world, run.inspector, present.state.key, present.state.layer), WIDTH)
        return
    if present.at:
        turn = present.turns[present.at - 1]
        then = then_text(run, turn)
        yield emphasis_text("\n".join([*wrap(f"> {choice_text(run, turn)}", WIDTH), ""]))
        if turn.word is not None:
            yield Group(decoding_view(run, run.at, then, WIDTH), Text(""))
        elif then:
            yield Group(prose(then), Text(""))
    yield current_scene_view(present, WIDTH)
    yield emphasis_text("\n".join(["", *offer_lines(present, WIDTH)]))


def _cast(run: Run, header: Header) -> str:
    """Return a run as asciicast v2, a marker at each choice: https://docs.asciinema.org/manual/asciicast/v2/.

    Turns are shown as on a terminal, in colour, a decoding row by row; no text stands longer than ``MAX_PAUSE``.
    """
    rows: list[object] = [
        {"version": 2, "width": COLUMNS, "height": ROWS, "title": run.world.title, "env": {"TERM": "xterm-256color"}}
    ]
    seconds = 0.0
    for number in range(run.at + 1):
        if number:
            rows.append([round(seconds, 3), "m", f"{number}. {choice_text(run, run.turns[number - 1]).replace('*', '')}"])
        for view in _turn_views(run, Picture(number)):
            lines = _coloured_lines(view)
            for line in lines:
                rows.append([round(seconds, 3), "o", f"{line}\r\n"])
                seconds += LINE_PAUSE
            words = sum(len(line.split()) for line in lines)
            seconds += min(60 * words / WORDS_PER_MINUTE, MAX_PAUSE)
    closing = [*ending_lines(run, WIDTH), "", *wrap(build_document(run, header).provenance, WIDTH), "", *wrap(SOURCE, WIDTH)]
    rows.append([round(seconds, 3), "o", "".join(f"{line}\r\n" for line in ["", *closing])])
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def _coloured_lines(view: RenderableType) -> list[str]:
    """Return what a dark terminal shows of a renderable, as lines with escape codes."""
    out = StringIO()
    console = Console(
        file=out, width=WIDTH, color_system="truecolor", force_terminal=True, theme=Theme(STYLES["dark"]), highlight=False
    )
    console.print(view)
    return out.getvalue().removesuffix("\n").split("\n")
