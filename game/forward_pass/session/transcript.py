"""A run as words: scenes, offers, decodings and whole transcripts as plain lines. Prints nothing, styles nothing."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from forward_pass.story.distribution import Distribution, PassPort, format_nats, format_probability
from forward_pass.story.engine import Offer, is_ending, offers, scene_of
from forward_pass.story.history import Run, Turn, at_turn
from forward_pass.story.measurements import log_likelihood, unmodified_log_likelihood
from forward_pass.story.state import State
from forward_pass.story.tokeniser import join
from forward_pass.story.world import World

if TYPE_CHECKING:
    from forward_pass.session.inspection import DecoderTrace, Inspection

EMPHASIS = re.compile(r"\*(?![ \n])([^*]+?)(?<![ \n])\*")  # in a world's text; may go on over the end of a line
MEASURE = 72  # the widest line of prose, in cells
FITTED_MEASURE = (
    "A probe's score is near +1 for yes and near -1 for no; it is not a probability. They were fitted where a count is about "
    "to be said; elsewhere they mean little, and can run past either end."
)
LIKELIEST = 3  # how many words a decoding names


def wrap(text: str, width: int) -> list[str]:
    """Return text set to a width, paragraphs parted by empty lines; a line that stands as it is keeps its indentation."""
    lines: list[str] = []
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            lines.append("")
        for line in paragraph.split("\n"):
            indent = " " * min(len(line) - len(line.lstrip(" ")), width // 2)
            lines.extend(textwrap.wrap(line.strip(), width, initial_indent=indent, subsequent_indent=indent) or [""])
    return lines


def layers(count: int) -> str:
    """Return a number of layers in words."""
    return f"{count} layer" if count == 1 else f"{count} layers"


def quoted(word: str) -> str:
    """Return a word of the document as it is spoken of: in quotes, the end of a line by name."""
    return "a new line" if word == "\n" else f"“{word}”"


def current_word(world: World, state: State) -> str:
    """Return the word of the token that is being computed."""
    return state.words[-1] if state.words else world.prompt[-1]


def opening_line(world: World, measure: PassPort, instantiation: int) -> str:
    """Return what is said above a run: the world, the number of this instantiation, and where its words come from."""
    source = "computed by its model" if measure.source == "model" else "written: no model runs under this world"
    return f"{world.title}. Instantiation {instantiation}. The words that come out are {source}."


def place_line(world: World, state: State) -> str:
    """Return where the pass stands: the token, its word, the layer, and how many are left."""
    left = layers(world.boundary - state.layer)
    return f"[{state.token} {quoted(current_word(world, state))}, layer {state.layer} of {world.layers}; {left} to the decoder]"


def cost_words(offer: Offer) -> str:
    """Return what an offer costs, in words."""
    if offer.choice.decodes:
        return "all that is left"
    return f"{layers(offer.cost)}, more than are left" if offer.cut else layers(offer.cost)


def offer_lines(run: Run, width: int) -> list[str]:
    """Return the offers of the present state: the open ones numbered, then the closed ones with the reason."""
    here = offers(run.world, run.measure, run.state)
    shown: list[str] = []
    for number, offer in enumerate((offer for offer in here if offer.open), 1):
        shown += offer_row(run, offer, f"{number}. ", width)
    for offer in here:
        if not offer.open:
            shown += offer_row(run, offer, "-  ", width)
    return shown


def offer_row(run: Run, offer: Offer, lead: str, width: int) -> list[str]:
    """Return an offer behind its lead: what it says, and what it costs or why it is closed."""
    say = offer.choice.say(run.state, run.measure)
    again = ", taken before" if offer.taken else ""
    text = f"{say} ({cost_words(offer)}{again})" if offer.open else f"Closed: {say} ({offer.why})"
    return textwrap.wrap(text, width, initial_indent=lead, subsequent_indent="   ")


def decoding_line(turn: Turn, distribution: Distribution, measure: PassPort) -> str:
    """Return a decoding in words: what was likely, whether that was measured or written, and what came out."""
    came = "measured" if measure.source == "model" else "written"
    said = f"The decoder comes: {likely_words(distribution)} ({came}). It says {quoted(turn.word or '')}."
    return f"[{' '.join([said, *running_likelihood_text(turn, measure)])}]"


def running_likelihood_text(turn: Turn, measure: PassPort) -> list[str]:
    """Return, in a sentence, how likely all that was said so far was to the passes that said it and to one nobody touched."""
    if measure.source != "model":
        return []
    own, untouched = running_likelihoods(turn, measure)
    return [f"Log-likelihood so far: {format_nats(own)} nats; to a pass that nobody touched, {format_nats(untouched)}."]


def running_likelihoods(turn: Turn, measure: PassPort) -> tuple[float, float]:
    """Return the log-likelihood in nats of all words up to a turn: under the passes that drew them, under untouched ones."""
    words = turn.state.words
    return log_likelihood(measure, words, turn.state.acts), unmodified_log_likelihood(measure, words)


def likely_words(distribution: Distribution) -> str:
    """Return the likeliest words of a distribution with their chances."""
    return ", ".join(f"{quoted(word)} {format_probability(chance)}" for word, chance in distribution.likeliest(LIKELIEST))


def turn_distribution(run: Run, turn: Turn) -> Distribution:
    """Return the distribution that a turn's word was drawn from."""
    words = turn.state.words[:-1]
    return run.measure.distribution(words, turn.state.acts[: len(words) + 1])


def then_text(run: Run, number: int) -> str:
    """Return what was said as turn ``number`` (from 1) was carried out, before its decoding or its scene."""
    turn = run.turns[number - 1]
    before = run.turns[number - 2].state if number > 1 else run.opening
    then = run.world.scene(before.scene).by_id[turn.choice].then
    after = turn.state if turn.word is None else before
    return then(after, run.measure) if then else ""


def choice_words(run: Run, number: int) -> str:
    """Return the words of the choice that turn ``number`` (from 1) took."""
    before = run.turns[number - 2].state if number > 1 else run.opening
    return run.world.scene(before.scene).by_id[run.turns[number - 1].choice].say(before, run.measure)


def scene_text(run: Run) -> str:
    """Return the text of the present scene."""
    return scene_of(run.world, run.state).text(run.state, run.measure)


def ending_lines(run: Run, width: int) -> list[str]:
    """Return what is said under an ending: its title, the words that came out and their log-likelihood."""
    title = run.world.scene(run.state.scene).title
    words = join(run.state.words).strip()
    return [*wrap(f"Ending: {title}.", width), *wrap(likelihoods(run, words) if words else "Nothing was said.", width)]


def likelihoods(run: Run, words: str) -> str:
    """Return how likely the words that came out were, to the pass that said them and to one that nobody touched."""
    own = run_log_likelihood(run)
    total = f"Said in all: {quoted(words)}, log-likelihood {format_nats(own)} nats"
    if run.measure.source != "model":
        return f"{total}."
    return f"{total}; to the pass that nobody touched, {format_nats(unmodified_log_likelihood(run.measure, run.state.words))}."


def run_log_likelihood(run: Run) -> float:
    """Return the log-likelihood in nats of the words that came out so far, each under the pass that drew it."""
    return log_likelihood(run.measure, run.state.words, run.state.acts)


def prompt_lines(run: Run, width: int) -> list[str]:
    """Return the prompt as typed and the words that came out since, set to a width; the document's mark is left out."""
    typed = join((*run.world.prompt[1:], *run.state.words)).strip("\n").split("\n")
    lines: list[str] = []
    for line in typed:
        lines.extend(textwrap.wrap(line, width, subsequent_indent="   ") or [""])
    return lines


def turn_lines(run: Run, number: int, width: int) -> list[str]:
    """Return turn ``number`` (from 1) of a run as lines: the choice, what it said, the decoding, and the scene it led to."""
    turn = run.turns[number - 1]
    lines = [*textwrap.wrap(choice_words(run, number), width, initial_indent="> ", subsequent_indent="  "), ""]
    then = then_text(run, number)
    if then:
        lines += [*wrap(then, width), ""]
    if turn.word is not None:
        lines += [*wrap(decoding_line(turn, turn_distribution(run, turn), run.measure), width), ""]
    return lines


def standing_lines(run: Run, width: int) -> list[str]:
    """Return the present scene or ending as lines, without its offers."""
    if is_ending(run.world, run.state):
        return [*wrap(scene_text(run), width), "", *ending_lines(run, width)]
    return [*wrap(place_line(run.world, run.state), width), "", *wrap(scene_text(run), width)]


def transcript(run: Run, width: int) -> Iterator[str]:
    """Yield the lines of a whole run, from the opening to the present turn."""
    yield from wrap(opening_line(run.world, run.measure, run.opening.prior.instantiation), width)
    yield ""
    yield from standing_lines(at_turn(run, 0), width)
    for number in range(1, run.at + 1):
        yield ""
        yield from turn_lines(run, number, width)
        yield from standing_lines(at_turn(run, number), width)


def attention_lines(run: Run, width: int) -> list[str]:
    """Return where the heads of the pass under way have looked, in words; nothing where no model looks."""
    if run.measure.source != "model" or is_ending(run.world, run.state):
        return []
    state = run.state
    from forward_pass.session.inspection import inspect_pass  # noqa: PLC0415 - the first scene can do without

    read = inspect_pass(run.world, run.measure, state.words, state.acts, state.layer)
    return ["", *wrap(_looks(read), width)]


def _looks(read: Inspection) -> str:
    if not read.strongest:
        return "The heads that see everything have not looked yet."
    looks = ", ".join(f"{quoted(look.word)} at {look.position} ({format_probability(look.share)})" for look in read.strongest)
    return f"Strongest looks, of all attention so far: {looks}."


def inspection_title(read: Inspection) -> str:
    """Return what is laid open: which pass, and up to which layer."""
    return f"Token {read.token}, {quoted(read.word)}, up to layer {read.layer} of {read.layers}. All of this is measured."


def inspection_lines(read: Inspection, width: int) -> list[str]:
    """Return a pass laid open in plain words: the lens by layer, the probes, and the strongest looks."""
    lines = wrap(inspection_title(read), width)
    for lens in read.lenses:
        words = ", ".join(f"{quoted(word)} {format_probability(chance)}" for word, chance in lens.likeliest)
        text = f"Lens at layer {lens.layer}: {words}; entropy {lens.entropy:.2f} of {read.most_entropy:.2f} nats."
        lines += textwrap.wrap(text, width, subsequent_indent="  ")
    for name, score in read.probes:
        lines += textwrap.wrap(f"Probe for {name.replace('_', ' ')}: {score:+.2f}.", width, subsequent_indent="  ")
    return [*lines, *(wrap(FITTED_MEASURE, width) if read.probes else []), *attention_and_trace_lines(read, width)]


def attention_and_trace_lines(read: Inspection, width: int) -> list[str]:
    """Return, in words, where the heads looked most, and how the pass before this one came to its word."""
    before = wrap(decoder_trace_text(read.before, read.boundary), width) if read.before else []
    return [*wrap(_looks(read), width), *before]


def decoder_trace_text(before: DecoderTrace, boundary: int) -> str:
    """Return, in words, how a pass that is over came to what it said: where it stood at the boundary, and above it."""
    word = quoted(before.word)
    above = [(layer, chance) for layer, chance in before.chances if layer >= boundary]
    read = ", ".join(f"{format_probability(chance)} at layer {layer}" for layer, chance in above)
    since = f"likeliest from layer {before.since} on" if before.since else "never the likeliest"
    return f"The pass before this, token {before.token}, said {word}. Read as the last layer is, it had {read}; {since}."
