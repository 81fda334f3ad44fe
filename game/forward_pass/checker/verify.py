"""The whole of a check: the explorer, concrete runs and texts. It returns evidence, which ``findings`` judges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from forward_pass.checker.claims import Verdict, claim_of_alternative, claims_of, prove
from forward_pass.checker.control_graph import Location
from forward_pass.checker.coverage import Item, ItemKind
from forward_pass.checker.explorer import Explorer, Limits, ProgressFunction, no_progress
from forward_pass.checker.pass_table import Missing, PassTable
from forward_pass.checker.random_player import RandomPlayer
from forward_pass.checker.state_layout import PRIOR, fields_read
from forward_pass.checker.text_coverage import Alternative, TextKind, alternatives
from forward_pass.checker.trace import Trace
from forward_pass.checker.witness import Witnesses
from forward_pass.story.forecast import ablated_passes
from forward_pass.story.ports import PassPort
from forward_pass.story.state import Prior, State
from forward_pass.story.world import World

THIRD_INSTANTIATION = 3
RANDOM_RUNS = 10_000  # what they have not shown by then, searches find sooner
FEW_STATES = 20_000  # so many are searched whole for what random runs have not shown, in less than runs toward it take
PATIENCE = 500  # random runs without anything new, or twice as many as there were before, after which no more are tried
DRAWN_RUNS = 600
AIMED_RUNS = 1000  # towards a scene whose text has alternatives without a witness
TEXT_STATES = 400_000  # of a search that tells apart what some texts read
TEXT_BUDGET = 2_000_000  # states of all such searches
MAX_DECODINGS = 200_000


class CheckOptions(NamedTuple):
    """How far a check goes, and what it does about the table of passes."""

    decodings: int = MAX_DECODINGS
    limits: Limits = Limits()
    on_progress: ProgressFunction = no_progress
    again: bool = False  # measure every pass again, whatever the table has
    table: bool = False  # write the table beside the weights


class Evidence(NamedTuple):
    """What was explored and reached."""

    world: World
    table: PassTable
    likeliest: Explorer  # with the likeliest word of every pass
    drawn: Explorer | None  # with every word that can be drawn, where the first left anything unreached
    alternatives: list[Alternative]
    witnesses: Witnesses
    undecided: set[Item]  # texts for which the search would have been too large
    verdicts: list[Verdict]  # what came of the claims that no run has refuted, and of the properties

    @property
    def explorers(self) -> list[Explorer]:
        """The searches, the one with the likeliest words first."""
        return [self.likeliest, *([self.drawn] if self.drawn else [])]

    def is_reached(self, kind: ItemKind, name: str, number: int = 0, token: int = 0) -> bool:
        """Return whether a search reached an item."""
        return any(Item(kind, name, number, token) in explorer.reached for explorer in self.explorers)


def starts(world: World) -> list[Prior]:
    """Return the starts to explore: the first run, and where it matters the third, with all endings found and scenes met."""
    if PRIOR not in fields_read(world, world.story):
        return [Prior()]
    return [Prior(), Prior(min(THIRD_INSTANTIATION, world.instantiations), frozenset(world.endings), world.scenes_remembered)]


def verify(world: World, port: PassPort, options: CheckOptions | None = None) -> Evidence:
    """Check a world in every way there is, and return what was reached."""
    return _Verifier(world, port, options or CheckOptions()).evidence()


class _Verifier:
    def __init__(self, world: World, port: PassPort, options: CheckOptions) -> None:
        self.world, self.options = world, options
        self.table = PassTable(world, port, options.decodings)
        if not options.again:
            self.table.read_table()
        self.starts = starts(world)
        self.alternatives = alternatives(world)
        self.claims = claims_of(world)
        watched = [claim.watched for claim in self.claims if claim.text]
        everywhere = [(claim.item, claim.is_met) for claim in self.claims if not claim.text]
        self.witnesses = Witnesses(world, self.table, [*self.alternatives, *watched], everywhere)
        self.undecided: set[Item] = set()
        self.never_shown: set[Item] = set()  # with the likeliest words
        self.text_budget = TEXT_BUDGET

    def evidence(self) -> Evidence:
        likeliest = self._explore()
        self._measure_ablations(likeliest)
        self._find_witnesses(likeliest)
        self._play_at_random()
        if len(likeliest.parents) > FEW_STATES:
            self._play_towards_scenes(likeliest)
        drawn = None
        if self.world.has_pass and self._is_anything_unreached(likeliest):
            drawn = self._explore(draws=True)
            self._find_witnesses(drawn)
        if self.world.has_pass:
            self._play_drawn()
        self._follow_texts(likeliest)
        for draws in (False, True) if self.world.has_pass else (False,):
            self._explore_texts(self._unshown(draws=draws), draws=draws)
        verdicts = self._prove(likeliest)
        self.table.write_table()
        if self.options.table:
            self.table.write_beside_world()
        return Evidence(self.world, self.table, likeliest, drawn, self.alternatives, self.witnesses, self.undecided, verdicts)

    def _explore(self, *, draws: bool = False, watched: Sequence[Alternative] = (), limits: Limits | None = None) -> Explorer:
        limits, on_progress = limits or self.options.limits, self.options.on_progress
        explorer = Explorer(
            self.world, self.table, self.starts, draws=draws, watched=watched, limits=limits, on_progress=on_progress
        )
        explorer.run()
        return explorer

    def _measure_ablations(self, explorer: Explorer) -> None:
        """Measure together the passes without single acts that tell what decided the words, where the world asks."""
        if not self.world.story.decided_asked or not self.table.is_computed:
            return
        told = (key for key in explorer.decoded if len(key.words) <= self.world.telling_index)
        keys = dict.fromkeys(ablated for key in told for ablated in ablated_passes(key))
        self.table.measure([Missing(key) for key in keys if key not in self.table.rows])

    def _prove(self, explorer: Explorer) -> list[Verdict]:
        """Return what came of the claims; where one may be false, a run is tried that would show it."""
        open_claims = [claim for claim in self.claims if not self.witnesses.has(claim.item)]
        verdicts = prove(explorer, open_claims)
        for verdict in verdicts:
            if verdict.trace is not None:
                self.witnesses.follow(verdict.trace)
        return verdicts

    def _is_anything_unreached(self, explorer: Explorer) -> bool:
        """Return whether the likeliest words leave anything unreached."""
        items = [Item(ItemKind.SCENE, scene) for scene in self.world.scene_ids]
        items += [Item(ItemKind.OPEN, choice) for choice in self.world.choice_ids]
        items += [alternative.item for alternative in self.alternatives]
        return not all(map(self.witnesses.has, items)) or any(item not in explorer.reached for item in self._decisions())

    def _decisions(self) -> Iterator[Item]:
        """Yield an item for every word and target, and for every condition that need not hold."""
        for token in self.world.story.tokens:
            for arrival in token.arrivals:
                yield Item(ItemKind.WORD, arrival.word, token=token.position)
                for number in range(len(arrival.goto.targets)):
                    yield Item(ItemKind.WORD_TARGET, arrival.word, number, token.position)
        for choice in self.world.choices.values():
            if not choice.decodes:
                yield from (Item(ItemKind.TARGET, choice.id, number) for number in range(len(choice.goto.targets)))
            if choice.condition is not None:
                yield Item(ItemKind.ABSENT, choice.id)
            if choice.needs is not None:
                yield Item(ItemKind.UNMET, choice.id)
            if choice.cut is not None:
                yield from (Item(ItemKind.NOT_CUT_SHORT, choice.id), Item(ItemKind.CUT_SHORT, choice.id))

    # -- witnesses ----------------------------------------------------------------------------------------------------

    def _find_witnesses(self, explorer: Explorer) -> None:
        """Follow a concrete run to every scene and choice that a search reached and no run has reached before."""
        for item, state in _reached(explorer):
            if not self.witnesses.has(item, drawn=explorer.draws):
                self.witnesses.follow(explorer.trace(state))

    def _likeliest_word(self, state: State) -> str:
        return self.table.row(state.key).word

    def _play_at_random(self) -> None:
        """Add random runs that take what was taken least, until they show all texts or nothing new."""
        player = RandomPlayer(self.world, self.table)
        items = [alternative.item for alternative in self.alternatives]
        known, newest = len(self.witnesses.by_item), 0
        for number in range(RANDOM_RUNS):
            if len(self.witnesses.by_item) > known:
                known, newest = len(self.witnesses.by_item), number
            if number > max(PATIENCE, 2 * newest) or all(map(self.witnesses.has, items)):
                return
            self.options.on_progress("random runs", number)
            self._add_random_run(player, self.starts[number % len(self.starts)], number)

    def _play_towards_scenes(self, explorer: Explorer) -> None:
        """Add random runs near a known trace to each scene, until they show all of its text."""
        missing: dict[str, list[Item]] = {}
        for alternative in self.alternatives:
            if alternative.text.kind is TextKind.SCENE:
                missing.setdefault(alternative.text.owner, []).append(alternative.item)
        states = {
            item.name: state for item, state in _reached(explorer) if item.kind is ItemKind.SCENE and item.name in missing
        }
        for scene, state in states.items():
            trace = explorer.trace(state)
            player = RandomPlayer(self.world, self.table, uniform=True)
            aim = frozenset(choice for choice, _ in trace.steps)
            for number in range(AIMED_RUNS):
                if all(map(self.witnesses.has, missing[scene])):
                    break
                self._add_random_run(player, trace.prior, number, aim)

    def _add_random_run(self, player: RandomPlayer, prior: Prior, seed: int, aim: frozenset[str] = frozenset()) -> None:
        run = player.play_once(prior, Random(seed), self._likeliest_word, aim)  # noqa: S311 - not for security
        self.witnesses.add_run(prior, run.opening, run.steps)

    def _play_drawn(self) -> None:
        """Add random runs whose words are drawn too, where texts have not been shown yet."""
        player = RandomPlayer(self.world, self.table)
        if all(map(self.witnesses.has, (alternative.item for alternative in self.alternatives))):
            return
        for number in range(DRAWN_RUNS):
            rng = Random(number)  # noqa: S311 - not for security

            def draw(state: State, rng: Random = rng) -> str:
                words = self.table.possible_words(state.key)
                return rng.choice(words) if words else self.table.row(state.key).word

            run = player.play_once(self.starts[number % len(self.starts)], rng, draw)
            self.witnesses.add_run(self.starts[number % len(self.starts)], run.opening, run.steps)

    # -- texts --------------------------------------------------------------------------------------------------------

    def _unshown(self, *, draws: bool) -> list[Alternative]:
        missing = [one for one in self.alternatives if not self.witnesses.has(one.item, drawn=draws)]
        return missing if draws else [one for one in missing if one.item not in self.never_shown]

    def _follow_texts(self, explorer: Explorer) -> None:
        """Look for the alternatives of scenes that no run has shown by carrying their facts along the explored states."""
        missing = {one.item: one for one in self._unshown(draws=False) if one.text.kind is TextKind.SCENE}
        for verdict in prove(explorer, [claim_of_alternative(one) for one in missing.values()]):
            if verdict.trace is not None:
                self.witnesses.follow(verdict.trace)
            elif verdict.is_proven:
                self.never_shown.add(verdict.claim.item)

    def _explore_texts(self, missing: list[Alternative], *, draws: bool) -> None:
        """Search for alternatives without a witness, over states that tell apart what they read; in halves where needed."""
        if not missing:
            return
        self.options.on_progress("texts not shown yet", len(missing))
        if self.text_budget <= 0:
            self.undecided.update(alternative.item for alternative in missing)
            return
        states = min(self.options.limits.states, TEXT_STATES)
        explorer = self._explore(draws=draws, watched=missing, limits=self.options.limits._replace(states=states))
        self.text_budget -= len(explorer.parents)
        self._find_text_witnesses(explorer, missing)
        if not explorer.is_exhausted:
            return
        left = [alternative for alternative in missing if not self.witnesses.has(alternative.item, drawn=True)]
        if len(missing) == 1:
            self.undecided.update(alternative.item for alternative in left)
            return
        half = (len(left) + 1) // 2
        self._explore_texts(left[:half], draws=draws)
        self._explore_texts(left[half:], draws=draws)

    def _find_text_witnesses(self, explorer: Explorer, missing: list[Alternative]) -> None:
        for alternative in missing:
            state = explorer.reached.get(alternative.item)
            if state is not None and not self.witnesses.has(alternative.item, drawn=explorer.draws):
                trace = explorer.trace(state)
                if alternative.text.kind is TextKind.THEN:  # which is shown on the way from the state
                    trace = Trace(trace.prior, (*trace.steps, (alternative.text.owner, None)))
                self.witnesses.follow(trace)


def _reached(explorer: Explorer) -> list[tuple[Item, int]]:
    """Return the scenes and choices that a search reached, each with the first state of it; scenes found last come first."""
    first: dict[Location, int] = {}
    for state in explorer.parents:
        first.setdefault(explorer.location_of(state), state)
    scenes = [(Item(ItemKind.SCENE, location.scene), state) for location, state in reversed(first.items())]
    return scenes + [row for row in explorer.reached.items() if row[0].kind in (ItemKind.OPEN, ItemKind.OFFERED)]
