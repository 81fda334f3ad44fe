"""Scenes, offers, decodings and problems as rich renderables. Prints nothing; a world's text is never read as markup."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from forward_pass.session.branches import difference, difference_lines, tree_lines
from forward_pass.session.glossary_help import share_line
from forward_pass.session.inspection import Instruments, Settling, settling
from forward_pass.session.plain_text import hung
from forward_pass.session.play import (
    AFTERWARDS,
    Arrived,
    Asked,
    Branched,
    Compared,
    Decoded,
    Event,
    Left,
    Opened,
    Play,
    Refused,
    Told,
)
from forward_pass.session.transcript import (
    EMPHASIS,
    FITTED,
    ending_lines,
    instrument_head,
    look_lines,
    looks_and_before,
    place_line,
    prompt_lines,
    quoted,
    running_words,
    scene_text,
    transcript,
    turn_distribution,
)
from forward_pass.story.distribution import figures
from forward_pass.story.engine import ended
from forward_pass.story.history import Run, Turn
from forward_pass.story.tokeniser import join
from forward_pass.story.world import World

PAINT = ((8, "bold reverse"), (4, "bold underline"), (2, "underline"))  # times an even share, from the strongest down
CLINGING = (".", "?", ",", "\n")  # what stands directly behind a word
BARS = 3  # how many words a decoding shows
BAR, NARROW_BAR = 24, 12  # cells of a bar for a probability of 1
DIAL, NARROW_DIAL = 17, 9  # cells
EIGHTHS = "▁▂▃▄▅▆▇█"
EVERY, NARROW_EVERY, NARROW = 2, 4, 60  # layers to a cell of a strip: 48 cells, or half of them below 60 columns


def prose(text: str) -> RenderableType:
    """Return paragraphs with ``*emphasis*`` set in italics; an indented line keeps its place."""
    return Group(*(line for number, paragraph in enumerate(text.split("\n\n")) for line in _paragraph(paragraph, number)))


def _paragraph(paragraph: str, number: int) -> list[RenderableType]:
    lines: list[RenderableType] = [Text("")] if number else []
    for line in paragraph.split("\n"):
        indent = len(line) - len(line.lstrip(" "))
        lines.append(Padding(emphasised(line.strip()), (0, 0, 0, indent)))
    return lines


def emphasised(text: str) -> Text:
    """Return a text with its ``*emphasis*`` in italics."""
    shown = Text()
    end = 0
    for match in EMPHASIS.finditer(text):
        shown.append(text[end : match.start()]).append(match[1], style="italic")
        end = match.end()
    return shown.append(text[end:])


def event_view(event: Event, play: Play, columns: int) -> RenderableType:
    """Return what a terminal of ``columns`` cells shows of an event."""
    match event:
        case Arrived(run, then):
            return Group(*([prose(then), Text("")] if then else []), arrival(run, play, columns))
        case Decoded(_, _, turn, then):
            return decoding(play.run, turn, then, columns)
        case Asked("prompt", run):
            return painted_prompt(run, columns)
        case Opened(read):
            return opened(read, columns)
        case Asked(_, run):
            return emphasised("\n".join(transcript(run, columns)))
        case Branched(shelf, here):
            return Text("\n".join(tree_lines(shelf, columns, here)))
        case Compared(first, second, names):
            return emphasised("\n".join(difference_lines(difference(first, second), names, columns, bars=True)))
        case Refused(text):
            return Text(text, style="strong")
        case Told(text, _) | Left(text):  # the way back is there to be copied, and is not a world's
            return emphasised(hung(text, columns)) if isinstance(event, Told) else Text(text)


def arrival(run: Run, play: Play, columns: int) -> RenderableType:
    """Return where a run stands; at an ending, also a line to share, and what can be done now."""
    if not ended(run.world, run.state):
        return standing(run, columns)
    shared = Text(share_line(run, play.keeping.facts.instantiation, play.found, "·"))
    foot = Text(f"The run has ended: {AFTERWARDS}.", style="quiet")
    return Group(standing(run, columns), Text(""), shared, Text(""), foot)


def standing(run: Run, columns: int) -> RenderableType:
    """Return the present scene, whose offers the prompt shows, or the ending with what was said."""
    if ended(run.world, run.state):
        title, *said = ending_lines(run, columns)
        return Group(prose(scene_text(run)), Text(""), Text(title, style="strong"), *map(Text, said))
    place = Text(place_line(run.world, run.state), style="quiet")
    return Group(words_so_far(run), place, Text(""), prose(scene_text(run)))


def words_so_far(run: Run) -> Text:
    """Return the line of the document that is being written, its last word marked: that is where the pass is."""
    words = (*run.world.prompt[1:], *run.state.words)
    line = join(words).rsplit("\n", 1)[-1] or "\u2423"
    last = words[-1] if words[-1] != "\n" else ""
    head = line.removesuffix(last)
    return Text.assemble((head, "quiet"), (last or "a new line", "reverse"))


def decoding(run: Run, turn: Turn, then: str, columns: int) -> RenderableType:
    """Return a decoding: the likeliest words with bars, whether they were measured or written, and the word that came.

    Where a model runs, a strip shows how the word that came had stood at every layer of the pass.
    """
    measure, word, state = run.measure, turn.word or "", turn.state
    likely = turn_distribution(run, turn).likeliest(BARS)
    longest = max(len(quoted(word)) for word, _ in likely)
    came = "measured" if measure.source == "model" else "written, not measured"
    rows: list[RenderableType] = [Text(f"The decoder comes ({came}).", style="strong")]
    for named, chance in likely:
        bar = bar_of(chance, columns)
        rows.append(Text.assemble(f"  {quoted(named):<{longest}} {figures(chance):<6} ", (bar, "bar")))
    if measure.source == "model":
        every = NARROW_EVERY if columns < NARROW else EVERY
        rows += strip(settling(run.world, measure, state.words, state.acts, every), run.world)
    rows.append(Text(f"It says {quoted(word)}.", style="strong"))
    rows += [Text(words, style="quiet") for words in running_words(turn, measure)]
    return Group(*([prose(then), Text("")] if then else []), *rows)


def bar_of(chance: float, columns: int) -> str:
    """Return a bar for a chance, shorter where there is little room; there is always something of it."""
    return "█" * round((NARROW_BAR if columns < NARROW else BAR) * chance) or "▏"


def eighth(chance: float) -> str:
    """Return a cell that is as full as a chance is high."""
    return EIGHTHS[min(int(chance * len(EIGHTHS)), len(EIGHTHS) - 1)]


def strip(read: Settling, world: World) -> list[Text]:
    """Return how a word stood all through its pass, read as the last layer is: a cell for each reading, and a legend."""
    row = Text("  1 ")
    for layer, chance in read.chances:
        row.append(eighth(chance), "bar")
        if layer in (world.waking, world.boundary):
            row.append("│", "quiet")
    since = f"likeliest from layer {read.since} on" if read.since else "never the likeliest"
    parted = f"│ at {world.waking} and {world.boundary}"
    return [row.append(f" {world.layers}"), Text(f"  {quoted(read.word)} by layer, {parted}: {since}.", style="quiet")]


def painted_prompt(run: Run, columns: int) -> RenderableType:
    """Return the document so far; where a model looks at it, the words that its heads looked at most are marked."""
    if run.measure.source != "model" or ended(run.world, run.state):
        return Text("\n".join(prompt_lines(run, columns)))
    state = run.state
    shares = run.measure.attention(state.words, state.acts, state.layer)
    document = (*run.world.prompt, *state.words)
    even = 1 / len(document)
    shown = Text()
    for word, share, after in zip(document[1:], shares[1:], (*document[2:], "\n"), strict=True):
        style = next((style for least, style in PAINT if share >= least * even), "")
        shown.append(word if word != "\n" else "", style=style)
        shown.append("\n" if word == "\n" else "" if after in CLINGING else " ")
    marks = Text.assemble(*(piece for least, style in PAINT for piece in ((f"{least} times", style), " ")))
    legend = Text.assemble("Measured. Of all looking so far, a word had at least ", marks, "an even share.")
    return Group(shown, Text(""), legend, *map(Text, look_lines(run, columns)))


def opened(read: Instruments, columns: int) -> RenderableType:
    """Return a pass laid open: the lens by layer as bars, the probes as dials, then the strongest looks in words."""
    narrow = columns < NARROW
    rows: list[RenderableType] = [Text(instrument_head(read), style="strong")]
    for lens in read.lenses:
        word, chance = lens.likeliest[0]
        bar = bar_of(chance, columns)
        nats = f"{lens.entropy:.2f}" if narrow else f"entropy {lens.entropy:.2f} of {read.most_entropy:.2f}"
        rows.append(Text.assemble(f"  layer {lens.layer:>2}  {nats} nats  {quoted(word)} {figures(chance)} ", (bar, "bar")))
    if read.probes:
        longest = max(len(name) for name, _ in read.probes)
        cells = NARROW_DIAL if narrow else DIAL
        rows += [Text(""), *(dial(f"{name.replace('_', ' '):<{longest}}", score, cells) for name, score in read.probes)]
        rows.append(Text(FITTED, style="quiet"))
    return Group(*rows, Text(""), *map(Text, looks_and_before(read, columns)))


def dial(name: str, score: float, cells: int) -> Text:
    """Return what a probe reads as a dial from -1, which is no, to +1, which is yes, with the score itself.

    A score past either end is an arrow there.
    """
    at = round((min(max(score, -1.0), 1.0) + 1) / 2 * (cells - 1))
    scale = ["─"] * cells
    scale[cells // 2] = "┼"
    head, tail = "".join(scale[:at]), "".join(scale[at + 1 :])
    mark = "◄" if score < -1 else "►" if score > 1 else "●"
    return Text.assemble(f"  {name} no {head}", (mark, "bar"), f"{tail} yes {score:+.2f}")
