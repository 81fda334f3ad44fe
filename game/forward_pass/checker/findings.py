"""What the evidence of a check says is wrong with a world, as problems with codes and places. Explores nothing itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from forward_pass.checker.claims import HOLDS, SOMETIMES, CheckedClaim, claims_of
from forward_pass.checker.coverage import Item, ItemKind
from forward_pass.checker.explorer import AbstractionPoint, Explorer
from forward_pass.checker.livelocks import livelocked_states
from forward_pass.checker.pass_table import MIN_PROBABILITY
from forward_pass.checker.text_coverage import Alternative, TextKind
from forward_pass.checker.trace import Trace
from forward_pass.checker.verify import Evidence
from forward_pass.checker.witness import Witness
from forward_pass.errors import Place, Problem
from forward_pass.loading.lint import listed
from forward_pass.story.nodes import (
    DECODE,
    OTHERWISE,
    Arrival,
    Choice,
    Compare,
    Ending,
    Goto,
    Literal,
    Scene,
    Set,
    ThresholdTruth,
    Token,
    VariableValue,
)
from forward_pass.story.state import PassKey, Prior
from forward_pass.story.visit import find_nodes

NEVER_TAKEN = ("E412", "E413", "E414")  # what is found of a choice that no run can take
CLOSE = 0.2  # nats between the best two words, below which another machine might draw the other one
NEAR = 1e-4  # between what is measured and a threshold
MAX_NAMED = 6  # words that are listed in one sentence
NOTABLE = 100 * MIN_PROBABILITY  # the probability of an unnamed word that is worth naming


def findings(evidence: Evidence, known: frozenset[Place] = frozenset()) -> list[Problem]:
    """Return everything that is wrong; ``known`` are the places at which reading has already shown why."""
    return list(_Findings(evidence, known).all())


class _Findings:
    def __init__(self, evidence: Evidence, known: frozenset[Place]) -> None:
        self.evidence = evidence
        self.world = evidence.world
        self.table = evidence.table
        self.witnesses = evidence.witnesses
        self.known = known
        self.stalled = {one.location_of(state).scene for one in evidence.explorers for state in one.stalls}
        self.told: set[str] = set()  # the scenes in which runs get stuck, once that was told
        self.is_complete = not any(explorer.is_exhausted for explorer in evidence.explorers)

    def all(self) -> Iterator[Problem]:
        yield from self._grouped([*self._scenes_and_choices()])
        for alternative in self.evidence.alternatives:
            yield from self._alternative(alternative)
        for token in self.world.story.tokens:
            yield from self._token(token)
        yield from self._deadlocks_and_livelocks()
        yield from self._claims()
        yield from self._margins()
        yield from self._thresholds()
        yield from self._limits()

    def _has_witness(self, kind: ItemKind, name: str) -> bool:
        return self.witnesses.has(Item(kind, name), drawn=True)

    def _never(self, place: Place, code: str, message: str) -> Problem:
        """Return that something never happens, or where the search was not complete, that it was not found."""
        if self.is_complete:
            return Problem.at(place, code, message)
        return Problem.at(place, "W426", f"not found before the check stopped at its limit: {message}")

    # -- scenes and choices -------------------------------------------------------------------------------------------

    def _scenes_and_choices(self) -> Iterator[tuple[Problem, str | None, frozenset[str]]]:
        """Yield what is wrong with scenes and choices, with the scene that is not reached, or the scenes that it cuts off."""
        for name, problem in self._scenes():
            yield problem, name if problem.code == "E411" else None, frozenset()
        for scene in self.world.story.scenes:
            if self._has_witness(ItemKind.SCENE, scene.id):
                for choice in scene.choices:
                    for problem in self._choice(choice):
                        stuck = f"; a run can get stuck in {scene.id!r}" if self._is_told_with(scene.id, problem) else ""
                        yield problem._replace(message=problem.message + stuck), None, frozenset(_led_to(choice, problem))

    def _is_told_with(self, scene: str, problem: Problem) -> bool:
        """Return whether runs get stuck in a scene in which a choice can never be taken; it is not told once more then."""
        stuck = problem.code in NEVER_TAKEN and scene in self.stalled and scene not in self.told
        self.told.update([scene] if stuck else [])
        return stuck

    def _grouped(self, rows: list[tuple[Problem, str | None, frozenset[str]]]) -> Iterator[Problem]:
        """Yield problems, those scenes that are not reached only because of another problem under that one."""
        unreached = {scene: problem for problem, scene, _ in rows if scene is not None}
        causes = [(problem, led_to) for problem, scene, led_to in rows if scene is None]
        for problem, led_to in causes:
            yield self._with_what_is_behind(problem, led_to, unreached)
        while unreached:
            first = next((scene for scene in unreached if self._is_led_to(scene)), next(iter(unreached)))
            problem = unreached.pop(first)
            yield self._with_what_is_behind(problem, _next_scenes(self.world.scenes[first]), unreached)

    def _is_led_to(self, scene: str) -> bool:
        """Return whether a choice of a scene that runs reach, or a word, leads to a scene."""
        reached = (one for one in self.world.story.scenes if self._has_witness(ItemKind.SCENE, one.id))
        words = (target.scene for token in self.world.story.tokens for row in token.arrivals for target in row.goto.targets)
        return any(scene in _next_scenes(one) for one in reached) or scene in words

    def _with_what_is_behind(self, problem: Problem, led_to: Iterable[str], unreached: dict[str, Problem]) -> Problem:
        """Return a problem that names the scenes which are not reached because of it; they are taken out of ``unreached``."""
        behind: list[str] = []
        waiting = [*led_to]
        while waiting:
            scene = waiting.pop(0)
            if unreached.pop(scene, None) is not None:
                behind.append(scene)
                waiting += _next_scenes(self.world.scenes[scene])
        if not behind:
            return problem
        return problem._replace(message=f"{problem.message}; so no run reaches {listed(behind)}")

    def _scenes(self) -> Iterator[tuple[str, Problem]]:
        reached = {explorer.location_of(state).scene for explorer in self.evidence.explorers for state in explorer.parents}
        for scene in self.world.scenes.values():
            if scene.place not in self.known:
                yield from ((scene.id, problem) for problem in self._scene(scene, is_reached=scene.id in reached))

    def _scene(self, scene: Scene | Ending, *, is_reached: bool) -> Iterator[Problem]:
        what = f"the {'ending' if isinstance(scene, Ending) else 'scene'} {scene.id!r}"
        witness = self.witnesses.by_item.get(Item(ItemKind.SCENE, scene.id))
        if witness is not None:
            if not witness.is_likeliest:
                message = f"only words drawn above temperature 0 lead to {what}: {trace_text(witness.trace)}"
                yield Problem.at(scene.place, "I427", message)
        elif is_reached:
            yield Problem.at(scene.place, "E417", f"only abstract runs reach {what}, with passes that were not measured")
        else:
            yield self._never(scene.place, "E411", f"no run ever reaches {what}")

    def _choice(self, choice: Choice) -> Iterator[Problem]:
        """Yield what is wrong with a choice of a scene that runs reach."""
        if choice.place in self.known:
            return
        if not self.evidence.is_reached(ItemKind.OFFERED, choice.id):
            place = choice.condition.place if choice.condition else choice.place
            why = "its condition never holds"
            if choice.until:
                why = f"it leads to layer {choice.until}, and its scene is never met below that layer, or never with its 'if'"
            why += self._cause(choice.condition)
            yield self._never(place, "E412", f"the choice {choice.id!r} is never on offer: {why}")
        elif not self._has_witness(ItemKind.OPEN, choice.id):
            yield self._closed(choice)
        else:
            yield from self._always(choice)
            yield from self._cut(choice)

    def _closed(self, choice: Choice) -> Problem:
        if self.evidence.is_reached(ItemKind.OPEN, choice.id):
            message = f"only abstract runs can take the choice {choice.id!r}, with passes that were not measured"
            return Problem.at(choice.place, "E417", message)
        if self.evidence.is_reached(ItemKind.NO_LAYERS, choice.id):
            message = f"the choice {choice.id!r} costs {choice.cost} layers, and too few are left wherever it is on offer"
            return self._never(choice.cost_place, "E414", message)
        why = (
            f"its 'needs' never holds{self._cause(choice.needs)}"
            if choice.needs
            else "the limit of acts per token is always reached"
        )
        message = f"the choice {choice.id!r} is on offer but never open: {why}"
        return self._never(choice.needs.place if choice.needs else choice.place, "E413", message)

    def _cause(self, *asked: object) -> str:
        """Return what conditions ask about that can never be, as far as reading shows it; empty where it shows nothing."""
        story = self.world.story
        measured = {index for scene in story.scenes for choice in scene.choices for index in choice.measures}
        for node in find_nodes(ThresholdTruth, *asked):
            if node.threshold not in measured:
                name = story.thresholds[node.threshold].name
                return f"; {name!r} is measured only where the decoder comes: a choice measures it with `measure: {name}`"
        changed = {effect.variable for effect in find_nodes(Set, *story.scenes)}
        for value in find_nodes(VariableValue, *asked):
            if value.variable not in changed:
                return f"; nothing changes {story.variables[value.variable].name!r}"
        for compared in find_nodes(Compare, *asked):
            match compared:
                case Compare(left=VariableValue(variable=index), right=Literal(value=number)):
                    variable = story.variables[index]
                    if not variable.least <= number <= variable.most and not variable.words:
                        return f"; {variable.name!r} goes from {variable.least} to {variable.most}"
        return ""

    def _always(self, choice: Choice) -> Iterator[Problem]:
        """Yield the conditions of a choice that always hold."""
        condition = choice.condition if choice.has_own_condition else None
        for key, node, kind in (("if", condition, ItemKind.ABSENT), ("needs", choice.needs, ItemKind.UNMET)):
            if node is not None and self.is_complete and not self.evidence.is_reached(kind, choice.id):
                yield Problem.at(node.place, "W421", f"the {key!r} of the choice {choice.id!r} always holds")

    def _cut(self, choice: Choice) -> Iterator[Problem]:
        """Yield what is wrong with where a choice leads, and with what happens where it is cut short."""
        if choice.cut is not None and choice.cut.sets and not self.evidence.is_reached(ItemKind.CUT_SHORT, choice.id):
            message = f"the choice {choice.id!r} is never cut short: enough layers are always left"
            yield self._never(choice.cut.place, "I425", message)
        if choice.cut is not None and not self.evidence.is_reached(ItemKind.NOT_CUT_SHORT, choice.id):
            message = f"the choice {choice.id!r} is always cut short: its 'goto' is never followed"
            yield self._never(choice.goto.place, "W430", message)
        elif not choice.decodes:
            yield from self._targets(Item(ItemKind.TARGET, choice.id), choice.goto, f"the 'goto' of the choice {choice.id!r}")

    def _targets(self, item: Item, goto: Goto, what: str) -> Iterator[Problem]:
        """Yield the targets of a goto that are never selected."""
        for number, target in enumerate(goto.targets):
            if not self.evidence.is_reached(item.kind, item.name, number, item.token):
                message = f"case {number + 1} of {what} (to {target.scene!r}) is never selected"
                yield self._never(target.place, "E422", message)

    # -- texts --------------------------------------------------------------------------------------------------------

    def _alternative(self, alternative: Alternative) -> Iterator[Problem]:
        witness, place = self.witnesses.by_item.get(alternative.item), alternative.place
        if place in self.known or not self._is_text_reached(alternative) or (witness and witness.is_likeliest):
            return
        text = _alternative_text(alternative)
        if witness is not None:
            if not alternative.silent and self._is_text_reached(alternative, by_likeliest=True):  # else only its scene is drawn
                message = f"only words drawn above temperature 0 show {text}: {trace_text(witness.trace)}"
                yield Problem.at(place, "I427", message)
        elif alternative.item in self.evidence.undecided:
            runs = f"no run was found that {'does not show' if alternative.silent else 'shows'} {text}"
            yield Problem.at(place, "W426", f"{runs}, but not all states could be explored")
        elif alternative.silent:
            yield Problem.at(place, "W421", f"the condition has no effect: every run shows {text}")
        else:
            yield Problem.at(place, "E418", f"no run ever shows {text}{self._cause(*alternative.subjects)}")

    def _is_text_reached(self, alternative: Alternative, *, by_likeliest: bool = False) -> bool:
        """Return whether runs reach what a text belongs to; otherwise that is what is reported."""
        kind, owner = alternative.text
        if kind is TextKind.WHY:
            explorers = self.evidence.explorers[:1] if by_likeliest else self.evidence.explorers
            return any(Item(ItemKind.UNMET, owner) in explorer.reached for explorer in explorers)
        item_kind = {TextKind.SCENE: ItemKind.SCENE, TextKind.THEN: ItemKind.OPEN}.get(kind, ItemKind.OFFERED)
        return self.witnesses.has(Item(item_kind, owner), drawn=not by_likeliest)

    # -- claims -------------------------------------------------------------------------------------------------------

    def _claims(self) -> Iterator[Problem]:
        verdicts = {verdict.claim.item: verdict for verdict in self.evidence.verdicts}
        for claim in claims_of(self.world):
            witness = self.witnesses.by_item.get(claim.item)
            if claim.kind == SOMETIMES:
                yield self._sometimes(claim, witness)
            elif witness is not None and witness.is_likeliest:
                yield Problem.at(claim.place, "E433", f"{_claim_text(claim)} is false of this run: {trace_text(witness.trace)}")
            else:
                if witness is not None:
                    message = f"{_claim_text(claim)} is false of this run, in which a word is not the likeliest"
                    yield Problem.at(claim.place, "W434", f"{message}: {trace_text(witness.trace)}")
                verdict = verdicts[claim.item]
                if not verdict.is_proven:
                    reason = verdict.reason or "the run that would refute it cannot be played, or hangs on what is not followed"
                    yield Problem.at(claim.place, "W434", f"{_claim_text(claim)} is not proven: {reason}")
                elif claim.kind != HOLDS:
                    states = len(self.evidence.likeliest.parents)
                    yield Problem.at(claim.place, "I435", f"{_claim_text(claim)} is proven over {states:,} states")

    def _sometimes(self, claim: CheckedClaim, witness: Witness | None) -> Problem:
        if witness is None:
            return self._never(claim.place, "E433", f"{_claim_text(claim)} is false: no run shows it")
        return Problem.at(claim.place, "I435", f"{_claim_text(claim)} is shown by this run: {trace_text(witness.trace)}")

    # -- words --------------------------------------------------------------------------------------------------------

    def _token(self, token: Token) -> Iterator[Problem]:
        words = {item.name for explorer in self.evidence.explorers for item in explorer.reached if _is_word_at(item, token)}
        if not words:
            return  # no run reaches its end
        for arrival in token.arrivals:
            yield from self._arrival(token, arrival, is_drawn=arrival.word in words)
        unnamed = self._unnamed_words(token)
        if unnamed and len(token.arrivals) > 1:  # a token that names no word does not tell them apart
            listed = ", ".join(f"{word!r} ({100 * probability:.3g} %)" for word, probability in unnamed[:MAX_NAMED])
            message = f"token {token.position} can also produce words that lead to {OTHERWISE!r}: {listed}"
            yield Problem.at(token.place, "I424", message)

    def _arrival(self, token: Token, arrival: Arrival, *, is_drawn: bool) -> Iterator[Problem]:
        position, word = token.position, arrival.word
        if is_drawn:
            item = Item(ItemKind.WORD_TARGET, word, token=position)
            yield from self._targets(item, arrival.goto, f"the word {word!r} at token {position}")
        elif word != OTHERWISE and self.table.is_computed:
            message = f"no reachable pass gives {word!r} at token {position} a probability of {MIN_PROBABILITY:g} or more"
            yield self._never(arrival.goto.place, "W423", message)

    def _unnamed_words(self, token: Token) -> list[tuple[str, float]]:
        """Return the words that a token answers by no name, with their greatest probability, likeliest first."""
        named = {arrival.word for arrival in token.arrivals}
        decoded = token.position - self.world.first_token
        greatest: dict[str, float] = {}
        for key in (key for explorer in self.evidence.explorers for key in explorer.decoded if len(key.words) == decoded):
            for word, probability in self.table.rows[key].probabilities.items():
                if word not in named and probability >= NOTABLE:
                    greatest[word] = max(greatest.get(word, 0.0), probability)
        return sorted(greatest.items(), key=lambda row: -row[1])

    # -- runs ---------------------------------------------------------------------------------------------------------

    def _deadlocks_and_livelocks(self) -> Iterator[Problem]:
        found: dict[tuple[str, str], Trace] = {}  # by code and scene
        for explorer in self.evidence.explorers:
            for code, states in (("E415", explorer.stalls), ("E416", livelocked_states(explorer))):
                for state in states:
                    key = code, explorer.location_of(state).scene
                    if key not in found:
                        found[key] = explorer.trace(state)
        for (code, scene), trace in found.items():
            if self.world.scenes[scene].place in self.known or (code == "E415" and scene in self.told):
                continue
            what = "a run can get stuck here, with no open choice" if code == "E415" else "a run can loop here forever"
            yield Problem.at(self.world.scenes[scene].place, code, f"{what}: {trace_text(trace)}")

    # -- the pass -----------------------------------------------------------------------------------------------------

    def _margins(self) -> Iterator[Problem]:
        """Yield by token and pair of words the passes whose best two words are too close."""
        rows, likeliest = self.table.rows, self.evidence.likeliest
        totals = Counter(len(key.words) for key in likeliest.decoded)
        for (decoded, first, second), keys in self._close_passes().items():
            key = min(keys, key=lambda key: rows[key].margin)
            token = self.world.story.tokens[decoded]
            message = (
                f"{first!r} and {second!r} are within {CLOSE:g} nats in {len(keys)} of {totals[decoded]} decodings of token "
                f"{token.position}; closest: {rows[key].word!r} by {rows[key].margin:.3f}, "
                f"{trace_text(likeliest.trace(likeliest.decoded[key]))}"
            )
            yield Problem.at(token.place, "W420", message)

    def _close_passes(self) -> dict[tuple[int, str, str], list[PassKey]]:
        """Return the passes whose best two words are close, by how many words they follow and by the two words."""
        close: dict[tuple[int, str, str], list[PassKey]] = {}
        for key in self.evidence.likeliest.decoded if self.table.is_computed else ():
            row = self.table.rows[key]
            if row.margin < CLOSE:
                first, second = sorted((row.word, row.second))
                close.setdefault((len(key.words), first, second), []).append(key)
        return close

    def _thresholds(self) -> Iterator[Problem]:
        """Yield the thresholds that a pass comes too near to, measured or written."""
        table = self.table
        for threshold in self.world.thresholds:
            if threshold.quantity == "p":
                values = [table.rows[key].probabilities.get(threshold.word, 0.0) for key in table.used]
            else:
                asked = threshold.quantity, threshold.word
                values = [value for reading, value in table.readings.items() if (reading.quantity, reading.name) == asked]
            nearest = min(values, key=lambda value: abs(value - threshold.bound), default=None)
            if nearest is not None and abs(nearest - threshold.bound) < NEAR:
                is_there = "measured" if table.is_computed else "written"
                value = f"{is_there} as {nearest:.6f}, within {NEAR:g} of its bound {threshold.bound:g}"
                yield Problem.at(threshold.place, "E419", f"the threshold {threshold.name!r} is {value}")

    def _limits(self) -> Iterator[Problem]:
        place = self.world.scenes[self.world.start].place
        if not self.is_complete:
            states = max(len(explorer.parents) for explorer in self.evidence.explorers)
            message = f"the check stopped at its limit after {states:,} states: the rest was not explored"
            yield Problem.at(place, "W429", message)
        for explorer in self.evidence.explorers:
            if explorer.abstraction:
                message = f"{self._limit_text(explorer, explorer.abstraction)}; beyond it the check is abstract"
                yield Problem.at(place, "W428", f"{message}, with every word and every threshold taken as possible")
                return

    def _limit_text(self, explorer: Explorer, point: AbstractionPoint) -> str:
        """Return which limit a search came to, and for how much there was room when it did."""
        limit = f"{explorer.limits.concrete:,} states with measured passes"
        if point.limit == "passes":
            limit = f"{self.table.most:,} measured passes"
        about = "about " if point.unit == "histories" else ""
        room = f"{point.spent:,} used, room for {about}{point.room:,} of {point.wanted:,} {point.unit}"
        drawn = "with words drawn, " if explorer.draws else ""
        return f"{drawn}the limit of {limit} was reached at token {point.token}: {room}"


def _next_scenes(scene: Scene | Ending) -> tuple[str, ...]:
    choices = scene.choices if isinstance(scene, Scene) else ()
    return tuple(dict.fromkeys(target.scene for choice in choices for target in choice.goto.targets if target.scene != DECODE))


def _led_to(choice: Choice, problem: Problem) -> set[str]:
    """Return the scenes to which a choice does not lead because of a problem with it."""
    targets = [target for target in choice.goto.targets if target.scene != DECODE]
    if problem.code == "E422":
        place = problem.file, problem.line, problem.column
        return {target.scene for target in targets if target.place == place}
    return {target.scene for target in targets} if problem.code in NEVER_TAKEN else set()


def _is_word_at(item: Item, token: Token) -> bool:
    return item.kind is ItemKind.WORD and item.token == token.position


def trace_text(trace: Trace) -> str:
    """Return a run in words: its choices, each with the word drawn after it."""
    steps = [choice if word is None else f"{choice} → {word!r}" for choice, word in trace.steps]
    start = "" if trace.prior == Prior() else f"(instantiation {trace.prior.instantiation}, all endings found, all scenes met) "
    return start + (", ".join(steps) or "at the very start")


def _claim_text(claim: CheckedClaim) -> str:
    return f"what {claim.owner!r} holds" if claim.kind == HOLDS else f"the claim {claim.owner!r} ({claim.kind})"


def _alternative_text(alternative: Alternative) -> str:
    kind, owner = alternative.text
    where = "the text" if kind is TextKind.SCENE else repr(kind.value)
    return f"{alternative.words!r} in {where} of {owner!r}"
