"""What the evidence of a walk says is wrong with a world, as problems with codes and places. Walks nothing itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from forward_pass.checker.explorer import AbstractionPoint, Explorer
from forward_pass.checker.livelocks import livelocked_states
from forward_pass.checker.pass_table import LEAST, Key
from forward_pass.checker.text_coverage import Alternative
from forward_pass.checker.verify import Evidence
from forward_pass.checker.witness import Item, Witness
from forward_pass.errors import Problem
from forward_pass.story.expressions import Tree
from forward_pass.story.state import Prior
from forward_pass.story.world import DECODE, OTHERWISE

CLOSE = 0.2  # nats between the best two words, below which another machine might be told something else
NEAR = 1e-4  # between what is measured and a threshold
MOST_NAMED = 6  # words or choices that are listed in one sentence
SEVERITIES = {"E": "error", "W": "warning", "I": "info"}


def problem_at(place: str, code: str, message: str) -> Problem:
    """Return a problem of a place as the world's data has it, ``file:line:column``."""
    file, line, column = place.rsplit(":", 2)
    return Problem(file, int(line), int(column), code, message, SEVERITIES[code[0]])


def findings(evidence: Evidence, known: frozenset[str] = frozenset()) -> list[Problem]:
    """Return everything that is wrong; ``known`` are the places at which reading has already shown why."""
    return list(_Findings(evidence, known).all())


class _Findings:
    def __init__(self, evidence: Evidence, known: frozenset[str]) -> None:
        self.evidence = evidence
        self.data = evidence.world.data
        self.witnesses = evidence.witnesses
        self.known = known
        self.whole = not any(walk.exhausted for walk in evidence.walks)
        self.drawn_only: list[str] = []

    def all(self) -> Iterator[Problem]:
        yield from self._scenes()
        for scene, row in self.data["scenes"].items():
            if self._met("scene", scene):
                for choice in row["choices"]:
                    yield from self._choice(choice, self.data["choices"][choice])
        yield from self._texts()
        yield from self._words()
        yield from self._stuck()
        yield from self._margins()
        yield from self._thresholds()
        yield from self._limits()

    def _met(self, kind: str, name: Any) -> bool:
        return self.witnesses.has(Item(kind, name), likely=False)

    def _seen(self, kind: str, name: Any) -> Witness | None:
        return self.witnesses.met.get(Item(kind, name))

    def _at(self, key: str, otherwise: str) -> str:
        """Return the place of a key, a case or a word where it was kept, otherwise that of what it stands in."""
        place: str = self.data["places"].get(key, otherwise)
        return place

    def _never(self, place: str, code: str, message: str) -> Iterator[Problem]:
        """Yield that something never happens, where the walk was whole, and otherwise that it was not met."""
        if self.whole:
            yield problem_at(place, code, message)
        else:
            yield problem_at(place, "W426", f"not found before the check stopped at its limit: {message}")

    # -- scenes and choices ---------------------------------------------------------------------------------------

    def _scenes(self) -> Iterator[Problem]:
        reached = {walk.place_of(state).scene for walk in self.evidence.walks for state in walk.parents}
        for scene, row in self.data["scenes"].items():
            what = "ending" if row["title"] else "scene"
            seen = self._seen("scene", scene)
            if row["place"] in self.known:
                continue
            if seen is None and scene in reached:
                message = f"only abstract runs reach the {what} {scene!r}, with passes that were not measured"
                yield problem_at(row["place"], "E417", message)
            elif seen is None:
                yield from self._never(row["place"], "E411", f"no run ever reaches the {what} {scene!r}")
            elif not seen.likely:
                message = f"only words drawn above temperature 0 lead to the {what} {scene!r}: {witness_text(seen)}"
                yield problem_at(row["place"], "I427", message)

    def _choice(self, choice: str, row: dict[str, Any]) -> Iterator[Problem]:
        """Yield what is wrong with a choice of a scene that runs come to."""
        place, marked = row["place"], self.evidence.marked
        if place in self.known:
            return
        if not marked(("offered", choice)):
            condition = self._at(f"if.{choice}", self._at(f"until.{choice}", place))
            yield from self._never(condition, "E412", f"the choice {choice!r} is never on offer: its condition never holds")
            return
        if not self._met("open", choice):
            yield from self._closed(choice, row)
            return
        for key in ("if", "needs"):
            said = row[key] is not None and not (key == "if" and row["until"])  # below which layer it is there was not asked
            if said and not marked((key, choice, False)) and self.whole:
                message = f"the {key!r} of the choice {choice!r} always holds"
                yield problem_at(self._at(f"{key}.{choice}", place), "W421", message)
        if row["cut"] and not marked(("cut", choice, True)):
            message = f"the choice {choice!r} is never cut short: enough layers are always left"
            yield from self._never(self._at(f"cut.{choice}", place), "I425", message)
        if row["cut"] is not None and not marked(("cut", choice, False)):
            message = f"the choice {choice!r} is always cut short: its 'goto' is never followed"
            yield from self._never(self._at(f"goto.{choice}", place), "W430", message)
        elif row["goto"][0][1] != DECODE:
            what = f"the 'goto' of the choice {choice!r}"
            yield from self._cases(("goto", choice), row["goto"], self._at(f"goto.{choice}", place), what)

    def _closed(self, choice: str, row: dict[str, Any]) -> Iterator[Problem]:
        marked = self.evidence.marked
        if marked(("open", choice)):
            message = f"only abstract runs can take the choice {choice!r}, with passes that were not measured"
            yield problem_at(row["place"], "E417", message)
        elif marked(("short", choice)):
            message = f"the choice {choice!r} costs {row['cost']} layers, and too few are left wherever it is on offer"
            yield from self._never(self._at(f"cost.{choice}", row["place"]), "E414", message)
        else:
            why = "its 'needs' never holds" if row["needs"] is not None else "the limit of acts per token is always reached"
            message = f"the choice {choice!r} is on offer but never open: {why}"
            yield from self._never(self._at(f"needs.{choice}", row["place"]), "E413", message)

    def _cases(self, mark: tuple[Any, ...], cases: Tree, otherwise: str, what: str) -> Iterator[Problem]:
        """Yield the cases of a goto that are never selected, or that leave nothing to those after them."""
        name = ".".join(map(str, mark[1:]))
        for number, (_, target) in enumerate(cases):
            if not self.evidence.marked((*mark, number, True)):
                place = self._at(f"case.{number}.{name}", otherwise)
                yield from self._never(place, "E422", f"case {number + 1} of {what} (to {target!r}) is never selected")

    # -- texts ----------------------------------------------------------------------------------------------------

    def _texts(self) -> Iterator[Problem]:
        for one in self.evidence.alternatives:
            item = Item("shown", (one.form, one.owner, one.number))
            seen = self.witnesses.met.get(item)
            if one.place in self.known or not self._stands(one) or (seen is not None and seen.likely):
                continue
            if seen is not None:
                if not one.silent and self._stands(one, likely=True):  # otherwise it is its scene that is only drawn
                    message = f"only words drawn above temperature 0 show {_text_of(one)}: {witness_text(seen)}"
                    yield problem_at(one.place, "I427", message)
            elif item in self.evidence.undecided:
                runs = f"no run was found that {'does not show' if one.silent else 'shows'} {_text_of(one)}"
                yield problem_at(one.place, "W426", f"{runs}, but not all states could be explored")
            elif one.silent:
                message = f"the condition has no effect: every run shows {_text_of(one)}"
                yield problem_at(one.place, "W421", message)
            else:
                yield problem_at(one.place, "E418", f"no run ever shows {_text_of(one)}")

    def _stands(self, one: Alternative, *, likely: bool = False) -> bool:
        """Return whether runs come to where a text stands at all; otherwise that is what is reported."""
        if one.form == "why":
            return self.evidence.marked(("needs", one.owner, False), drawn=not likely)
        kind = {"scene": "scene", "then": "open"}.get(one.form, "offered")
        return self.witnesses.has(Item(kind, one.owner), likely=likely)

    # -- words ----------------------------------------------------------------------------------------------------

    def _words(self) -> Iterator[Problem]:
        first = self.evidence.world.first_token
        for offset, (_, arrivals, place) in enumerate(self.data["tokens"]):
            token = first + offset
            if not any(mark[:2] == ("word", token) for walk in self.evidence.walks for mark in walk.marks):
                continue  # nobody comes to the end of this token
            for word, cases in arrivals.items():
                its = self._at(f"word.{token}.{word}", place)
                if self.evidence.marked(("word", token, word)):
                    yield from self._cases(("arrival", token, word), cases, its, f"the word {word!r} at token {token}")
                elif word != OTHERWISE and self.evidence.decodings.source == "model":
                    message = f"no reachable pass gives {word!r} at token {token} a probability of {LEAST:g} or more"
                    yield from self._never(its, "W423", message)
            strange = self._strange(token, frozenset(arrivals))
            if strange and len(arrivals) > 1:  # a token that names no word tells none from another
                listed = ", ".join(f"{word!r} ({100 * chance:.3g} %)" for word, chance in strange[:MOST_NAMED])
                message = f"token {token} can also produce words that lead to {OTHERWISE!r}: {listed}"
                yield problem_at(place, "I424", message)

    def _strange(self, token: int, named: frozenset[str]) -> list[tuple[str, float]]:
        """Return the words that are said at a token and answered by no name, with their greatest chance, likeliest first."""
        chances: dict[str, float] = {}
        decoded = token - self.evidence.world.first_token
        for walk in self.evidence.walks:
            for key in walk.decoded:
                if len(key[0]) == decoded:
                    for word, chance in self.evidence.decodings.rows[key].chances.items():
                        if word not in named and chance >= 100 * LEAST:
                            chances[word] = max(chances.get(word, 0.0), chance)
        return sorted(chances.items(), key=lambda row: -row[1])

    # -- runs -----------------------------------------------------------------------------------------------------

    def _stuck(self) -> Iterator[Problem]:
        told: set[tuple[str, str]] = set()
        for walk in self.evidence.walks:
            for code, states in (("E415", walk.stalls), ("E416", livelocked_states(walk))):
                for state in states:
                    scene = walk.place_of(state).scene
                    if (code, scene) in told:
                        continue
                    told.add((code, scene))
                    start, path = walk.path(state)
                    shown = witness_text(Witness(tuple(path), walk.starts[start], likely=True))
                    what = "a run can get stuck here, with no open choice" if code == "E415" else "a run can loop here forever"
                    yield problem_at(self.data["scenes"][scene]["place"], code, f"{what}: {shown}")

    # -- the pass -------------------------------------------------------------------------------------------------

    def _margins(self) -> Iterator[Problem]:
        """Yield by token and pair of words the decodings that are too close."""
        if self.evidence.decodings.source != "model":
            return
        likely = self.evidence.likely
        close: dict[tuple[int, str, str], list[Key]] = {}
        totals: dict[int, int] = {}
        for key in likely.decoded:
            row = self.evidence.decodings.rows[key]
            totals[len(key[0])] = totals.get(len(key[0]), 0) + 1
            if row.margin < CLOSE:
                close.setdefault((len(key[0]), *sorted((row.word, row.second))), []).append(key)  # type: ignore[arg-type]
        for (decoded, one, other), keys in close.items():
            closest = min(keys, key=lambda key: self.evidence.decodings.rows[key].margin)
            row = self.evidence.decodings.rows[closest]
            start, path = likely.path(likely.decoded[closest])
            shown = witness_text(Witness(tuple(path), likely.starts[start], likely=True))
            token = self.evidence.world.first_token + decoded
            message = (
                f"{one!r} and {other!r} are within {CLOSE:g} nats in {len(keys)} of {totals[decoded]} decodings "
                f"of token {token}; closest: {row.word!r} by {row.margin:.3f}, {shown}"
            )
            yield problem_at(self.data["tokens"][decoded][2], "W420", message)

    def _thresholds(self) -> Iterator[Problem]:
        """Yield the thresholds that a pass comes too near to, measured or written."""
        table, places = self.evidence.decodings, self.data["places"]
        for threshold in self.evidence.world.thresholds:
            if threshold.quantity == "p":
                values = [table.rows[key].chances.get(threshold.word, 0.0) for key in table.used]
            else:
                values = [value for row, value in table.readings.items() if row[:2] == (threshold.quantity, threshold.word)]
            near = [value for value in values if abs(value - threshold.bound) < NEAR]
            if near:
                is_there = "measured" if table.source == "model" else "written"
                value = f"{is_there} as {near[0]:.6f}, within {NEAR:g} of its bound {threshold.bound:g}"
                message = f"the threshold {threshold.name!r} is {value}"
                yield problem_at(places[f"thresholds.{threshold.name}"], "E419", message)

    def _limits(self) -> Iterator[Problem]:
        place = self.data["scenes"][self.data["start"]]["place"]
        if not self.whole:
            walked = max(len(walk.parents) for walk in self.evidence.walks)
            message = f"the check stopped at its limit after {walked:,} states: the rest was not explored"
            yield problem_at(place, "W429", message)
        for walk in self.evidence.walks:
            if walk.beyond:
                drawn = "with words drawn, " if walk.drawn else ""
                reached = f"{drawn}{self._beyond(walk, walk.beyond)}"
                message = f"{reached}; beyond it the check is abstract, with every word and every threshold taken as possible"
                yield problem_at(place, "W428", message)
                return

    def _beyond(self, walk: Explorer, beyond: AbstractionPoint) -> str:
        """Return which limit a walk came to, and for how much there was room when it did."""
        limit = f"{walk.limits.concrete:,} states with measured passes"
        if beyond.limit == "passes":
            limit = f"{self.evidence.decodings.most:,} measured passes"
        about = "about " * (beyond.what == "histories")
        room = f"{beyond.spent:,} used, room for {about}{beyond.room:,} of {beyond.of:,} {beyond.what}"
        return f"the limit of {limit} was reached at token {beyond.token}: {room}"


def witness_text(seen: Witness) -> str:
    """Return a run in words: its choices, each with the word that came of it."""
    steps = [choice if word is None else f"{choice} → {word!r}" for choice, word in seen.path]
    start = "" if seen.facts == Prior() else f"(instantiation {seen.facts.instantiation}, all endings found) "
    return start + (", ".join(steps) or "at the very start")


def _text_of(one: Alternative) -> str:
    where = "the text" if one.form == "scene" else repr(one.form)
    return f"{one.words!r} in {where} of {one.owner!r}"
