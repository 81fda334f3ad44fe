"""Scenes, offers, decodings and errors as rich renderables. Prints nothing; a world's text is never read as markup."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from forward_pass.interface.bars import NARROW, bar, probability_cell
from forward_pass.interface.figures_view import chance_rows, figures_view
from forward_pass.session.commands import ENDING_COMMANDS_TEXT
from forward_pass.session.comparison import compare_runs, difference_lines
from forward_pass.session.events import (
    Event,
    InspectionShown,
    Message,
    PictureShown,
    Quit,
    Rejected,
    RunsCompared,
    SceneEntered,
    TokenDecoded,
    TreeShown,
    ViewRequested,
)
from forward_pass.session.figures import (
    figures_after_decoding,
    figures_after_scene,
    figures_before_decoding,
    state_before_decoding,
    tally,
)
from forward_pass.session.glossary_help import share_line
from forward_pass.session.inspection import DecoderTrace, Inspection, decoder_trace
from forward_pass.session.plain_text import event_lines, hanging_text
from forward_pass.session.session import Session
from forward_pass.session.transcript import (
    EMPHASIS,
    attention_and_trace_lines,
    attention_lines,
    ending_lines,
    inspection_title,
    lens_notes,
    position_line,
    probe_note,
    prompt_lines,
    quoted,
    rank_text,
    scene_text,
    transcript,
    turn_distribution,
)
from forward_pass.story.distribution import format_probability
from forward_pass.story.engine import is_ending
from forward_pass.story.history import Run
from forward_pass.story.tokeniser import CLINGS, join
from forward_pass.story.world import World

SHARE_STYLES = ((8, "bold reverse"), (4, "bold underline"), (2, "underline"))  # multiples of an even share of the attention
MIN_GAP = 2  # cells between the words so far and the position
LIKELIEST = 3  # words that a decoding shows
DIAL_WIDTH, NARROW_DIAL_WIDTH = 17, 9  # cells
STRIP_STEP, NARROW_STRIP_STEP = 2, 4  # layers to a cell of a strip


def prose(text: str) -> RenderableType:
    """Return paragraphs with ``*emphasis*`` in italics; indented lines keep their indentation."""
    return Group(*(line for index, paragraph in enumerate(text.split("\n\n")) for line in _paragraph(paragraph, index)))


def _paragraph(paragraph: str, index: int) -> list[RenderableType]:
    lines: list[RenderableType] = [Text("")] if index else []
    for line in paragraph.split("\n"):
        indent = len(line) - len(line.lstrip(" "))
        lines.append(Padding(emphasis_text(line.strip()), (0, 0, 0, indent)))
    return lines


def emphasis_text(text: str) -> Text:
    """Return a text with ``*emphasis*`` in italics."""
    rich_text = Text()
    end = 0
    for match in EMPHASIS.finditer(text):
        rich_text.append(text[end : match.start()]).append(match[1], style="italic")
        end = match.end()
    return rich_text.append(text[end:])


def event_view(event: Event, session: Session, columns: int) -> RenderableType:
    """Return what a terminal of ``columns`` cells shows of an event."""
    match event:
        case SceneEntered(run, then):
            return Group(*([prose(then), Text("")] if then else []), scene_view(run, session, columns))
        case TokenDecoded(then=then):
            return decoding_view(session.run, session.run.at, then, columns)
        case ViewRequested("prompt", run):
            return prompt_view(run, columns)
        case InspectionShown(inspection):
            return inspection_view(inspection, columns)
        case ViewRequested(_, run):
            return emphasis_text("\n".join(transcript(run, columns)))
        case TreeShown() | PictureShown():  # where no full screen shows them
            return Text("\n".join(event_lines(event, session, columns)[1:]))
        case RunsCompared(first, second, names):
            return emphasis_text("\n".join(difference_lines(compare_runs(first, second), names, columns, bars=True)))
        case Rejected(text):
            return Text(text, style="strong")
        case Message(text, _) | Quit(text):  # the command in Quit is there to be copied: it is not wrapped
            return emphasis_text(hanging_text(text, columns)) if isinstance(event, Message) else Text(text)


def scene_view(run: Run, session: Session, columns: int) -> RenderableType:
    """Return the present scene; at an ending, also a line to share and the commands that go on."""
    if not is_ending(run.world, run.state):
        return current_scene_view(run, columns)
    share = Text(share_line(run, session.recorder.prior.instantiation, session.endings_found, "·"))
    next_steps = Text(f"The run has ended: {ENDING_COMMANDS_TEXT}.", style="quiet")
    return Group(current_scene_view(run, columns), Text(""), share, Text(""), next_steps)


def current_scene_view(run: Run, columns: int) -> RenderableType:
    """Return the present scene without its offers, which the prompt shows, or the ending with the words of the run."""
    below = figures_view(figures_after_scene(run, run.at), tally(run.world, run.state), run.world, columns)
    if is_ending(run.world, run.state):
        title, *summary = ending_lines(run, columns)
        return Group(prose(scene_text(run)), *below, Text(""), Text(title, style="strong"), *map(Text, summary))
    above = [*heading(run, columns), Text("")] if run.world.has_pass else []
    return Group(*above, prose(scene_text(run)), *below)


def heading(run: Run, columns: int) -> list[RenderableType]:
    """Return the words so far and the position in the pass: on one line where they fit, else on two."""
    words, place = words_so_far(run), position_line(run.world, run.state)
    gap = columns - cell_len(words.plain) - cell_len(place)
    if gap < MIN_GAP:
        return [words, Text(place, style="quiet")]
    return [words.append(" " * gap).append(place, style="quiet")]


def words_so_far(run: Run) -> Text:
    """Return the last line of the document, its last word reversed: the token that is being computed."""
    words = (*run.world.prompt[1:], *run.state.words)
    line = join(words).rsplit("\n", 1)[-1] or "\u2423"
    last = words[-1] if words[-1] != "\n" else ""
    before = line.removesuffix(last)
    return Text.assemble((before, "quiet"), (last or "a new line", "reverse"))


def decoding_view(run: Run, number: int, then: str, columns: int) -> RenderableType:
    """Return the decoding of turn ``number``: the likeliest words with bars, their source, and the word drawn.

    Where a model runs, a strip shows the probability of the drawn word by layer of the pass. Above are the readings of the
    turn's acts, below is what the decoding opens.
    """
    turn = run.turns[number - 1]
    inspector, word, state = run.inspector, turn.word or "", turn.state
    before, after = figures_before_decoding(run, number), figures_after_decoding(run, number)
    above = figures_view(before, tally(run.world, state_before_decoding(run, number)), run.world, columns)
    below = figures_view(after, tally(run.world, state), run.world, columns)
    likeliest = turn_distribution(run, turn).likeliest(LIKELIEST)
    source = "measured" if inspector.source == "model" else "written, not measured"
    rows: list[RenderableType] = [Text(f"The decoder comes ({source}).", style="strong")]
    rows += chance_rows(tuple(likeliest), columns, word)
    if inspector.source == "model":
        step = NARROW_STRIP_STEP if columns < NARROW else STRIP_STEP
        rows += depth_strip(decoder_trace(run.world, inspector, state.key, step), run.world)
    rows.append(Text.assemble(("It says ", "strong"), (quoted(word), "said"), (".", "strong")))
    return Group(*([prose(then)] if then else []), *above, *([Text("")] if then or above else []), *rows, *below)


def depth_strip(trace: DecoderTrace, world: World) -> list[Text]:
    """Return the probability of a word by layer, through the lens: a strip with a cell for each reading, and a legend."""
    row = Text("  1 ")
    for layer, probability in trace.probabilities:
        row.append(probability_cell(probability), "bar")
        if layer in (world.first_layer, world.boundary):
            row.append("│", "quiet")
    since = f"likeliest from layer {trace.likeliest_from} on" if trace.likeliest_from else "never the likeliest"
    marks = f"│ at {world.first_layer} and {world.boundary}"
    return [row.append(f" {world.layers}"), Text(f"  {quoted(trace.word)} by layer, {marks}: {since}.", style="quiet")]


def prompt_view(run: Run, columns: int) -> RenderableType:
    """Return the document so far; with a model, words with much of the attention so far are styled."""
    if run.inspector.source != "model" or is_ending(run.world, run.state):
        return Text("\n".join(prompt_lines(run, columns)))
    state = run.state
    shares = run.inspector.attention(state.key, state.layer)
    document = (*run.world.prompt, *state.words)
    even_share = 1 / len(document)
    text = Text()
    for word, share, following in zip(document[1:], shares[1:], (*document[2:], "\n"), strict=True):
        style = next((style for multiple, style in SHARE_STYLES if share >= multiple * even_share), "")
        text.append(word if word != "\n" else "", style=style)
        text.append("\n" if word == "\n" else "" if following in CLINGS else " ")
    samples = Text.assemble(*(piece for multiple, style in SHARE_STYLES for piece in ((f"{multiple} times", style), " ")))
    legend = Text.assemble("Measured. Of all looking so far, a word had at least ", samples, "an even share.")
    return Group(text, Text(""), legend, *map(Text, attention_lines(run, columns)))


def inspection_view(inspection: Inspection, columns: int) -> RenderableType:
    """Return an inspection of a pass: the lens by layer as bars, the probes as dials, then the attention in words."""
    narrow = columns < NARROW
    rows: list[RenderableType] = [Text(inspection_title(inspection), style="strong")]
    for lens in inspection.lenses:
        word, probability = lens.likeliest[0]
        nats = f"{lens.entropy:.2f}" if narrow else f"entropy {lens.entropy:.2f} of {inspection.max_entropy:.2f}"
        start = f"  layer {lens.layer:>2}  {nats} nats  {quoted(word)} {format_probability(probability)}"
        rank = rank_text(inspection, lens)
        cells = bar(probability, columns)[: max(columns - cell_len(start + rank) - 1, 0)]
        rows.append(Text.assemble(f"{start}{rank} ", (cells, "bar")))
    rows += [Text(note, style="quiet") for note in lens_notes(inspection)]
    if inspection.probes:
        width = max(len(name) for name, _ in inspection.probes)
        dial_width = NARROW_DIAL_WIDTH if narrow else DIAL_WIDTH
        rows += [
            Text(""),
            *(dial(f"{name.replace('_', ' '):<{width}}", score, dial_width) for name, score in inspection.probes),
        ]
    if probe_note(inspection):
        rows.append(Text(probe_note(inspection), style="quiet"))
    return Group(*rows, Text(""), *map(Text, attention_and_trace_lines(inspection, columns)))


def dial(name: str, score: float, width: int) -> Text:
    """Return a probe's score as a dial from -1 (no) to +1 (yes), with the number; past either end, its mark is an arrow."""
    index = round((min(max(score, -1.0), 1.0) + 1) / 2 * (width - 1))
    scale = ["─"] * width
    scale[width // 2] = "┼"
    left, right = "".join(scale[:index]), "".join(scale[index + 1 :])
    mark = "◄" if score < -1 else "►" if score > 1 else "●"
    return Text.assemble(f"  {name} no {left}", (mark, "bar"), f"{right} yes {score:+.2f}")
