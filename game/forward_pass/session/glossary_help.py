"""What can be asked about beside the story: the terms of a world's glossary, hints for its endings, what a run has written."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from forward_pass.errors import UsageError, did_you_mean
from forward_pass.session.transcript import quoted
from forward_pass.story.distribution import format_probability
from forward_pass.story.engine import is_ending
from forward_pass.story.history import Run
from forward_pass.story.world import World

STEPS = 3  # of a hint: a nudge, something clearer, the plain way
CLAIMS = {"measured": "Measured on this model.", "true": "True.", "invented": "Invented for the story."}
CREDITS = """\
Forward Pass is after the short story of that name by Andrej Karpathy (27 March 2021), \
karpathy.github.io/2021/03/27/forward-pass/. The idea came to him, he says, while reading Kevin Lacker's post “Giving GPT-3 \
a Turing Test” (2020). The story's facts and ideas carry over into the game; its sentences do not.

The game is ours, and its prose, and the model under it: 96 layers, trained from nothing on questions that our code writes. \
Every number on the screen is measured on that model as you play, unless it says that it is written. Type about and a term to \
be told which claims about transformers are measured, which are true, and which the story made up.

Code under the MIT licence, prose under CC BY 4.0. It stands on NumPy, prompt_toolkit, rich, PyYAML and platformdirs."""


class Term(NamedTuple):
    """A term of a glossary: what is claimed of its paragraph (``measured``, ``true``, ``invented``), and where to read on."""

    name: str
    claim: str
    text: str
    source: str
    also: tuple[str, ...]
    see: tuple[str, ...]

    @property
    def paragraphs(self) -> str:
        """The term as it is read out."""
        mark = CLAIMS[self.claim]
        rest = [f"{mark} Source: {self.source}." if self.source else mark]
        rest += [f"See also {', '.join(self.see)}."] if self.see else []
        return f"{self.name[0].upper()}{self.name[1:]}. {self.text}\n\n{' '.join(rest)}"


def terms(world: World) -> tuple[Term, ...]:
    """Return the terms of a world's glossary in the order of the alphabet."""
    found = (
        Term(name, claim, text, source, tuple(also), tuple(see)) for name, claim, text, source, also, see in world.glossary
    )
    return tuple(sorted(found, key=lambda term: term.name.casefold()))


def term(world: World, asked: str) -> Term:
    """Return the term that is meant: by its name, another of its names, or a part that no other has; raises ``UsageError``."""
    known = terms(world)
    wanted = " ".join(asked.casefold().split())
    named = {name.casefold(): one for one in reversed(known) for name in (*one.also, one.name)}
    if wanted in named:
        return named[wanted]
    fitting = list(dict.fromkeys(one for name, one in sorted(named.items()) if wanted in name))
    if len(fitting) == 1:
        return fitting[0]
    shown = "".join(character for character in asked[:40] if character.isprintable())
    if fitting:
        raise UsageError(f"“{shown}” could be any of {', '.join(one.name for one in fitting)}.")
    raise UsageError(f"Nothing is said about “{shown}”{did_you_mean(wanted, list(named))}. Type about for all there is.")


def terms_text(world: World) -> str:
    """Return the names of all terms, or what the world says of itself where it has none."""
    if not world.glossary:
        return world.about or world.title
    return f"{world.about}\n\nAbout any of these, type about TERM: {', '.join(one.name for one in terms(world))}."


class Hint(NamedTuple):
    """A step toward an ending that was not found: which of the endings, which step, and in which words."""

    number: int  # among all endings, from 1
    step: int  # from 1
    text: str

    @property
    def line(self) -> str:
        """The hint in a line."""
        more = f"hint {self.number} for more of it" if self.step < STEPS else "that is all there is to say of it"
        return f"Ending {self.number}, {('a nudge', 'clearer', 'plainly')[self.step - 1]}: {self.text} ({more})"


def found_count_text(world: World, found: Collection[str]) -> str:
    """Return how many endings were found."""
    return f"{sum(ending in found for ending in world.endings)} of {len(world.endings)} endings found"


def next_hint(world: World, found: Collection[str], given: dict[str, int], asked: str) -> Hint | None:
    """Return the next hint, None where every ending was found, and remember in ``given`` that it was given.

    Without a number it is for the first ending that has a step left to give. Raises ``UsageError`` for a number that names
    no ending, or one that was found, and where the world has no hints.
    """
    if not world.hints:
        raise UsageError(f"{world.title} has no hints.")
    left = {number: ending for number, ending in enumerate(world.endings, 1) if ending not in found}
    if asked:
        chosen = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < STEPS + 1 else 0
        if not 1 <= chosen <= len(world.endings):
            raise UsageError(f"Endings have numbers from 1 to {len(world.endings)}; hint alone takes the next.")
        if chosen not in left:
            raise UsageError(
                f"Ending {chosen} was found: {world.endings[left.get(chosen) or list(world.endings)[chosen - 1]]}."
            )
    elif not left:
        return None
    else:
        chosen = next((number for number, ending in left.items() if given.get(ending, 0) < STEPS), next(iter(left)))
    ending = left[chosen]
    step = given[ending] = min(given.get(ending, 0) + 1, STEPS)
    return Hint(chosen, step, world.hints[ending][step - 1])


class CacheTrace(NamedTuple):
    """Something that a run has written into the cache: where, from which layer up, what, and how much it is looked at now."""

    token: int
    word: str
    layer: int
    what: str
    share: float | None  # of the present token's attention so far; None where nobody looks

    def line(self, even: float) -> str:
        """Return the trace in a sentence; ``even`` is its share if all positions had the same."""
        looked = (
            "" if self.share is None else f" Looked at so far by {100 * self.share:.1f} %; an even share is {100 * even:.1f} %."
        )
        return f"{self.token} {quoted(self.word)}, from layer {self.layer} up: {self.what}.{looked}"


def cache_traces(run: Run) -> tuple[CacheTrace, ...]:
    """Return what the interventions of a run have left in its cache, in the order in which they were made."""
    world, state = run.world, run.state
    looked: list[float] = []
    if run.measure.source == "model" and not is_ending(world, state):
        looked = run.measure.attention(state.words, state.acts, state.layer)
    document = (*world.prompt, *state.words)
    found = []
    for offset, acts in enumerate(state.acts):
        for act in acts:
            kind, given = world.acts[act.name]
            position = act_position(world, kind, given) or world.first_token + offset
            what = _left(kind, given)
            if what:
                share = looked[position - 1] if looked and sum(looked) else None
                found.append(CacheTrace(position, document[position - 1], act.layer, what, share))
    return tuple(found)


def act_position(world: World, kind: str, given: dict[str, Any]) -> int:
    """Return the position of the word that an act alters, from 1; 0 where it is the acting token's own."""
    return world.spans[given["span"]][0] + 1 if kind == "rewrite" else 0


def _left(kind: str, given: dict[str, Any]) -> str:
    """Return in words what an act leaves in the keys and values of a token, nothing where it leaves nothing of its own."""
    match kind:
        case "note":
            words, carrier, ink = given["words"], given["carrier"], given.get("ink", 1)
            pressed = "" if ink == 1 else f", at {format_probability(ink)} of its strength"
            return f"{quoted(words[carrier])}, as a note that says it would leave it{pressed}"
        case "rewrite":
            return f"remembered as {quoted(given['as'])}"
        case "push":
            return "a thought without a label"
        case "look":
            return "what came of looking hard at one place"
        case _:
            return ""


def cache_text(run: Run) -> str:
    """Return what a run has written into the cache, in words."""
    rows = cache_traces(run)
    if not rows:
        return "Nothing was written into the cache but what the words themselves leave there."
    even = 1 / (len(run.world.prompt) + len(run.state.words))
    return "\n".join(row.line(even) for row in rows)


def share_line(run: Run, instantiation: int, found: Collection[str], mark: str) -> str:
    """Return a line about an ended run that gives nothing away; ``mark`` parts its pieces."""
    world = run.world
    position = world.share_token or world.last_token
    drawn = [turn for turn in run.path if turn.word is not None]
    told = [turn for turn in drawn if turn.state.token - 1 == position] or drawn[-1:]
    pieces = [world.title, f"instantiation {instantiation}"]
    pieces += [f"{quoted(turn.word or '')} at {format_probability(turn.probability or 0.0)}" for turn in told]
    pieces.append(f"{sum(ending in found for ending in world.endings)} of {len(world.endings)} endings")
    return f" {mark} ".join(pieces)
