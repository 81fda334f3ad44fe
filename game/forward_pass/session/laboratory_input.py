"""What a line typed into the laboratory means: one pattern and one function for each kind of line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Literal, cast

from forward_pass.errors import UsageError, did_you_mean, without_controls
from forward_pass.network.hooks import Freeze, Patch, Silence
from forward_pass.session.laboratory import Answer, Entry, Laboratory
from forward_pass.story.interventions import Drop, Look, Note, Push
from forward_pass.story.state import Act

USAGE = (
    ("at TOKEN", "the settings that follow belong to this token"),
    ("act NAME [from L]", "an act of the world"),
    ("push DIRECTION S from L", "S times a direction, added once after layer L"),
    ("look SPAN B from L", "B added to every head's scores over a span, from layer L on"),
    ("note NAME from L [ink X]", "the keys and values of a note of the world, from layer L on"),
    ("drop from L", "the layers from L to the boundary left out"),
    ("silence L.H", "the output of head H of layer L is zero"),
    ("freeze A-B [attention|mlps]", "layers A to B add what they add without settings"),
    ("patch RUN TURN SITE L[.H]", "stream, head, key or value as another run had it at this token"),
    ("random LENGTH from L [seed N]", "a random vector of that length, added once after layer L"),
    ("keys, values", "later tokens see only the keys (the values) of the last note or push"),
    ("find WORD WORD", "rank the heads that see the page by what silencing each does"),
    ("heads", "where each of these heads looks most"),
    ("clear", "take all settings away"),
)
MAX_LINE = 200  # characters
MAX_BIAS, MAX_STRENGTH, MAX_LENGTH = 100.0, 100.0, 10_000.0
MAX_LISTED = 30
MAX_QUOTED = 40

_NUMBER = r"(-?\d+(?:\.\d+)?|-?\.\d+)"
_FROM = r" from (\d{1,4})"


def ask(laboratory: Laboratory, line: str) -> Answer:
    """Carry out a line and return its answer; raises ``UsageError`` where it is not understood, and then changes nothing."""
    if len(line) > MAX_LINE:
        raise UsageError(f"a line of the laboratory has at most {MAX_LINE} characters")
    words = " ".join(line.split())
    name = words.partition(" ")[0]
    pattern, carry_out = _FORMS.get(name, (None, None))
    match = pattern and pattern.fullmatch(words)
    if not match or not carry_out:
        raise UsageError(_not_understood(name))
    try:
        return carry_out(laboratory, match)
    except (ValueError, KeyError) as error:  # the pass refuses it, and says why
        raise UsageError(f"{words}: {error.args[0] if error.args else error}") from None


def _at(laboratory: Laboratory, match: re.Match[str]) -> Answer:
    index = int(match[1]) - laboratory.world.first_token
    if not 0 <= index <= laboratory.telling:
        tokens = f"{laboratory.position(0)} to {laboratory.position(laboratory.telling)}"
        raise UsageError(f"the bench has tokens {tokens}, not {match[1]}")
    laboratory.index = index
    return laboratory.answer()


def _clear(laboratory: Laboratory, _match: re.Match[str]) -> Answer:
    laboratory.entries.clear()
    laboratory.index = laboratory.telling
    return laboratory.answer()


def _act(laboratory: Laboratory, match: re.Match[str]) -> Answer:
    world, name = laboratory.world, _known(match[1], laboratory.world.acts, "act")
    layer = int(match[2]) if match[2] else world.act_start(name, world.first_layer)
    return laboratory.set(match[0], world.intervention(Act(name, layer)))


def _push(laboratory: Laboratory, match: re.Match[str]) -> Answer:
    direction = _known(match[1], laboratory.bench.computed.weights.metadata.directions, "direction")
    return laboratory.set(match[0], Push(direction, _within(match[2], MAX_STRENGTH), int(match[3])))


def _look(laboratory: Laboratory, match: re.Match[str]) -> Answer:
    spans = laboratory.world.story.spans
    start, stop = spans[_known(match[1], spans, "span")]
    return laboratory.set(match[0], Look(start, stop, _within(match[2], MAX_BIAS), int(match[3])))


def _note(laboratory: Laboratory, match: re.Match[str]) -> Answer:
    acts = laboratory.world.acts.items()
    notes = {name.removeprefix("note-"): act.intervention for name, act in acts if isinstance(act.intervention, Note)}
    note = notes[_known(match[1].removeprefix("note-"), notes, "note")]
    ink = note.ink if match[3] is None else float(match[3])
    if not 0 <= ink <= 1:
        raise UsageError(f"ink is from 0 to 1, not {match[3]}")
    return laboratory.set(match[0], note._replace(ink=ink, layer=int(match[2])))


def _drop(laboratory: Laboratory, match: re.Match[str]) -> Answer:
    return laboratory.set(match[0], Drop(laboratory.world.boundary, int(match[1])))


def _silence(laboratory: Laboratory, match: re.Match[str]) -> Answer:
    return laboratory.set(match[0], hook=Silence(int(match[1]), int(match[2])))


def _freeze(laboratory: Laboratory, match: re.Match[str]) -> Answer:
    source = laboratory.bench.sites(laboratory.index)
    attention, mlp = match[3] != "mlps", match[3] != "attention"
    return laboratory.set(match[0], hook=Freeze(int(match[1]), int(match[2]), source, attention, mlp))


def _patch(laboratory: Laboratory, match: re.Match[str]) -> Answer:
    key = laboratory.run_at(match[1], int(match[2])).state.key
    if len(key.words) != laboratory.index:
        there, here = laboratory.position(len(key.words)), laboratory.position(laboratory.index)
        raise UsageError(
            f"turn {match[2]} of run {match[1]} is at token {there}, the bench is at {here}: type at {there} first"
        )
    head = int(match[5]) if match[5] else None
    sites = laboratory.bench.sites_of(key)
    return laboratory.set(match[0], hook=Patch(_site(match[3]), int(match[4]), head, sites))


def _site(name: str) -> Literal["stream", "head", "key", "value"]:
    return cast('Literal["stream", "head", "key", "value"]', name)  # the pattern lets no other by


def _random(laboratory: Laboratory, match: re.Match[str]) -> Answer:
    length, layer, seed = _within(match[1], MAX_LENGTH), int(match[2]), int(match[3] or 0)
    (hook,) = laboratory.bench.random_hooks(length, layer, (seed,))
    return laboratory.set(match[0], hook=hook)


def _half(laboratory: Laboratory, match: re.Match[str]) -> Answer:
    acts = [entry for entry in laboratory.entries if entry.intervention]
    last = next((entry for entry in reversed(acts) if isinstance(entry.intervention, Note | Push)), None)
    if last is None:
        raise UsageError(f"{match[0]} takes a note or a push before it, whose {match[0]} are meant")
    if last.at == laboratory.telling:
        raise UsageError(f"no later token sees what is done at {laboratory.position(last.at)}")
    if last is not [entry for entry in acts if entry.at == last.at][-1]:
        raise UsageError(f"{match[0]} goes right after the note or push that it divides")
    return laboratory.add(Entry(match[0], last.at, half="keys" if match[0] == "keys" else "values"))


def _find(laboratory: Laboratory, match: re.Match[str]) -> Answer:
    vocabulary = laboratory.bench.computed.weights.ids
    return laboratory.find(_known(match[1], vocabulary, "word"), _known(match[2], vocabulary, "word"))


def _heads(laboratory: Laboratory, _match: re.Match[str]) -> Answer:
    return laboratory.looks()


def _known(name: str, known: Iterable[str], what: str) -> str:
    """Return a name that is known; raises ``UsageError`` with the nearest, or with all where they are few."""
    names = list(known)
    if name in names:
        return name
    listed = f"; there is {', '.join(sorted(names))}" if len(names) <= MAX_LISTED else ""
    raise UsageError(f"no {what} {without_controls(name, MAX_QUOTED)!r}{did_you_mean(name, names)}{listed}")


def _within(text: str, most: float) -> float:
    """Return a number; raises ``UsageError`` where it is further from 0 than ``most``."""
    if abs(float(text)) > most:
        raise UsageError(f"{text} is too much: at most {most:g}, either way")
    return float(text)


def _not_understood(name: str) -> str:
    usage = [text for text, _ in USAGE if text.startswith(f"{name} ")]
    if usage:
        return f"expected: {' or '.join(usage)}"
    shown = repr(without_controls(name, MAX_QUOTED))
    return f"the laboratory does not know {shown}{did_you_mean(name, list(_FORMS))}: {', '.join(_FORMS)}"


_FORMS: dict[str, tuple[re.Pattern[str], Callable[[Laboratory, re.Match[str]], Answer]]] = {
    "at": (re.compile(r"at (\d{1,6})"), _at),
    "act": (re.compile(r"act ([\w-]+)(?: from (\d{1,4}))?"), _act),
    "push": (re.compile(rf"push ([\w-]+) {_NUMBER}{_FROM}"), _push),
    "look": (re.compile(rf"look ([\w-]+) {_NUMBER}{_FROM}"), _look),
    "note": (re.compile(rf"note ([\w-]+){_FROM}(?: ink {_NUMBER})?"), _note),
    "drop": (re.compile(rf"drop{_FROM}"), _drop),
    "silence": (re.compile(r"silence (\d{1,4})\.(\d{1,3})"), _silence),
    "freeze": (re.compile(r"freeze (\d{1,4})-(\d{1,4})(?: (attention|mlps))?"), _freeze),
    "patch": (re.compile(r"patch (\S+) (\d{1,6}) (stream|head|key|value) (\d{1,4})(?:\.(\d{1,3}))?"), _patch),
    "random": (re.compile(rf"random {_NUMBER}{_FROM}(?: seed (\d{{1,9}}))?"), _random),
    "keys": (re.compile("keys"), _half),
    "values": (re.compile("values"), _half),
    "find": (re.compile(r"find (\S+) (\S+)"), _find),
    "heads": (re.compile("heads"), _heads),
    "clear": (re.compile("clear"), _clear),
}
"""By the first word of a line: what the line must look like, and what carries it out."""
FIRST_WORDS = tuple(_FORMS)
