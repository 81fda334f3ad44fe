"""The rules of the machine.

1. A state is a value. ``take`` and ``decode`` make another one and change nothing; a choice that is not open raises.
2. Within a token, layers only rise, from the waking layer to the boundary. A choice costs layers, or leads up
   to a layer and is there below it. One whose cost would reach the boundary is closed, save where it lets the decoder come, or
   says what happens when it is cut short.
3. A choice is carried out in this order: its interventions begin at the layer after the present one, or
   where they turn what leaves the boundary, there; its effects read the
   state as the choice found it, each seeing the ones before it; its cost is paid; its thresholds are measured; it leads on.
4. At the boundary the decoder comes. Every threshold is measured on the finished pass, with all interventions in place. The
   machine then waits for one word, which is drawn outside, and ``decode`` begins the next token at its waking layer.
5. A target is the first whose condition holds; the last one needs none. A scene is counted as met when it is arrived at.
6. An ending has no choices and no decoder comes in it.

Nothing here reads a clock, a file, a screen or a random number: what is measured comes through the ``Measure`` port.
"""

from __future__ import annotations

from operator import gt, lt
from typing import NamedTuple

from forward_pass.errors import NotOfferedError
from forward_pass.story.distribution import Distribution, PassPort
from forward_pass.story.state import Act, Prior, State, increment
from forward_pass.story.world import OTHERWISE, Choice, Effect, Scene, Target, Threshold, World


class Offer(NamedTuple):
    """A choice here and now: open, or closed with the reason; what it costs; whether it was taken before."""

    choice: Choice
    cost: int
    why: str  # empty where the offer is open
    taken: bool
    cut: bool = False  # the layers would run out on it

    @property
    def open(self) -> bool:
        """Whether the choice can be taken."""
        return not self.why


def initial_state(world: World, facts: Prior) -> State:
    """Return the state in which a run begins: the first token, at its waking layer, in the first scene."""
    return State(
        scene=world.start,
        token=world.first_token,
        layer=world.first_layer,
        variables=tuple(variable.start for variable in world.variables),
        visits=increment(bytes(len(world.scene_ids)), world.scene(world.start).slot),
        taken=bytes(len(world.choice_ids)),
        words=(),
        acts=((),),
        measured=(None,) * len(world.thresholds),
        prior=Prior(min(facts.instantiation, world.instantiations), facts.found),
    )


def is_waiting(world: World, state: State) -> bool:
    """Return whether the decoder has come and the machine waits for a word."""
    return state.layer >= world.boundary


def is_ending(world: World, state: State) -> bool:
    """Return whether the state is an ending."""
    return bool(world.scene(state.scene).title)


def offers(world: World, measure: PassPort, state: State) -> tuple[Offer, ...]:
    """Return what is on offer in a state, in the order in which it was written; nothing at an ending or the boundary."""
    layer, takings = state.layer, state.taken
    left = world.boundary - layer
    if left <= 0:
        return ()
    shown = []
    for choice in world.scene(state.scene).choices:
        if choice.condition is not None and not choice.condition(state):
            continue
        taken = takings[choice.slot] > 0
        if taken and choice.once:
            continue
        cost = left if choice.decodes else choice.until - layer if choice.until else choice.cost
        why = _closed(world, measure, state, choice) if cost >= left or choice.needs is not None or choice.acts else ""
        shown.append(Offer(choice, cost, why, taken, choice.cut is not None and cost >= left))
    return tuple(shown)


def _closed(world: World, measure: PassPort, state: State, choice: Choice) -> str:
    """Return why a choice that is there cannot be taken, or nothing."""
    if choice.needs is not None and not choice.needs(state):
        return choice.why(state, measure) or "Not now."
    if choice.acts:
        here = state.acts[-1]
        if len(here) + len(choice.acts) > world.acts_per_token:
            return "No more acts are possible at this token."
        if choice.lasting:
            made = (*choice.acts, *(act.name for act in here))
            if sum(name in world.lasting for name in made) > world.lasting_per_token:
                return "No more lasting acts are possible at this token."
    if not choice.decodes and choice.cut is None and (choice.until or state.layer + choice.cost) >= world.boundary:
        left = world.boundary - state.layer
        takes, are = ("layer" if choice.cost == 1 else "layers"), ("is" if left == 1 else "are")
        return f"That takes {choice.cost} {takes}; there {are} {left}."
    return ""


def _offered(world: World, measure: PassPort, state: State, choice: str) -> Choice:
    """Return the choice of that id if it is open in a state; raises ``NotOfferedError`` otherwise."""
    written = world.scene(state.scene).by_id.get(choice)
    if (
        written is None
        or state.layer >= world.boundary
        or (written.once and state.taken[written.slot] > 0)
        or (written.condition is not None and not written.condition(state))
    ):
        raise NotOfferedError(f"{choice!r} is not on offer in {state.scene!r}")
    if why := _closed(world, measure, state, written):
        raise NotOfferedError(f"{choice!r} is closed: {why}")
    return written


def take(world: World, measure: PassPort, state: State, choice: str) -> State:
    """Return the state after a choice; where the decoder comes, one that waits for a word.

    Raises ``NotOfferedError`` where the choice is not open; the state that was given is as it was.
    """
    chosen = _offered(world, measure, state, choice)
    layer = chosen.until or state.layer + chosen.cost
    runs_out = chosen.decodes or layer >= world.boundary
    effects = (chosen.cut or ()) if runs_out and not chosen.decodes else chosen.effects
    variables = _affected(state, effects) if effects else state.variables
    takings = increment(state.taken, chosen.slot)
    acts = state.acts
    if chosen.acts:
        acts = (*acts[:-1], (*acts[-1], *(Act(name, world.act_start(name, state.layer)) for name in chosen.acts)))
    first = chosen.targets[0]
    if runs_out or chosen.measures or first.condition is not None:
        after = state._replace(layer=world.boundary if runs_out else layer, variables=variables, taken=takings, acts=acts)
        if runs_out:
            return measure_thresholds(world, measure, after)
        return _arrived(world, _measured(world, measure, after, chosen.measures), chosen.targets)
    scene = world.scene(first.scene)  # what most choices do, and a third faster than by way of a state between
    visits = increment(state.visits, scene.slot)
    return State(scene.id, state.token, layer, variables, visits, takings, state.words, acts, state.measured, state.prior)


def measure_thresholds(world: World, measure: PassPort, state: State) -> State:
    """Return a state at the boundary with the truth of every threshold taken from its finished pass."""
    return _measured(world, measure, state, range(len(world.thresholds)))


def decode(world: World, state: State, word: str) -> State:
    """Return the state after a word was drawn: the next token at its waking layer, in the scene that answers the word.

    Raises ``NotOfferedError`` where no word is awaited.
    """
    if not is_waiting(world, state):
        raise NotOfferedError(f"no word can be drawn at layer {state.layer}, before the boundary")
    arrivals = world.tokens[state.token].arrivals
    after = state._replace(token=state.token + 1, layer=world.first_layer, words=(*state.words, word), acts=(*state.acts, ()))
    return _arrived(world, after, arrivals.get(word) or arrivals[OTHERWISE])


def _affected(state: State, effects: tuple[Effect, ...]) -> tuple[int, ...]:
    variables = state.variables
    for number, effect in enumerate(effects):
        if number:  # each sees the ones before it
            state = state._replace(variables=variables)
        value = int(effect.value(state))
        value = effect.least if value < effect.least else min(value, effect.most)
        variables = (*variables[: effect.variable], value, *variables[effect.variable + 1 :])
    return variables


def _measured(world: World, measure: PassPort, state: State, indices: tuple[int, ...] | range) -> State:
    """Return the state with the truth of some thresholds taken from the pass as it now stands."""
    if not indices:
        return state
    truths = list(state.measured)
    for index in indices:
        threshold = world.thresholds[index]
        truths[index] = (gt if threshold.sign == ">" else lt)(threshold_quantity(measure, state, threshold), threshold.bound)
    return state._replace(measured=tuple(truths))


def threshold_quantity(measure: PassPort, state: State, threshold: Threshold) -> float:
    """Return what a threshold compares: a chance at the end of the pass as it stands, or what can be read at its layer."""
    if threshold.quantity == "p":
        return measure.distribution(state.words, state.acts).p(threshold.word)
    if threshold.quantity == "lens":
        return measure.lens(state.words, state.acts, state.layer).p(threshold.word)
    return measure.probe(state.words, state.acts, state.layer, threshold.word)


def _arrived(world: World, state: State, targets: tuple[Target, ...]) -> State:
    scene = world.scene(next(target.scene for target in targets if target.condition is None or target.condition(state)))
    return state._replace(scene=scene.id, visits=increment(state.visits, scene.slot))


def next_distribution(measure: PassPort, state: State) -> Distribution:
    """Return the distribution of the word that a waiting state awaits."""
    return measure.distribution(state.words, state.acts)


def scene_of(world: World, state: State) -> Scene:
    """Return the scene, or ending, of a state."""
    return world.scene(state.scene)
