"""The whole of a walk: control, decodings, witnesses, and texts. What it returns is evidence; ``findings`` judges it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

from forward_pass.checker.explorer import Explorer, Limits, Mark, ProgressFunction, no_progress
from forward_pass.checker.liveness import Place
from forward_pass.checker.pass_table import TABLE_FILE, PassTable
from forward_pass.checker.random_player import RandomPlayer
from forward_pass.checker.state_layout import FACTS, read_by
from forward_pass.checker.text_coverage import Alternative, alternatives
from forward_pass.checker.witness import Item, Witnesses
from forward_pass.story.distribution import PassPort
from forward_pass.story.state import Prior, State
from forward_pass.story.world import DECODE, World

THIRD_INSTANTIATION = 3
RANDOM_RUNS = 20_000  # random runs at most
PATIENCE = 500  # random runs without anything new, and as many again as there were before, after which no more are tried
AIMED_RUNS = 1000  # at most, toward a scene whose text has alternatives that nobody met
VARIANT_STATES = 400_000  # of a walk that is sliced to what some texts read
BUDGET = 2_000_000  # states, of all walks to texts together
MAX_DECODINGS = 200_000


class CheckOptions(NamedTuple):
    """How far a check goes, and what it does about the table of decodings."""

    decodings: int = MAX_DECODINGS
    limits: Limits = Limits()
    tell: ProgressFunction = no_progress
    again: bool = False  # measure everything again, whatever the table has
    table: bool = False  # write the table beside the weights


class Evidence(NamedTuple):
    """What was walked and met."""

    world: World
    decodings: PassTable
    likely: Explorer  # with the likeliest word at every decoding
    drawn: Explorer | None  # with any word that can be drawn, where the first left anything unmet
    alternatives: list[Alternative]
    witnesses: Witnesses
    undecided: set[Item]  # texts for which the walk would have been too large
    kept: int  # decodings that were in the table already

    @property
    def walks(self) -> list[Explorer]:
        """The walks that were made, the one at temperature 0 first."""
        return [self.likely, *([self.drawn] if self.drawn else [])]

    def marked(self, mark: Mark, *, drawn: bool = True) -> bool:
        """Return whether a control walk met something."""
        return any(mark in walk.marks for walk in (self.walks if drawn else [self.likely]))


def starts(world: World) -> list[Prior]:
    """Return the starts that are walked: the first run, and where it makes a difference, the third with everything found."""
    if FACTS not in read_by(*_trees(world.data)):
        return [Prior()]
    return [Prior(), Prior(min(THIRD_INSTANTIATION, world.instantiations), frozenset(world.endings))]


def _trees(data: Any) -> Iterable[Any]:
    """Yield what asks about the header's facts, wherever it stands."""
    stack = [data["scenes"], data["choices"], data["tokens"]]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            stack.extend(node.values())
        elif isinstance(node, list):
            if node and node[0] in ("found", "instantiation"):
                yield node
            else:
                stack.extend(node)


def verify(world: World, measure: PassPort, asked: CheckOptions | None = None) -> Evidence:
    """Walk a world in every way that this knows, and return what was met."""
    return _Verifier(world, measure, asked or CheckOptions()).evidence()


class _Verifier:
    def __init__(self, world: World, measure: PassPort, asked: CheckOptions) -> None:
        self.world, self.limits, self.tell, self.asked = world, asked.limits, asked.tell, asked
        self.decodings = PassTable(world, measure, asked.decodings)
        self.kept = 0 if asked.again else self.decodings.read_table()
        self.starts = starts(world)
        self.alternatives = alternatives(world)
        self.witnesses = Witnesses(world, self.decodings, self.alternatives)
        self.undecided: set[Item] = set()
        self.budget = BUDGET

    def evidence(self) -> Evidence:
        likely = self._walk()
        self._witnessed(likely)
        self._wander()
        self._aim(likely)
        drawn = None
        if self._unmet(likely):
            drawn = self._walk(drawn=True)
            self._witnessed(drawn)
        self._sliced(drawn=False)
        self._sliced(drawn=True)
        self.decodings.write_table()
        if self.asked.table:
            self.decodings.write_table(self.world.folder / TABLE_FILE)
        return Evidence(self.world, self.decodings, likely, drawn, self.alternatives, self.witnesses, self.undecided, self.kept)

    def _walk(self, *, drawn: bool = False, watched: Sequence[Alternative] = (), most: int = 0) -> Explorer:
        limits = self.limits._replace(states=min(self.limits.states, most or self.limits.states))
        walk = Explorer(self.world, self.decodings, self.starts, drawn=drawn, watched=watched, limits=limits, tell=self.tell)
        walk.run()
        return walk

    def _unmet(self, walk: Explorer) -> bool:
        """Return whether the likeliest words leave anything unmet."""
        items = [Item("scene", scene) for scene in self.world.scene_ids]
        items += [Item("open", choice) for choice in self.world.choice_ids]
        items += [_item(one) for one in self.alternatives]
        return any(not self.witnesses.has(item) for item in items) or any(mark not in walk.marks for mark in self._cases())

    def _cases(self) -> Iterator[Mark]:
        """Yield a mark for every word that is answered, every case of a goto, and every condition that need not hold."""
        for token, its in self.world.tokens.items():
            for word, targets in its.arrivals.items():
                yield "word", token, word
                yield from (("arrival", token, word, number, True) for number in range(len(targets)))
        for choice, row in self.world.data["choices"].items():
            if row["goto"][0][1] != DECODE:
                yield from (("goto", choice, number, True) for number in range(len(row["goto"])))
            yield from ((key, choice, False) for key in ("if", "needs") if row[key] is not None)
            if row["cut"] is not None:
                yield from (("cut", choice, truth) for truth in (False, True))

    # -- witnesses ------------------------------------------------------------------------------------------------

    def _witnessed(self, walk: Explorer) -> None:
        """Follow a concrete run to everything that a control walk met and no run has met before."""
        for item, state in self._targets(walk):
            if not self.witnesses.has(item, likely=not walk.drawn):
                start, path = walk.path(state)
                self.witnesses.follow(self.starts[start], path)

    def _targets(self, walk: Explorer) -> list[tuple[Item, int]]:
        """Return what a control walk met, each with the first state of it."""
        first: dict[Place, int] = {}
        for state in walk.parents:
            first.setdefault(walk.place_of(state), state)
        targets = [(Item("scene", place.scene), state) for place, state in reversed(first.items())]
        targets += [(Item(mark[0], mark[1]), state) for mark, state in walk.marks.items() if mark[0] in ("open", "offered")]
        return targets

    # -- texts ----------------------------------------------------------------------------------------------------

    def _likeliest(self, state: State) -> str:
        return self.decodings.row(state.words, state.acts).word

    def _wander(self) -> None:
        """Let random players, who take what was taken least, meet what they will at temperature 0."""
        player = RandomPlayer(self.world, self.decodings, self._likeliest)
        items = [_item(one) for one in self.alternatives]
        known, newest = len(self.witnesses.met), 0
        for number in range(RANDOM_RUNS):
            if len(self.witnesses.met) > known:
                known, newest = len(self.witnesses.met), number
            if number > max(PATIENCE, 2 * newest) or all(map(self.witnesses.has, items)):
                return
            self.tell("random runs", number)
            facts = self.starts[number % len(self.starts)]
            run = player.play_once(facts, Random(number))  # noqa: S311 - a player, no secret
            self.witnesses.add_run(facts, run.opening, run.steps)

    def _aim(self, walk: Explorer) -> None:
        """Let random players who keep near a known path to a scene meet what its text says of other ways there."""
        scenes = {one.owner for one in self.alternatives if one.form == "scene"}
        paths = {item.name: state for item, state in self._targets(walk) if item.kind == "scene" and item.name in scenes}
        for scene, state in paths.items():
            items = [_item(one) for one in self.alternatives if one.form == "scene" and one.owner == scene]
            start, path = walk.path(state)
            player = RandomPlayer(self.world, self.decodings, self._likeliest, uniform=True)
            aim = frozenset(choice for choice, _ in path)
            for number in range(AIMED_RUNS):
                if all(map(self.witnesses.has, items)):
                    break
                run = player.play_once(self.starts[start], Random(number), aim)  # noqa: S311 - a player, no secret
                self.witnesses.add_run(self.starts[start], run.opening, run.steps)

    def _sliced(self, *, drawn: bool) -> None:
        """Walk to the texts that nobody met, over states that tell apart what they read."""
        missing = [one for one in self.alternatives if not self.witnesses.has(_item(one), likely=not drawn)]
        self._walked_to(missing, drawn=drawn)

    def _walked_to(self, missing: list[Alternative], *, drawn: bool) -> None:
        if not missing:
            return
        self.tell("texts not shown yet", len(missing))
        if self.budget <= 0:
            self.undecided.update(map(_item, missing))
            return
        walk = self._walk(drawn=drawn, watched=missing, most=VARIANT_STATES)
        self.budget -= len(walk.parents)
        for one in missing:
            state = walk.marks.get(("shown", one.form, one.owner, one.number))
            if state is not None and not self.witnesses.has(_item(one), likely=not drawn):
                start, path = walk.path(state)
                last = [(one.owner, None)] if one.form == "then" else []
                self.witnesses.follow(self.starts[start], [*path, *last])
        if not walk.exhausted:
            return
        left = [one for one in missing if not self.witnesses.has(_item(one), likely=False)]
        if len(missing) == 1:
            self.undecided.update(map(_item, left))
            return
        half = (len(left) + 1) // 2
        self._walked_to(left[:half], drawn=drawn)
        self._walked_to(left[half:], drawn=drawn)


def _item(one: Alternative) -> Item:
    return Item("shown", (one.form, one.owner, one.number))
