"""Help beside the story: terms of a world's glossary, hints for its endings, a run's traces in the KV cache, the share line."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from forward_pass.errors import UsageError, did_you_mean, without_controls
from forward_pass.session.transcript import quoted
from forward_pass.story.distribution import format_probability
from forward_pass.story.engine import is_ending
from forward_pass.story.history import Run
from forward_pass.story.interventions import Intervention, Look, Note, Push, Rewrite
from forward_pass.story.nodes import Term
from forward_pass.story.world import World

HINT_STEPS = 3  # of a hint: a nudge, something clearer, the solution
CLAIM_TEXTS = {"measured": "Measured on this model.", "true": "True.", "invented": "Invented for the story."}
CREDITS = """\
Forward Pass is after the short story of that name by Andrej Karpathy (27 March 2021), \
karpathy.github.io/2021/03/27/forward-pass/. The idea came to him, he says, while reading Kevin Lacker's post “Giving GPT-3 \
a Turing Test” (2020). The story's facts and ideas carry over into the game; its sentences do not.

The game is ours, and its prose, and the model under it: 96 layers, trained from nothing on questions that our code writes. \
The numbers on the screen are measured on that model as you play, unless it says that they are written; those that the prose \
has in words were measured before, and tests hold most of them to the model. Type about and a term to be told which claims \
about transformers are measured, which are true, and which the story made up.

Code under the MIT licence, prose under CC BY 4.0. It stands on NumPy, prompt_toolkit, rich, PyYAML and platformdirs."""


def term_paragraphs(term: Term) -> str:
    """Return a term's text, and a paragraph with its claim, its source and related terms."""
    claim = CLAIM_TEXTS[term.claim]
    references = [f"{claim} Source: {term.source}." if term.source else claim]
    references += [f"See also {', '.join(term.see)}."] if term.see else []
    return f"{term.name[0].upper()}{term.name[1:]}. {term.text}\n\n{' '.join(references)}"


def term_row(term: Term) -> dict[str, object]:
    """Return a term for programs."""
    return {key: value for key, value in term._asdict().items() if key not in ("measured", "place")}


def terms(world: World) -> tuple[Term, ...]:
    """Return the terms of a world's glossary in alphabetical order."""
    return tuple(sorted(world.glossary, key=lambda term: term.name.casefold()))


def find_term(world: World, query: str) -> Term:
    """Return the term called ``query``, or the only one with a name that contains it; raises ``UsageError``."""
    wanted = " ".join(query.casefold().split())
    by_name = {name.casefold(): term for term in reversed(terms(world)) for name in (*term.also, term.name)}
    if wanted in by_name:
        return by_name[wanted]
    matches = list(dict.fromkeys(term for name, term in sorted(by_name.items()) if wanted in name))
    if len(matches) == 1:
        return matches[0]
    shown = without_controls(query, 40)
    if matches:
        raise UsageError(f"“{shown}” could be any of {', '.join(term.name for term in matches)}.")
    raise UsageError(f"Nothing is said about “{shown}”{did_you_mean(wanted, list(by_name))}. Type about for all there is.")


def terms_text(world: World) -> str:
    """Return the names of all terms, or the world's description where it has no glossary."""
    if not world.glossary:
        return world.about or world.title
    return f"{world.about}\n\nAbout any of these, type about TERM: {', '.join(term.name for term in terms(world))}."


class Hint(NamedTuple):
    """A hint for an ending not found yet: the number of the ending, the step of the hint (both from 1), and its text."""

    number: int
    step: int
    text: str

    @property
    def line(self) -> str:
        """The hint as a line."""
        more = f"hint {self.number} for more of it" if self.step < HINT_STEPS else "that is all there is to say of it"
        return f"Ending {self.number}, {('a nudge', 'clearer', 'plainly')[self.step - 1]}: {self.text} ({more})"


def found_count_text(world: World, found: Collection[str]) -> str:
    """Return how many endings were found."""
    return f"{sum(ending in found for ending in world.endings)} of {len(world.endings)} endings found"


def next_hint(world: World, found: Collection[str], steps_given: dict[str, int], number: str) -> Hint | None:
    """Return the next hint and count it in ``steps_given`` (by ending); None where every ending was found.

    ``number`` is that of an ending, as typed. Where it is empty, the hint is for the first ending not found with a step left.
    Raises ``UsageError`` where the world has no hints, no ending has the number, or that ending was found.
    """
    if not world.hints:
        raise UsageError(f"{world.title} has no hints.")
    missing = {index: ending for index, ending in enumerate(world.endings, 1) if ending not in found}
    if number:
        chosen = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 0  # noqa: PLR2004 - digits
        if not 1 <= chosen <= len(world.endings):
            raise UsageError(f"Endings have numbers from 1 to {len(world.endings)}; hint alone takes the next.")
        if chosen not in missing:
            raise UsageError(f"Ending {chosen} was found: {list(world.endings.values())[chosen - 1]}.")
    elif not missing:
        return None
    else:
        unfinished = (index for index, ending in missing.items() if steps_given.get(ending, 0) < HINT_STEPS)
        chosen = next(unfinished, next(iter(missing)))
    ending = missing[chosen]
    step = steps_given[ending] = min(steps_given.get(ending, 0) + 1, HINT_STEPS)
    return Hint(chosen, step, world.hints[ending][step - 1])


class CacheTrace(NamedTuple):
    """What an intervention left in the KV cache: at which token, from which layer up, and how much attention it has."""

    token: int
    word: str
    layer: int
    what: str
    share: float | None  # of the present token's attention so far; None where no head has attended yet

    def line(self, uniform_share: float) -> str:
        """Return the trace as a line; ``uniform_share`` is its share if attention were even over all positions."""
        looked = ""
        if self.share is not None:
            looked = f" Looked at so far by {100 * self.share:.1f} %; an even share is {100 * uniform_share:.1f} %."
        return f"{self.token} {quoted(self.word)}, from layer {self.layer} up: {self.what}.{looked}"


def cache_traces(run: Run) -> tuple[CacheTrace, ...]:
    """Return what the interventions of a run left in its KV cache, in the order in which they were made."""
    world, state = run.world, run.state
    attention: list[float] = []
    if run.inspector.source == "model" and not is_ending(world, state):
        attention = run.inspector.attention(state.key, state.layer)
    document = (*world.prompt, *state.words)
    traces = []
    for offset, acts in enumerate(state.acts):
        for act in acts:
            intervention = world.acts[act.name].intervention
            rewritten = intervention.position + 1 if isinstance(intervention, Rewrite) else 0
            position, what = rewritten or world.first_token + offset, _trace_text(intervention)
            if what:
                share = attention[position - 1] if attention and sum(attention) else None
                traces.append(CacheTrace(position, document[position - 1], act.layer, what, share))
    return tuple(traces)


def _trace_text(intervention: Intervention | None) -> str:
    """Return what an intervention leaves in the keys and values of a token; empty where it leaves nothing of its own."""
    match intervention:
        case Note(words, carrier, ink):
            reduced = "" if ink == 1 else f", at {format_probability(ink)} of its strength"
            return f"{quoted(words[carrier])}, as a note that says it would leave it{reduced}"
        case Rewrite(_, word):
            return f"remembered as {quoted(word)}"
        case Push():
            return "a thought without a label"
        case Look():
            return "what came of looking hard at one place"
    return ""


def cache_text(run: Run) -> str:
    """Return what the interventions of a run left in its KV cache, a line each."""
    traces = cache_traces(run)
    if not traces:
        return "Nothing was written into the cache but what the words themselves leave there."
    uniform_share = 1 / (len(run.world.prompt) + len(run.state.words))
    return "\n".join(trace.line(uniform_share) for trace in traces)


def share_line(run: Run, instantiation: int, found: Collection[str], separator: str) -> str:
    """Return a line about an ended run that can be shared without spoilers."""
    world = run.world
    token = world.telling_token
    decoded = [turn for turn in run.path if turn.word is not None]
    shared = [turn for turn in decoded if turn.state.token - 1 == token] or decoded[-1:]
    parts = [world.title, *([f"instantiation {instantiation}"] if world.has_pass else [])]
    parts += [f"{quoted(turn.word or '')} at {format_probability(turn.probability or 0.0)}" for turn in shared]
    parts.append(f"{sum(ending in found for ending in world.endings)} of {len(world.endings)} endings")
    return f" {separator} ".join(parts)


def verbs(world: World) -> dict[str, str]:
    """Return what a world's verbs mean, by name."""
    return {verb.name: verb.about for verb in world.story.verbs}


def verbs_text(world: World) -> str:
    """Return what a world's verbs mean, a line each."""
    if not world.story.verbs:
        return f"{world.title} has no verbs beside its choices."
    rows = "\n".join(f"  {verb.name:<8} {verb.about}" for verb in world.story.verbs)
    return (
        f"A verb stands beside a choice that does something to the pass, or asks it something. Others are thoughts.\n\n{rows}"
    )
