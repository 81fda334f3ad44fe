"""Scenes, offers, decodings and problems as rich renderables. Prints nothing; a world's text is never read as markup."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from game.about import share_line
from game.branches import difference, difference_lines, tree_lines
from game.decoder import Measure, figures
from game.engine import ended
from game.instruments import Instruments
from game.play import Arrived, Asked, Branched, Compared, Decoded, Event, Left, Opened, Play, Refused, Told
from game.run import Run
from game.tokeniser import join
from game.transcript import (
    EMPHASIS,
    cost_words,
    ending_lines,
    instrument_lines,
    place_line,
    prompt_lines,
    quoted,
    running_words,
    scene_text,
    transcript,
)

PAINT = ((8, "bold reverse"), (4, "bold underline"), (2, "underline"))  # times an even share, from the strongest down
CLINGING = (".", "?", ",", "\n")  # what stands directly behind a word
BARS = 3  # how many words a decoding shows
BAR = 24  # cells of a bar for a probability of 1


def prose(text: str) -> RenderableType:
    """Return paragraphs with ``*emphasis*`` set in italics; an indented line keeps its place."""
    return Group(*(line for number, paragraph in enumerate(text.split("\n\n")) for line in _paragraph(paragraph, number)))


def _paragraph(paragraph: str, number: int) -> list[RenderableType]:
    lines: list[RenderableType] = [Text("")] if number else []
    for line in paragraph.split("\n"):
        indent = len(line) - len(line.lstrip(" "))
        lines.append(Padding(_emphasised(line.strip()), (0, 0, 0, indent)))
    return lines


def _emphasised(text: str) -> Text:
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
        case Decoded():
            return decoding(event, play.measure)
        case Asked("prompt", run):
            return painted_prompt(run, columns)
        case Opened(read):
            return opened(read, columns)
        case Asked(_, run):
            return Text("\n".join(transcript(run, columns)))
        case Branched(shelf, here):
            return Text("\n".join(tree_lines(shelf, columns, here)))
        case Compared(first, second, names):
            return Text("\n".join(difference_lines(difference(first, second), names, columns, bars=True)))
        case Refused(text):
            return Text(text, style="strong")
        case Told(text, _) | Left(text):
            return Text(text)


def arrival(run: Run, play: Play, columns: int) -> RenderableType:
    """Return the present scene with its offers, or the ending with what was said."""
    if ended(run.world, run.state):
        title, *said = ending_lines(run, columns)
        foot = Text("The run has ended: undo, restart, transcript or quit.", style="quiet")
        shared = Text(share_line(run, play.keeping.facts.instantiation, play.found, "·"))
        return Group(
            prose(scene_text(run)), Text(""), Text(title, style="strong"), *map(Text, said), Text(""), shared, Text(""), foot
        )
    return Group(
        words_so_far(run),
        Text(place_line(run.world, run.state), style="quiet"),
        Text(""),
        prose(scene_text(run)),
        Text(""),
        *offer_rows(play),
    )


def words_so_far(run: Run) -> Text:
    """Return the line of the document that is being written, its last word marked: that is where the pass is."""
    words = (*run.world.prompt[1:], *run.state.words)
    line = join(words).rsplit("\n", 1)[-1] or "\u2423"
    last = words[-1] if words[-1] != "\n" else ""
    head = line.removesuffix(last)
    return Text.assemble((head, "quiet"), (last or "a new line", "reverse"))


def offer_rows(play: Play) -> list[RenderableType]:
    """Return the offers: the open ones numbered, then the closed ones with their reasons."""
    run = play.run
    rows: list[RenderableType] = []
    for number, offer in enumerate(play.open_offers, 1):
        taken = ", taken before" if offer.taken else ""
        say = _emphasised(offer.choice.say(run.state, run.measure))
        rows.append(_hanging(f"{number}.", say.append(f"  ({cost_words(offer)}{taken})", style="quiet")))
    for offer in play.closed_offers:
        say = Text(f"{offer.choice.say(run.state, run.measure)} (closed: {offer.why})", style="quiet")
        rows.append(_hanging("-", say))
    return rows


def _hanging(lead: str, text: Text) -> RenderableType:
    row = Table.grid(padding=(0, 1))
    row.add_column(width=3, justify="right")
    row.add_column(overflow="fold")
    row.add_row(lead, text)
    return row


def decoding(event: Decoded, measure: Measure) -> RenderableType:
    """Return a decoding: the likeliest words with bars, whether they were measured or written, and the word that came."""
    likely = event.distribution.likeliest(BARS)
    longest = max(len(quoted(word)) for word, _ in likely)
    came = "measured" if measure.source == "model" else "written, not measured"
    rows: list[RenderableType] = [Text(f"The decoder comes ({came}).", style="strong")]
    for word, chance in likely:
        bar = "█" * round(BAR * chance) or "▏"
        rows.append(Text.assemble(f"  {quoted(word):<{longest}} {figures(chance):<6} ", (bar, "bar")))
    rows.append(Text(f"It says {quoted(event.turn.word or '')}.", style="strong"))
    rows += [Text(words, style="quiet") for words in running_words(event.turn, measure)]
    return Group(*([prose(event.then), Text("")] if event.then else []), *rows)


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
    return Group(shown, Text(""), legend)


def opened(read: Instruments, columns: int) -> RenderableType:
    """Return a pass laid open: the lens by layer as bars, then the probes and the strongest looks in words."""
    head, rest = instrument_lines(read, columns)[:1], instrument_lines(read._replace(lenses=()), columns)
    rows: list[RenderableType] = [Text(line, style="strong") for line in head]
    for lens in read.lenses:
        word, chance = lens.likeliest[0]
        bar = "█" * round(BAR * chance) or "▏"
        nats = f"{lens.entropy:.2f} of {read.most_entropy:.2f} nats"
        rows.append(Text.assemble(f"  layer {lens.layer:>2}  {nats}  {quoted(word):<10} {figures(chance):<6} ", (bar, "bar")))
    return Group(*rows, Text(""), *map(Text, rest[1:]))
