"""What a world claims of its runs (``holds`` and ``claims``), proven by carrying facts along the states that were explored.

A claim is a condition that has to hold wherever its text is shown, or a property of all runs. Its facts (a scene met, a choice
taken, an act made, a word said, what decided it, a variable compared) are mostly not in the packed states, as no rule reads
them. So each state gets the set of valuations with which it can be reached, as bits: bit *v* for the facts numbered by the bits
of *v*. Edges change them (a choice makes *taken* true), and they are passed on until nothing is new. A fact that cannot be
followed takes both values, so that what is proven is so, and what is not may still hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from forward_pass.checker.control_graph import Action, Location
from forward_pass.checker.coverage import Item, ItemKind
from forward_pass.checker.explorer import Explorer
from forward_pass.checker.text_coverage import Alternative, Requirement, TextId, TextKind, claims_in_text, shown_condition
from forward_pass.checker.trace import Trace
from forward_pass.errors import Place
from forward_pass.story.compile import compile_expression
from forward_pass.story.engine import initial_state
from forward_pass.story.forecast import decided_by
from forward_pass.story.nodes import (
    Acted,
    And,
    Compare,
    Decided,
    Drawn,
    Emitted,
    Ending,
    Expression,
    Found,
    If,
    Literal,
    Met,
    Not,
    Or,
    Property,
    Scene,
    Seen,
    Set,
    Taken,
    VariableValue,
)
from forward_pass.story.state import Prior, State
from forward_pass.story.visit import find_nodes
from forward_pass.story.world import World

MAX_FACTS = 12  # of a claim: with each more, its valuations double
MAX_BITS = 8192  # of a set of valuations: claims beyond are carried in another round
HOLDS, ALWAYS, NEVER, SOMETIMES = "holds", "always", "never", "sometimes"

Effect = bool | None
"""What an edge makes of a fact: true or false; ``None`` where that is not known. An edge that leaves it alone has no effect."""


class CheckedClaim(NamedTuple):
    """A claim: ``holds`` of a text, or a property of all runs; and the condition that would refute or show it."""

    item: Item
    kind: str
    owner: str  # the scene or ending in whose text it stands; of a property its id
    place: Place
    wanted: Expression  # a state in which this holds is what is looked for

    @property
    def text(self) -> TextId | None:
        """The text that it belongs to; None for a property of all runs."""
        return TextId(TextKind.SCENE, self.owner) if self.kind == HOLDS else None

    @property
    def watched(self) -> Alternative:
        """The claim as an alternative that is shown where what is looked for holds."""
        node = If(self.place, self.wanted, (), ())
        return Alternative(TextId(TextKind.SCENE, self.owner), self.item, self.place, "", (Requirement(node, 0),), silent=True)

    @property
    def is_met(self) -> Callable[[State], bool]:
        """The function that tells of a state whether what is looked for holds there."""
        value = compile_expression(self.wanted)
        return lambda state: bool(value(state))


class Verdict(NamedTuple):
    """What came of a claim: whether it is proven; otherwise perhaps a run to try, or why it could not be followed."""

    claim: CheckedClaim
    is_proven: bool
    trace: Trace | None = None
    reason: str = ""


def claims_of(world: World) -> list[CheckedClaim]:
    """Return the claims of a world's texts, then its properties."""
    found = [*_text_claims(world)]
    found += [_property_claim(node) for node in world.story.properties]
    return found


def _text_claims(world: World) -> Iterator[CheckedClaim]:
    for scene in world.scenes.values():
        rows = [(claim.place, shown, claim.condition) for claim, shown in claims_in_text(scene.text)]
        if isinstance(scene, Ending):
            rows += [(one.place, None, one.expression) for one in scene.holds]
        for number, (place, shown, condition) in enumerate(rows):
            wanted = Not(condition) if shown is None else And(shown, Not(condition))
            yield CheckedClaim(Item(ItemKind.CLAIM, scene.id, number), HOLDS, scene.id, place, wanted)


def _property_claim(node: Property) -> CheckedClaim:
    wanted = Not(node.condition) if node.how == ALWAYS else node.condition
    return CheckedClaim(Item(ItemKind.PROPERTY, node.id), node.how, node.id, node.place, wanted)


def claim_of_alternative(alternative: Alternative) -> CheckedClaim:
    """Return the claim that an alternative of a scene's text is never shown."""
    shown = shown_condition(alternative.requirements) or Literal(1)
    return CheckedClaim(alternative.item, HOLDS, alternative.text.owner, alternative.place, shown)


# -- facts ------------------------------------------------------------------------------------------------------------


def facts_of(expression: Expression) -> list[Expression]:
    """Return the facts of a condition: what is left when *and*, *or* and *not* are taken away, each once."""
    if isinstance(expression, And | Or):
        by_name = {repr(fact): fact for fact in (*facts_of(expression.left), *facts_of(expression.right))}
        return list(by_name.values())  # nodes of two kinds with equal fields are equal as tuples, and not the same fact
    if isinstance(expression, Not):
        return facts_of(expression.operand)
    return [] if isinstance(expression, Literal) else [expression]


def _truth(expression: Expression, facts: Sequence[Expression], valuation: int) -> bool:
    match expression:
        case And():
            return _truth(expression.left, facts, valuation) and _truth(expression.right, facts, valuation)
        case Or():
            return _truth(expression.left, facts, valuation) or _truth(expression.right, facts, valuation)
        case Not():
            return not _truth(expression.operand, facts, valuation)
        case Literal():
            return bool(expression.value)
    return bool(valuation >> _number(facts, expression) & 1)


def _number(facts: Sequence[Expression], fact: Expression) -> int:
    return next(number for number, one in enumerate(facts) if repr(one) == repr(fact))


class Edge(NamedTuple):
    """One way from a state to another."""

    action: Action
    location: Location  # from which it leads
    word: str | None
    target: Location
    packed: int  # the state before


class _Effects:
    """What edges make of facts."""

    def __init__(self, explorer: Explorer) -> None:
        self.explorer, self.world = explorer, explorer.world
        opening = initial_state(self.world, Prior())
        self._opening = {start: opening._replace(prior=initial_state(self.world, start).prior) for start in explorer.starts}

    def at_opening(self, fact: Expression) -> set[bool]:
        """Return the values that a fact can have before the first choice."""
        if not _is_followed(fact):
            return {False, True}
        value = compile_expression(fact)
        return {bool(value(state)) for state in self._opening.values()}

    def on(self, edge: Edge, fact: Expression) -> Effect | str:
        """Return what an edge makes of a fact; ``same`` where it leaves it as it is."""
        token, choice = edge.location.token, edge.action.choice
        match fact:
            case Seen():
                return True if self.world.scenes[edge.target.scene].slot == fact.scene else "same"
            case Taken():
                return True if choice.slot == fact.choice else "same"
            case Acted():
                return True if fact.act in choice.acts and fact.token in (0, token) else "same"
            case Emitted():
                return True if edge.word == fact.word and fact.token in (0, token) else "same"
            case Drawn():
                return "same" if edge.word is None or fact.token != token else self._is_drawn(edge)
            case Decided():
                return "same" if edge.word is None or token > self.world.telling_token else self._is_decided(edge, fact)
            case VariableValue() | Compare():
                return self._variable_effect(edge, fact)
            case Found() | Met():
                return "same"
        return None

    def _variable_effect(self, edge: Edge, fact: VariableValue | Compare) -> Effect | str:
        variables = {node.variable for node in find_nodes(VariableValue, fact)}
        if not _is_followed(fact):
            return None
        sets = [one for one in self._sets(edge) if one.variable in variables]
        if not sets:
            return "same"
        value = sets[-1].value
        if len(variables) > 1 or not isinstance(value, Literal):
            return None
        (variable,) = variables
        start = self._opening[self.explorer.starts[0]]
        kept = min(max(value.value, sets[-1].least), sets[-1].most)
        changed = (*start.variables[:variable], kept, *start.variables[variable + 1 :])
        return bool(compile_expression(fact)(start._replace(variables=changed)))

    def _sets(self, edge: Edge) -> tuple[Set, ...]:
        taken = next(one for one in edge.action.edges if one.decodes == (edge.word is not None))
        entering = next(one.effects for one in taken.targets if one.location == edge.target)
        return (*taken.effects, *entering)

    def _is_drawn(self, edge: Edge) -> Effect:
        key = self.explorer.decoded_pass(edge.packed, edge.action)
        return None if key is None else self.explorer.table.distribution(key).best != edge.word

    def _is_decided(self, edge: Edge, fact: Decided) -> Effect | str:
        key = self.explorer.decoded_pass(edge.packed, edge.action)
        if key is None:
            return None
        decided = decided_by(self.explorer.table, key.followed_by(edge.word or ""), self.world.telling_index)
        return "same" if decided is None else fact.what in decided


def _is_followed(fact: Expression) -> bool:
    """Return whether a fact's value is known as it changes: not one of measured numbers, of layers or of counts."""
    if isinstance(fact, Compare):
        leaves = [fact.left, fact.right]
        return all(isinstance(leaf, VariableValue | Literal) for leaf in leaves)
    return isinstance(fact, Seen | Taken | Acted | Emitted | Drawn | Decided | VariableValue | Found | Met)


# -- valuations -------------------------------------------------------------------------------------------------------


class _Block(NamedTuple):
    """A claim's bits in the sets of valuations: where they begin, its facts, and the valuations in which it is met."""

    claim: CheckedClaim
    shift: int
    facts: tuple[Expression, ...]
    met: int

    def bits_with(self, number: int) -> int:
        """Return the bits of the valuations in which a fact is true."""
        return sum(1 << self.shift + v for v in range(1 << len(self.facts)) if v >> number & 1)

    def bits_without(self, number: int) -> int:
        """Return the bits of the valuations in which a fact is false."""
        return sum(1 << self.shift + v for v in range(1 << len(self.facts)) if not v >> number & 1)


class _Operation(NamedTuple):
    """What an edge does to a set of valuations: those with a fact lose it, those without gain it, or both and also neither."""

    gain: int  # bits that move up by ``by``
    lose: int  # bits that move down
    by: int
    keep: bool  # whether they also stay


class Valuations:
    """The valuations of claims' facts with which each explored state can be reached."""

    def __init__(self, explorer: Explorer, claims: Sequence[CheckedClaim]) -> None:
        self.explorer = explorer
        self.effects = _Effects(explorer)
        self.blocks: list[_Block] = []
        shift = 0
        for claim in claims:
            facts = tuple(facts_of(claim.wanted))
            met = sum(1 << shift + v for v in range(1 << len(facts)) if _truth(claim.wanted, facts, v))
            self.blocks.append(_Block(claim, shift, facts, met))
            shift += 1 << len(facts)
        self._operations: dict[tuple[int, str | None, int, int], tuple[_Operation, ...]] = {}
        self._told = any(isinstance(fact, Decided | Drawn) for block in self.blocks for fact in block.facts)
        self.at_location: dict[Location, int] = {}

    def opening(self) -> int:
        """Return the valuations before the first choice."""
        bits = 0
        for block in self.blocks:
            values = [0]
            for number, fact in enumerate(block.facts):
                truths = self.effects.at_opening(fact)
                values = [value | truth << number for value in values for truth in truths]
            bits |= sum(1 << block.shift + value for value in set(values))
        return bits

    def spread(self) -> None:
        """Pass the valuations on along all edges, until nothing is new; then ``at_location`` has those of each location.

        States are taken in the order of their tokens and layers, in which nearly every edge leads on to a later one.
        """
        parents, codec = self.explorer.parents, self.explorer.codec
        pool: dict[int, int] = {}  # one object for equal sets: most states have the same
        masks: dict[int, int] = dict.fromkeys((state for state, parent in parents.items() if parent is None), self.opening())
        waiting = dict.fromkeys(sorted(parents, key=codec.progress_of))
        while waiting:
            again: dict[int, None] = {}
            done: set[int] = set()
            for state in waiting:
                bits = masks.get(state, 0)
                done.add(state)
                if not bits:
                    continue
                for after, operations in self._edges(state):
                    moved = _moved(bits, operations)
                    before = masks.get(after, 0)
                    both = moved | before
                    if both != before:
                        masks[after] = pool.setdefault(both, both)
                        if after in done or after not in waiting:
                            again[after] = None
            waiting = dict.fromkeys(sorted(again, key=codec.progress_of))
        for state, bits in masks.items():
            location = codec.location_of(state)
            self.at_location[location] = self.at_location.get(location, 0) | bits

    def _edges(self, state: int) -> Iterator[tuple[int, tuple[_Operation, ...]]]:
        layout = self.explorer.codec.layout
        for number, action, word, after in self.explorer.edges(state):
            told = state >> layout.pass_shift if self._told and word is not None else -1
            key = number, word, after & layout.location_mask, told
            operations = self._operations.get(key)
            if operations is None:
                location, target = self.explorer.location_of(state), self.explorer.location_of(after)
                operations = self._operations[key] = self._operations_of(Edge(action, location, word, target, state))
            yield after, operations

    def _operations_of(self, edge: Edge) -> tuple[_Operation, ...]:
        """Return what an edge does to valuations, facts with the same effect and number taken together."""
        found: dict[tuple[int, Effect], tuple[int, int]] = {}
        for block in self.blocks:
            for number, fact in enumerate(block.facts):
                effect = self.effects.on(edge, fact)
                if effect == "same":
                    continue
                assert effect is None or isinstance(effect, bool)  # noqa: S101 - told by ``on``
                gain, lose = found.get((number, effect), (0, 0))
                gain |= 0 if effect is False else block.bits_without(number)
                lose |= 0 if effect is True else block.bits_with(number)
                found[number, effect] = gain, lose
        return tuple(_Operation(gain, lose, 1 << number, effect is None) for (number, effect), (gain, lose) in found.items())

    def is_met(self, block: _Block) -> bool:
        """Return whether what a claim looks for can hold where it is looked for."""
        return any(bits & block.met for location, bits in self.at_location.items() if _is_asked(block.claim, location))

    def trace(self, block: _Block) -> Trace | None:
        """Return a way to where what a claim looks for can hold; None where there is none."""
        only = Valuations(self.explorer, [block.claim])
        (single,) = only.blocks
        parents: dict[tuple[int, int], tuple[int, int] | None] = {}
        opening = only.opening()
        starts = [state for state, parent in self.explorer.parents.items() if parent is None]
        frontier = [(state, bit) for state in starts for bit in _single_bits(opening)]
        parents.update(dict.fromkeys(frontier))
        while frontier:
            found: list[tuple[int, int]] = []
            for node in frontier:
                state, bit = node
                if bit & single.met and _is_asked(block.claim, self.explorer.location_of(state)):
                    return self._steps(parents, node)
                for after, operations in only._edges(state):
                    for moved in _single_bits(_moved(bit, operations)):
                        if (after, moved) not in parents:
                            parents[after, moved] = node
                            found.append((after, moved))
            frontier = found
        return None

    def _steps(self, parents: dict[tuple[int, int], tuple[int, int] | None], node: tuple[int, int]) -> Trace:
        steps: list[tuple[str, str | None]] = []
        parent = parents[node]
        while parent is not None:
            edges = self.explorer.edges(parent[0])
            steps += [(action.choice.id, word) for _, action, word, after in edges if after == node[0]][:1]
            node, parent = parent, parents[parent]
        prior = self.explorer.starts[self.explorer.codec.layout.start_of(node[0])]
        return Trace(prior, tuple(reversed(steps)))


def _moved(bits: int, operations: tuple[_Operation, ...]) -> int:
    for gain, lose, by, keep in operations:
        moved = (bits & gain) << by | (bits & lose) >> by
        bits = bits | moved if keep else bits & ~(gain | lose) | moved
    return bits


def _single_bits(bits: int) -> Iterator[int]:
    while bits:
        yield bits & -bits
        bits &= bits - 1


def _is_asked(claim: CheckedClaim, location: Location) -> bool:
    return claim.kind != HOLDS or claim.owner == location.scene


def prove(explorer: Explorer, claims: Sequence[CheckedClaim]) -> list[Verdict]:
    """Return what came of claims over the states of a search with the likeliest words."""
    verdicts: list[Verdict] = []
    followed: list[list[CheckedClaim]] = [[]]
    bits = 0
    for claim in claims:
        facts = facts_of(claim.wanted)
        if len(facts) > MAX_FACTS:
            verdicts.append(Verdict(claim, is_proven=False, reason=f"it asks about {len(facts)} facts, more than {MAX_FACTS}"))
        elif explorer.is_exhausted:
            verdicts.append(Verdict(claim, is_proven=False, reason="the exploration stopped at its limit"))
        else:
            bits += 1 << len(facts)
            if bits > MAX_BITS:
                followed.append([])
                bits = 1 << len(facts)
            followed[-1].append(claim)
    for some in followed:
        verdicts += _followed_verdicts(explorer, some)
    return verdicts


def _followed_verdicts(explorer: Explorer, claims: Sequence[CheckedClaim]) -> Iterator[Verdict]:
    """Yield what came of claims whose facts are few enough to be carried together."""
    if not claims:
        return
    valuations = Valuations(explorer, claims)
    valuations.spread()
    for block in valuations.blocks:
        if not valuations.is_met(block):
            yield Verdict(block.claim, is_proven=block.claim.kind != SOMETIMES)
        else:
            has_unknown = not all(map(_is_followed, block.facts))
            reason = "it asks about a measured number, a layer or a count" if has_unknown else ""
            yield Verdict(block.claim, is_proven=False, trace=valuations.trace(block), reason=reason)


def scene_of(world: World, claim: CheckedClaim) -> Scene | Ending | None:
    """Return the scene or ending in whose text a claim stands."""
    return world.scenes.get(claim.owner) if claim.kind == HOLDS else None
