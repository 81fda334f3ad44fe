"""Scenes, offers, decodings and problems as rich renderables. Prints nothing; a world's text is never read as markup."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from forward_pass.session.branches import compare_runs, difference_lines, tree_lines
from forward_pass.session.glossary_help import share_line
from forward_pass.session.inspection import DecoderTrace, Inspection, decoder_trace
from forward_pass.session.plain_text import hanging_text
from forward_pass.session.session import (
    AT_END_TEXT,
    Event,
    InspectionShown,
    Message,
    Quit,
    Rejected,
    RunsCompared,
    SceneEntered,
    Session,
    TokenDecoded,
    TreeShown,
    ViewRequested,
)
from forward_pass.session.transcript import (
    EMPHASIS,
    FITTED_MEASURE,
    attention_and_trace_lines,
    attention_lines,
    ending_lines,
    inspection_title,
    place_line,
    prompt_lines,
    quoted,
    running_likelihood_text,
    scene_text,
    transcript,
    turn_distribution,
)
from forward_pass.story.distribution import format_probability
from forward_pass.story.engine import is_ending
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


def event_view(event: Event, play: Session, columns: int) -> RenderableType:
    """Return what a terminal of ``columns`` cells shows of an event."""
    match event:
        case SceneEntered(run, then):
            return Group(*([prose(then), Text("")] if then else []), scene_view(run, play, columns))
        case TokenDecoded(_, _, turn, then):
            return decoding_view(play.run, turn, then, columns)
        case ViewRequested("prompt", run):
            return prompt_view(run, columns)
        case InspectionShown(read):
            return inspection_view(read, columns)
        case ViewRequested(_, run):
            return emphasised("\n".join(transcript(run, columns)))
        case TreeShown(shelf, here):
            return Text("\n".join(tree_lines(shelf, columns, here)))
        case RunsCompared(first, second, names):
            return emphasised("\n".join(difference_lines(compare_runs(first, second), names, columns, bars=True)))
        case Rejected(text):
            return Text(text, style="strong")
        case Message(text, _) | Quit(text):  # the way back is there to be copied, and is not a world's
            return emphasised(hanging_text(text, columns)) if isinstance(event, Message) else Text(text)


def scene_view(run: Run, play: Session, columns: int) -> RenderableType:
    """Return where a run stands; at an ending, also a line to share, and what can be done now."""
    if not is_ending(run.world, run.state):
        return standing_view(run, columns)
    shared = Text(share_line(run, play.store.prior.instantiation, play.found, "·"))
    foot = Text(f"The run has ended: {AT_END_TEXT}.", style="quiet")
    return Group(standing_view(run, columns), Text(""), shared, Text(""), foot)


def standing_view(run: Run, columns: int) -> RenderableType:
    """Return the present scene, whose offers the prompt shows, or the ending with what was said."""
    if is_ending(run.world, run.state):
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


def decoding_view(run: Run, turn: Turn, then: str, columns: int) -> RenderableType:
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
        rows.append(Text.assemble(f"  {quoted(named):<{longest}} {format_probability(chance):<6} ", (bar, "bar")))
    if measure.source == "model":
        every = NARROW_EVERY if columns < NARROW else EVERY
        rows += depth_strip(decoder_trace(run.world, measure, state.words, state.acts, every), run.world)
    rows.append(Text(f"It says {quoted(word)}.", style="strong"))
    rows += [Text(words, style="quiet") for words in running_likelihood_text(turn, measure)]
    return Group(*([prose(then), Text("")] if then else []), *rows)


def bar_of(chance: float, columns: int) -> str:
    """Return a bar for a chance, shorter where there is little room; there is always something of it."""
    return "█" * round((NARROW_BAR if columns < NARROW else BAR) * chance) or "▏"


def eighth(chance: float) -> str:
    """Return a cell that is as full as a chance is high."""
    return EIGHTHS[min(int(chance * len(EIGHTHS)), len(EIGHTHS) - 1)]


def depth_strip(read: DecoderTrace, world: World) -> list[Text]:
    """Return how a word stood all through its pass, read as the last layer is: a cell for each reading, and a legend."""
    row = Text("  1 ")
    for layer, chance in read.chances:
        row.append(eighth(chance), "bar")
        if layer in (world.first_layer, world.boundary):
            row.append("│", "quiet")
    since = f"likeliest from layer {read.since} on" if read.since else "never the likeliest"
    parted = f"│ at {world.first_layer} and {world.boundary}"
    return [row.append(f" {world.layers}"), Text(f"  {quoted(read.word)} by layer, {parted}: {since}.", style="quiet")]


def prompt_view(run: Run, columns: int) -> RenderableType:
    """Return the document so far; where a model looks at it, the words that its heads looked at most are marked."""
    if run.measure.source != "model" or is_ending(run.world, run.state):
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
    return Group(shown, Text(""), legend, *map(Text, attention_lines(run, columns)))


def inspection_view(read: Inspection, columns: int) -> RenderableType:
    """Return a pass laid open: the lens by layer as bars, the probes as dials, then the strongest looks in words."""
    narrow = columns < NARROW
    rows: list[RenderableType] = [Text(inspection_title(read), style="strong")]
    for lens in read.lenses:
        word, chance = lens.likeliest[0]
        bar = bar_of(chance, columns)
        nats = f"{lens.entropy:.2f}" if narrow else f"entropy {lens.entropy:.2f} of {read.most_entropy:.2f}"
        rows.append(
            Text.assemble(f"  layer {lens.layer:>2}  {nats} nats  {quoted(word)} {format_probability(chance)} ", (bar, "bar"))
        )
    if read.probes:
        longest = max(len(name) for name, _ in read.probes)
        cells = NARROW_DIAL if narrow else DIAL
        rows += [Text(""), *(dial(f"{name.replace('_', ' '):<{longest}}", score, cells) for name, score in read.probes)]
        rows.append(Text(FITTED_MEASURE, style="quiet"))
    return Group(*rows, Text(""), *map(Text, attention_and_trace_lines(read, columns)))


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
