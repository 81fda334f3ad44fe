"""The rules of the machine.

1. A state is a value. ``take`` and ``decode`` make another one and change nothing; a choice that is not open raises.
2. Within a token, layers only rise, from the first layer to the boundary. A choice costs layers, or leads up to a layer and
   is there below it. One whose cost would reach the boundary is closed, save where it lets the decoder come, or says what
   happens when it is cut short.
3. A choice is carried out in this order: its interventions begin at the layer after the present one, or where their own layer
   is fixed, there; its effects read the state as the choice found it, each seeing the ones before it; its cost is paid; its
   thresholds are measured; it leads on.
4. At the boundary the decoder comes. Every threshold is measured on the finished pass, with all interventions in place. The
   machine then waits for one word, which is drawn outside, and ``decode`` begins the next token at its first layer.
5. A target is the first whose condition holds; the last one needs none. A scene is counted as met when it is arrived at;
   then come its own effects.
6. An ending has no choices and no decoder comes in it.

Nothing here reads a clock, a file, a screen or a random number: what is measured comes through ``PassPort``.
"""

from __future__ import annotations

from enum import Enum
from operator import gt, lt
from typing import NamedTuple

from forward_pass.errors import NotOfferedError
from forward_pass.story.forecast import decided_by
from forward_pass.story.nodes import GO_ON, OTHERWISE, Threshold
from forward_pass.story.ports import Inspector, PassPort
from forward_pass.story.state import Act, Prior, State, increment
from forward_pass.story.world import CompiledChoice, CompiledSet, CompiledTarget, World


class Status(Enum):
    """Whether a choice can be taken, and why not."""

    OPEN = "open"
    ABSENT = "absent"  # its condition does not hold
    USED = "used"  # it can be taken once, and was
    NEEDS = "needs"  # what it needs does not hold
    ACTS = "acts"  # it makes more acts than the token has room for
    LASTING = "lasting"  # it leaves more behind than the token has room for
    LAYERS = "layers"  # it takes more layers than are left


class Availability(NamedTuple):
    """A choice in a state: whether it is offered and open, what it costs, and where it leads."""

    choice: CompiledChoice
    status: Status
    cost: int
    layer: int  # to which it leads: the boundary where the decoder comes
    cut_short: bool  # the layers would run out on it
    taken: bool  # before

    @property
    def id(self) -> str:
        """The choice's id."""
        return self.choice.id

    @property
    def is_open(self) -> bool:
        """Whether the choice can be taken."""
        return self.status is Status.OPEN

    @property
    def is_offered(self) -> bool:
        """Whether the choice is there, open or closed."""
        return self.status not in (Status.ABSENT, Status.USED)

    @property
    def only_goes_on(self) -> bool:
        """Whether it is the one choice of a scene that goes on by itself."""
        return self.choice.id.rpartition(".")[2] == GO_ON

    @property
    def decoder_comes(self) -> bool:
        """Whether the decoder comes after it."""
        return self.choice.decodes or self.cut_short


class ChoiceClosedError(NotOfferedError):
    """A choice that is offered and closed."""

    def __init__(self, closed: Availability) -> None:
        super().__init__(f"{closed.id} is closed ({closed.status.value})", "closed")
        self.closed = closed


def initial_state(world: World, prior: Prior) -> State:
    """Return the state in which a run begins: the first token, at its first layer, in the first scene."""
    before = State(
        scene=world.start,
        token=world.first_token,
        layer=world.first_layer,
        variables=tuple(variable.start for variable in world.variables),
        visits=bytes(len(world.scene_ids)),
        taken=bytes(len(world.choice_ids)),
        words=(),
        acts=((),),
        measured=(None,) * len(world.thresholds),
        prior=prior._replace(instantiation=min(prior.instantiation, world.instantiations)),
    )
    return _entered(world, before, world.start)


def is_waiting(world: World, state: State) -> bool:
    """Return whether the decoder has come and the machine waits for a word."""
    return state.layer >= world.boundary


def is_ending(world: World, state: State) -> bool:
    """Return whether the state is an ending."""
    return state.scene in world.endings


# -- what may be taken ------------------------------------------------------------------------------------------------


def availability(world: World, state: State, choice: CompiledChoice) -> Availability:
    """Return whether a choice of the state's scene is offered and open there."""
    node, decodes = choice.node, choice.decodes
    layer = world.boundary if decodes else node.layer_after(state.layer)
    cut_short = layer >= world.boundary and not decodes
    return Availability(
        choice,
        status=_status(world, state, choice, cut_short=cut_short),
        cost=layer - state.layer,
        layer=min(layer, world.boundary),
        cut_short=cut_short and node.cut is not None,
        taken=state.taken[node.slot] > 0,
    )


def _status(world: World, state: State, choice: CompiledChoice, *, cut_short: bool) -> Status:
    node = choice.node
    if is_waiting(world, state) or (choice.condition is not None and not choice.condition(state)):
        return Status.ABSENT
    if node.once and state.taken[node.slot]:
        return Status.USED
    if choice.needs is not None and not choice.needs(state):
        return Status.NEEDS
    if node.acts and len(state.acts[-1]) + len(node.acts) > world.acts_per_token:
        return Status.ACTS
    if choice.lasting and choice.lasting + sum(world.is_lasting(act.name) for act in state.acts[-1]) > world.lasting_per_token:
        return Status.LASTING
    if cut_short and node.cut is None:
        return Status.LAYERS
    return Status.OPEN


def offers(world: World, state: State) -> tuple[Availability, ...]:
    """Return what is offered in a state, open or closed, in the order of writing; nothing at an ending or the boundary."""
    every = (availability(world, state, choice) for choice in world.scene(state.scene).choices)
    return tuple(offer for offer in every if offer.is_offered)


def closed_text(world: World, inspector: Inspector, state: State, offer: Availability) -> str:
    """Return why an offer is closed, as it is shown; empty where it is open."""
    match offer.status:
        case Status.NEEDS:
            return offer.choice.why(state, inspector) or "Not now."
        case Status.ACTS:
            return "No more acts are possible at this token."
        case Status.LASTING:
            return "No more lasting acts are possible at this token."
        case Status.LAYERS:
            cost, left = offer.choice.node.cost, world.boundary - state.layer
            return f"That takes {cost} {'layer' if cost == 1 else 'layers'}; there {'is' if left == 1 else 'are'} {left}."
    return ""


# -- the two transitions ----------------------------------------------------------------------------------------------


def take(world: World, port: PassPort, state: State, choice: str) -> State:
    """Return the state after a choice; where the decoder comes, one that waits for a word.

    Raises ``NotOfferedError`` where the choice is not offered, ``ChoiceClosedError`` where it is closed.
    """
    compiled = world.scene(state.scene).by_id.get(choice)
    offer = compiled and availability(world, state, compiled)
    if not offer or not offer.is_offered:
        ended = is_ending(world, state)
        nowhere = "" if choice in world.choice_ids else ", nor anywhere: no choice has that id"
        raise NotOfferedError(f"{choice!r} is not on offer in {state.scene!r}{nowhere}", "ended" if ended else "unknown")
    if not offer.is_open:
        raise ChoiceClosedError(offer)
    return carry_out(world, port, state, offer)


def carry_out(world: World, port: PassPort, state: State, offer: Availability) -> State:
    """Return the state after an offer that is open."""
    choice, node = offer.choice, offer.choice.node
    effects = (choice.cut or ()) if offer.cut_short else choice.effects
    made = tuple(Act(name, world.act_start(name, state.layer)) for name in node.acts)
    after = State(
        scene=state.scene,
        token=state.token,
        layer=offer.layer,
        variables=_affected(state, effects),
        visits=state.visits,
        taken=increment(state.taken, node.slot),
        words=state.words,
        acts=(*state.acts[:-1], (*state.acts[-1], *made)) if made else state.acts,
        measured=state.measured,
        prior=state.prior,
        decided=state.decided,
        by_chance=state.by_chance,
    )
    if offer.decoder_comes:
        return measure_thresholds(world, port, after)
    return _arrived(world, _measured(world, port, after, node.measures), choice.targets)


def measure_thresholds(world: World, port: PassPort, state: State, indices: tuple[int, ...] | None = None) -> State:
    """Return a state with the truth of some thresholds taken from its pass; at the boundary, where it is finished, of all."""
    return _measured(world, port, state, range(len(world.thresholds)) if indices is None else indices)


class Outcome(NamedTuple):
    """What is known of a word once it is drawn, as far as a world asks: what decided it, and whether it was chance."""

    decided: tuple[str, ...] | None = None
    by_chance: bool = False


def outcome_of(world: World, port: PassPort, waiting: State, word: str) -> Outcome:
    """Return what is known of a word that the pass of a waiting state draws; nothing where the world does not ask."""
    story, key = world.story, waiting.key.followed_by(word)
    by_chance = waiting.token in story.drawn_asked and port.distribution(waiting.key).best != word
    if not story.decided_asked or waiting.decided is not None or waiting.token > world.telling_token:
        return Outcome(waiting.decided, by_chance)
    return Outcome(decided_by(port, key, world.telling_index), by_chance)


def retold(world: World, port: PassPort, state: State) -> State:
    """Return a state whose acts were changed, with what decided its word told again."""
    if not world.story.decided_asked:
        return state
    return state._replace(decided=decided_by(port, state.key, world.telling_index))


def decode(world: World, state: State, word: str, outcome: Outcome = Outcome()) -> State:  # noqa: B008 - it is a value
    """Return the state after a word was drawn: the next token at its first layer, in the scene that answers the word.

    ``outcome`` is what ``outcome_of`` said of the word. Raises ``NotOfferedError`` where no word is awaited.
    """
    if not is_waiting(world, state):
        raise NotOfferedError(f"no word can be drawn at layer {state.layer}, before the boundary")
    arrivals = world.arrivals[state.token]
    after = state._replace(token=state.token + 1, layer=world.first_layer, words=(*state.words, word), acts=(*state.acts, ()))
    if outcome != Outcome():
        by_chance = state.by_chance | {state.token} if outcome.by_chance else state.by_chance
        after = after._replace(decided=outcome.decided, by_chance=by_chance)
    return _arrived(world, after, arrivals.get(word) or arrivals[OTHERWISE])


def then_state(before: State, after: State, *, decoded: bool) -> State:
    """Return the state in which what a choice says as it is carried out is read: before the decoder, else on arrival."""
    return before if decoded else after


def _affected(state: State, effects: tuple[CompiledSet, ...]) -> tuple[int, ...]:
    variables = state.variables
    for number, effect in enumerate(effects):
        if number:  # each sees the ones before it
            state = state._replace(variables=variables)
        at, least, most = effect.node.variable, effect.node.least, effect.node.most
        value = min(max(int(effect.value(state)), least), most)
        variables = (*variables[:at], value, *variables[at + 1 :])
    return variables


def _measured(world: World, port: PassPort, state: State, indices: tuple[int, ...] | range) -> State:
    """Return the state with the truth of some thresholds taken from the pass as it now stands."""
    if not indices:
        return state
    truths = list(state.measured)
    for index in indices:
        threshold = world.thresholds[index]
        truths[index] = (gt if threshold.sign == ">" else lt)(threshold_quantity(port, state, threshold), threshold.bound)
    return state._replace(measured=tuple(truths))


def threshold_quantity(port: PassPort, state: State, threshold: Threshold) -> float:
    """Return what a threshold compares: a probability at the end of the pass as it stands, or a reading at its layer."""
    if threshold.quantity == "p":
        return port.distribution(state.key).p(threshold.word)
    if threshold.quantity == "lens":
        return port.lens(state.key, state.layer).p(threshold.word)
    return port.probe(state.key, state.layer, threshold.word)


def _arrived(world: World, state: State, targets: tuple[CompiledTarget, ...]) -> State:
    """Return the state in the first scene whose condition holds; the last of them has none."""
    first = targets[0]
    if first.condition is None:
        scene = first.scene
    else:
        scene = next(target.scene for target in targets if target.condition is None or target.condition(state))
    return _entered(world, state, scene)


def _entered(world: World, state: State, scene: str) -> State:
    """Return the state in a scene that is arrived at: it is counted as met, then its own effects are carried out."""
    entered = world.scene(scene)
    after = state._replace(scene=scene, visits=increment(state.visits, entered.node.slot))
    return after._replace(variables=_affected(after, entered.effects)) if entered.effects else after
