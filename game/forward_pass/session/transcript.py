"""A run as plain text: scenes, offers, decodings, inspections and whole transcripts. Prints nothing, styles nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from forward_pass.session.decision import decision, decision_text
from forward_pass.session.figures import lines_after_decoding, lines_after_scene, lines_before_decoding
from forward_pass.session.inspection import inspect_pass
from forward_pass.session.wrapping import wrap_line
from forward_pass.story.distribution import Distribution, format_nats, format_probability
from forward_pass.story.engine import Availability, closed_text, is_ending, offers
from forward_pass.story.history import Run, Turn, at_turn
from forward_pass.story.measurements import log_likelihood, untouched_log_likelihood
from forward_pass.story.ports import Inspector
from forward_pass.story.state import State
from forward_pass.story.tokeniser import join
from forward_pass.story.world import World

if TYPE_CHECKING:
    from forward_pass.session.inspection import DecoderTrace, Inspection, LensReading

EMPHASIS = re.compile(r"\*(?![ \n])([^*]+?)(?<![ \n])\*")  # in a world's text; may span line ends
MAX_PROSE_COLUMNS = 72  # the default width of prose, in terminal cells
PROBE_NOTE = (
    "A probe's score is near +1 for yes and near -1 for no; it is not a probability. Each was fitted where a count is about "
    "to be said, and tested there alone."
)
LEVEL_ENTROPY = 0.9  # of the greatest: a lens above it is called nearly level
LEVEL_NOTE = (
    "Where the entropy is near its greatest the lens is nearly level: the stream points mostly where the unembedding reads "
    "little, and the words' logits are small. Their order may be settled all the same, and an act may have turned the stream."
)
MAX_LIKELIEST = 3  # words of a distribution that a decoding names
NO_BREAK = "\u00a0"


def wrap(text: str, width: int) -> list[str]:
    """Return text as lines of at most ``width`` characters, an empty line between paragraphs; indented lines stay indented."""
    lines: list[str] = []
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            lines.append("")
        for line in paragraph.split("\n"):
            indent = " " * min(len(line) - len(line.lstrip(" ")), width // 2)
            lines.extend(wrap_line(line.strip(), width, initial_indent=indent, subsequent_indent=indent) or [""])
    return lines


def layers_text(count: int) -> str:
    """Return a count of layers with its noun."""
    return f"{count} layer" if count == 1 else f"{count} layers"


def quoted(word: str) -> str:
    """Return a word of the document in quotes, a line end by name."""
    return "a new line" if word == "\n" else f"“{word}”"


def current_word(world: World, state: State) -> str:
    """Return the word of the token that is being computed."""
    return state.words[-1] if state.words else world.prompt[-1]


def opening_line(world: World, inspector: Inspector, instantiation: int) -> str:
    """Return the line above a run: the world, the number of this instantiation, and what makes its words, if it has a pass."""
    if not world.has_pass:
        return f"{world.title}."
    source = "computed by its model" if inspector.source == "model" else "written: no model runs under this world"
    return f"{world.title}. Instantiation {instantiation}. The words that come out are {source}."


def position_line(world: World, state: State) -> str:
    """Return the position of the pass: the token, its word, the layer, and how many layers are left; empty without a pass."""
    if not world.has_pass:
        return ""
    left = layers_text(world.boundary - state.layer)
    return f"[{state.token} {quoted(current_word(world, state))}, layer {state.layer} of {world.layers}; {left} to the decoder]"


def verb_and_cost_text(offer: Availability) -> str:
    """Return the verb of an offer, if it has one, and its cost in layers, if it has one; else nothing."""
    cost = cost_text(offer) if offer.cost or offer.choice.node.decodes else ""
    return " · ".join(filter(None, (offer.choice.node.verb, cost)))


def cost_text(offer: Availability) -> str:
    """Return the cost of an offer in layers."""
    cost = layers_text(offer.cost)
    if offer.choice.node.decodes:
        cost = f"the last {cost}" if offer.cost > 1 else "the last layer"
    elif offer.cut_short:
        cost += ", more than are left"
    return cost


def offer_lines(run: Run, width: int, notes: Mapping[str, str] | None = None) -> list[str]:
    """Return the offers in the present state: the open ones numbered, then the closed ones with the reason.

    ``notes`` has by choice what else is to be said of it.
    """
    present = offers(run.world, run.state)
    lines: list[str] = []
    for number, offer in enumerate((offer for offer in present if offer.is_open), 1):
        note = notes.get(offer.id, "") if notes else ""
        lines += wrap_offer(run, offer, f"{number}. ", width, offer_tail(offer, note))
    for offer in present:
        if not offer.is_open:
            lines += wrap_offer(run, offer, "-  ", width)
    return lines


def wrap_offer(run: Run, offer: Availability, prefix: str, width: int, tail: str | None = None) -> list[str]:
    """Return an offer as lines after ``prefix``: its text, and its cost, on one line, or why it is closed.

    ``tail`` is what stands at the end in place of ``offer_tail``.
    """
    say = offer.choice.say(run.state, run.inspector)
    if offer.is_open:
        end = offer_tail(offer) if tail is None else tail
        text = f"{say}  {end.replace(' ', NO_BREAK) if len(end) <= width - len(prefix) else end}".rstrip()
    else:
        text = f"Closed: {say} ({closed_text(run.world, run.inspector, run.state, offer)})"
    lines = wrap_line(text, width, initial_indent=prefix, subsequent_indent="   ")
    return [line.replace(NO_BREAK, " ") for line in lines]


def offer_tail(offer: Availability, note: str = "") -> str:
    """Return what stands after the words of an open offer: its verb and cost, whether it was taken before, a note."""
    taken = "taken before" if offer.taken and not offer.only_goes_on else ""
    return ", ".join(filter(None, (verb_and_cost_text(offer), taken, note)))


def decoding_line(turn: Turn, distribution: Distribution, inspector: Inspector) -> str:
    """Return a decoding as a line: the likeliest words, whether they were measured or written, and the word drawn."""
    source = "measured" if inspector.source == "model" else "written"
    decoding = f"The decoder comes: {likely_words_text(distribution)} ({source}). It says {quoted(turn.word or '')}."
    return f"[{decoding}]"


def likely_words_text(distribution: Distribution) -> str:
    """Return the likeliest words of a distribution with their probabilities."""
    return ", ".join(f"{quoted(word)} {format_probability(p)}" for word, p in distribution.likeliest(MAX_LIKELIEST))


def turn_distribution(run: Run, turn: Turn) -> Distribution:
    """Return the distribution that a turn's word was drawn from."""
    return run.inspector.distribution(turn.decoding)


def then_text(run: Run, turn: Turn) -> str:
    """Return the ``then`` text of the choice that a turn took; empty where it has none."""
    then = turn.taken(run.world).then
    return then(turn.then_state, run.inspector) if then else ""


def choice_text(run: Run, turn: Turn) -> str:
    """Return the text of the choice that a turn took."""
    return turn.taken(run.world).say(turn.before, run.inspector)


def scene_text(run: Run) -> str:
    """Return the text of the present scene."""
    return run.world.scene(run.state.scene).text(run.state, run.inspector)


def ending_lines(run: Run, width: int) -> list[str]:
    """Return the lines under an ending: its title, the words decoded with their log-likelihood, and what decided them."""
    texts = [f"Ending: {run.world.scene(run.state.scene).title}."]
    if not run.world.has_pass:
        return wrap(texts[0], width)
    words = join(run.state.words).strip()
    decided = decision(run)
    texts += [likelihood_text(run, words) if words else "Nothing was said."]
    texts += [decision_text(decided)] if decided else []
    return [line for text in texts for line in wrap(text, width)]


def likelihood_text(run: Run, words: str) -> str:
    """Return the log-likelihood of all decoded words, under the passes that drew them and under unmodified ones."""
    total = f"Said in all: {quoted(words)}, log-likelihood {format_nats(run_log_likelihood(run))} nats"
    if run.inspector.source != "model":
        return f"{total}."
    unmodified = format_nats(untouched_log_likelihood(run.inspector, run.state.words))
    return f"{total} at temperature 1; the same words, untouched: {unmodified}."


def run_log_likelihood(run: Run) -> float:
    """Return the log-likelihood in nats of the words decoded so far, each under the pass that drew it."""
    return log_likelihood(run.inspector, run.state.key)


def prompt_lines(run: Run, width: int) -> list[str]:
    """Return the prompt and the words decoded since as lines, without the document marker (the first token)."""
    document = join((*run.world.prompt[1:], *run.state.words)).strip("\n").split("\n")
    lines: list[str] = []
    for line in document:
        lines.extend(wrap_line(line, width, subsequent_indent="   ") or [""])
    return lines


def count_text(number: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def turn_lines(run: Run, number: int, width: int) -> list[str]:
    """Return turn ``number`` (from 1) of a run as lines: the choice, its ``then`` text and the decoding."""
    turn = run.turns[number - 1]
    lines = [*wrap_line(choice_text(run, turn), width, initial_indent="> ", subsequent_indent="  "), ""]
    then = then_text(run, turn)
    if then:
        lines += [*wrap(then, width), ""]
    if turn.word is not None:
        lines += decoding_lines(run, number, width)
    return lines


def decoding_lines(run: Run, number: int, width: int) -> list[str]:
    """Return the decoding of turn ``number`` (from 1), below the readings of its acts and above what it opens."""
    turn = run.turns[number - 1]
    before = [line for text in lines_before_decoding(run, number) for line in wrap(text, width)]
    after = [line for text in lines_after_decoding(run, number) for line in wrap(text, width)]
    decoding = wrap(decoding_line(turn, turn_distribution(run, turn), run.inspector), width)
    return [*([*before, ""] if before else []), *decoding, *(["", *after] if after else []), ""]


def scene_lines(run: Run, width: int) -> list[str]:
    """Return the present scene or ending as lines, without its offers: its text, and the figures that belong below it."""
    below = [line for text in lines_after_scene(run, run.at) for line in wrap(text, width)]
    lines = [*wrap(scene_text(run), width), *(["", *below] if below else [])]
    if is_ending(run.world, run.state):
        return [*lines, "", *ending_lines(run, width)]
    position = position_line(run.world, run.state)
    return [*wrap(position, width), "", *lines] if position else lines


def transcript(run: Run, width: int) -> Iterator[str]:
    """Yield the lines of a whole run, from the opening to the present turn."""
    yield from wrap(opening_line(run.world, run.inspector, run.opening.prior.instantiation), width)
    yield ""
    yield from scene_lines(at_turn(run, 0), width)
    for number in range(1, run.at + 1):
        yield ""
        yield from turn_lines(run, number, width)
        yield from scene_lines(at_turn(run, number), width)


def attention_lines(run: Run, width: int) -> list[str]:
    """Return where the attention of the current pass went so far; nothing where the words are written or the run has ended."""
    if run.inspector.source != "model" or is_ending(run.world, run.state):
        return []
    inspection = inspect_pass(run.world, run.inspector, run.state.key, run.state.layer)
    return ["", *wrap(_attention_text(inspection), width)]


def _attention_text(inspection: Inspection) -> str:
    if not inspection.top_attention:
        return "The heads that see everything have not looked yet."
    looks = [f"{quoted(look.word)} at {look.position} ({format_probability(look.share)})" for look in inspection.top_attention]
    text = f"Strongest looks, averaged over the heads so far: {', '.join(looks)}."
    if inspection.sharpest is None:
        return text
    head, word = inspection.sharpest
    look = f"{quoted(word)} at {head.at + 1} ({format_probability(head.share)})"
    return f"{text} The sharpest single head, {head.layer}.{head.head}: {look}."


def inspection_title(inspection: Inspection) -> str:
    """Return which pass an inspection shows, and up to which layer."""
    token = f"Token {inspection.token}, {quoted(inspection.word)}"
    return f"{token}, up to layer {inspection.layer} of {inspection.layers}. All of this is measured."


def inspection_lines(inspection: Inspection, width: int) -> list[str]:
    """Return an inspection as lines: the lens by layer, the probes, the positions most attended to, and the previous pass."""
    lines = wrap(inspection_title(inspection), width)
    for lens in inspection.lenses:
        words = ", ".join(f"{quoted(word)} {format_probability(p)}" for word, p in lens.likeliest)
        text = f"Lens at layer {lens.layer}: {words}; entropy {lens.entropy:.2f} of {inspection.max_entropy:.2f} nats"
        lines += wrap_line(f"{text}{rank_text(inspection, lens)}.", width, subsequent_indent="  ")
    lines += [line for note in lens_notes(inspection) for line in wrap(note, width)]
    for name, score in inspection.probes:
        lines += wrap_line(f"Probe for {name.replace('_', ' ')}: {score:+.2f}.", width, subsequent_indent="  ")
    lines += wrap(probe_note(inspection), width)
    return [*lines, *attention_and_trace_lines(inspection, width)]


def rank_text(inspection: Inspection, lens: LensReading) -> str:
    """Return the rank, under the lens, of the word that the pass ends on; empty where that word is not known yet."""
    if lens.rank is None or inspection.outcome is None:
        return ""
    return f"; {quoted(inspection.outcome[0])} is number {lens.rank}"


def lens_notes(inspection: Inspection) -> list[str]:
    """Return what a reader of the lens has to know: that it is nearly level somewhere, and from where the word is settled."""
    level = any(lens.entropy >= LEVEL_ENTROPY * inspection.max_entropy for lens in inspection.lenses)
    notes = [LEVEL_NOTE] if level else []
    if inspection.outcome:
        word, layer = inspection.outcome
        notes.append(f"{quoted(word)} is {'never the likeliest' if layer is None else f'likeliest from layer {layer} on'}.")
    return notes


def probe_note(inspection: Inspection) -> str:
    """Return what is to be known of the probes shown, or where they are shown; empty where the model has none."""
    if inspection.probes:
        return PROBE_NOTE
    return f"Probes are shown at token {inspection.probes_at} alone, where they were tested." if inspection.probes_at else ""


def attention_and_trace_lines(inspection: Inspection, width: int) -> list[str]:
    """Return the positions most attended to, and how the previous pass came to its word."""
    previous = inspection.previous
    trace = wrap(decoder_trace_text(previous, inspection.boundary), width) if previous else []
    return [*wrap(_attention_text(inspection), width), *trace]


def decoder_trace_text(trace: DecoderTrace, boundary: int) -> str:
    """Return how a finished pass came to its word: the word's probability at the boundary layer and above."""
    above = [(layer, p) for layer, p in trace.probabilities if layer >= boundary]
    by_layer = ", ".join(f"{format_probability(p)} at layer {layer}" for layer, p in above)
    since = f"likeliest from layer {trace.likeliest_from} on" if trace.likeliest_from else "never the likeliest"
    said = f"The pass before this, token {trace.token}, said {quoted(trace.word)}"
    return f"{said}. Read as the last layer is, it had {by_layer}; {since}."
