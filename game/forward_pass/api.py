"""The package from Python: worlds, sessions, passes and checks. docs/api.md shows each of them; every block there is a test.

Positions and layers count from 1, heads from 0, everywhere. Nothing here prints, and nothing is stored unless a store is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from forward_pass.errors import UsageError
from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import ComputedPass, open_computed_pass, open_pass
from forward_pass.session import session as playing
from forward_pass.session.decision import Decision, decision
from forward_pass.session.launch import Sampling, header_maker
from forward_pass.session.readings import ActReading, ForecastReading, shown_forecast, turn_readings
from forward_pass.session.transcript import scene_text, transcript
from forward_pass.storage.store import RunStore, StoreOptions
from forward_pass.story.engine import closed_text, offers
from forward_pass.story.history import Turn
from forward_pass.story.measurements import log_likelihood, untouched_log_likelihood
from forward_pass.story.state import Act, Acts, PassKey, Prior, State

if TYPE_CHECKING:
    from forward_pass.checker.report import CheckReport
    from forward_pass.checker.verify import CheckOptions
    from forward_pass.network.hooks import Hook, Sites
    from forward_pass.network.weights import Array
    from forward_pass.story.distribution import Distribution
    from forward_pass.story.engine import Availability
    from forward_pass.story.ports import Inspector
    from forward_pass.story.world import World

TRANSCRIPT_COLUMNS = 72


def load_world(name: str | Path = "forward-pass") -> World:
    """Return the world of a name, or in a folder. Raises ``WorldError``, which has every problem in its files."""
    return open_world(str(name))


def _loaded(world: World | str | Path) -> World:
    return load_world(world) if isinstance(world, str | Path) else world


class Offer(NamedTuple):
    """A choice in the present scene: open, or closed and why; what it says, does and costs in layers."""

    id: str
    say: str
    is_open: bool
    cost: int
    verb: str  # empty where it is a thought
    acts: tuple[str, ...]  # what it does to the pass, by the names under which the world declares it
    why: str  # it is closed; empty where it is open
    taken: bool  # before in this run


class Session(playing.Session):
    """A run being played, from its opening; nothing is stored unless it has a ``store``.

    ``facts`` are what the run knows of earlier ones (default: nothing). At temperature 0 the likeliest word is said, else one
    is drawn as ``seed`` decides. Two sessions with the same arguments and choices are equal turn by turn, digests included.
    ``inspector`` is the pass to run on: sessions that share one share what it remembers. ``world`` is one, or what
    ``load_world`` takes.
    """

    def __init__(  # noqa: PLR0913 - each has a default
        self,
        world: World | str | Path,
        *,
        facts: Prior | None = None,
        temperature: float = 0.0,
        seed: int = 0,
        store: RunStore | None = None,
        inspector: Inspector | None = None,
    ) -> None:
        if temperature < 0:
            raise UsageError("a temperature is at least 0")
        world = _loaded(world)
        if store is None:
            make_header = header_maker(world, Sampling(temperature, seed))
            options = StoreOptions(facts or Prior(), saving=False)
            store = RunStore(Path(), world, inspector or open_pass(world), make_header, options=options)
        super().__init__(store, store.new())

    @property
    def state(self) -> State:
        """The present state: a value, hashable; ``state.words`` and ``state.acts`` name the pass."""
        return self.run.state

    @property
    def turn(self) -> int:
        """How many choices led here."""
        return self.run.at

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns up to the present one."""
        return self.run.path

    @property
    def digest(self) -> str:
        """The digest of the run so far, 16 hexadecimal digits; empty at the opening."""
        return self.run.digest

    @property
    def text(self) -> str:
        """The text of the present scene or ending."""
        return scene_text(self.run)

    @property
    def words(self) -> tuple[str, ...]:
        """The words said so far."""
        return self.run.state.words

    @property
    def ending(self) -> str | None:
        """The id of the ending that was reached; None before."""
        return self.run.state.scene if self.at_ending else None

    @property
    def offers(self) -> tuple[Offer, ...]:
        """The choices of the present scene, open and closed, in the order of the world's file; none at an ending."""
        return tuple(map(self._offer, offers(self.world, self.run.state)))

    def _offer(self, offer: Availability) -> Offer:
        node, state = offer.choice.node, self.run.state
        why = closed_text(self.world, self.inspector, state, offer)
        say = offer.choice.say(state, self.inspector)
        return Offer(offer.id, say, offer.is_open, offer.cost, node.verb or "", node.acts, why, offer.taken)

    @property
    def open_ids(self) -> list[str]:
        """The ids of the open choices: what ``choose`` takes. Cheaper than ``offers``, which makes every text."""
        return [offer.id for offer in offers(self.world, self.run.state) if offer.is_open]

    def undo(self, turns: int = 1) -> None:
        """Go back some turns, or to the opening where there are fewer. Nothing is lost: ``redo`` goes forward again."""
        self.go_to_turn(max(self.run.at - turns, 0))

    def redo(self, turns: int = 1) -> None:
        """Go forward over turns that were undone, as far as there are any."""
        self.go_to_turn(min(self.run.at + turns, len(self.run.turns)))

    def goto(self, digest: str) -> None:
        """Go to the latest turn of this session with a digest; empty is the opening. Raises ``RequestError`` without one."""
        self.go_to_digest(digest)

    def restart(self) -> None:
        """Begin another run, with the same facts, temperature and seed."""
        self.play_on(self.store.new())

    def copy(self) -> Session:
        """Return a session of its own at the same turn, on the same pass; what is chosen in one does not touch the other."""
        other = object.__new__(Session)
        playing.Session.__init__(other, self.store, self.store.branch(self.run, self.recorder))
        return other

    @property
    def forecast(self) -> ForecastReading | None:
        """What will be said if nothing more is done, as far as the world gives it here; None where it is sealed."""
        return shown_forecast(self.run)

    @property
    def reading(self) -> tuple[ActReading, ...]:
        """What the acts of the last turn changed, one reading each; none at the opening and after a thought."""
        return turn_readings(self.run, self.run.at) if self.run.at else ()

    @property
    def decided(self) -> Decision | None:
        """What decided the word that stands for the run, with the worth of every act; None before it is said."""
        return decision(self.run)

    @property
    def log_likelihood(self) -> float:
        """The log-likelihood in nats of the words said, each under the pass that said it."""
        return log_likelihood(self.inspector, self.run.state.key)

    @property
    def untouched_log_likelihood(self) -> float:
        """The log-likelihood in nats of the same words under passes in which nothing was done."""
        return untouched_log_likelihood(self.inspector, self.run.state.words)

    @property
    def transcript(self) -> str:
        """All that was read up to the present turn, as plain lines."""
        return "\n".join(transcript(self.run, TRANSCRIPT_COLUMNS))


class PassResult(NamedTuple):
    """One pass: that of the token at position ``token``, whose word is the last one before what the pass says."""

    token: int
    distribution: Distribution  # of the next word
    logits: Array  # [V]
    streams: Array  # [L + 1, d]: row 0 is the embedding, row l the residual stream after layer l
    attention: Mapping[int, Array]  # by layer, [H, P]: the shares of each head, of the layers that attend to the whole document
    sites: Sites  # what stood at every other site, for patching and freezing in another pass

    def p(self, word: str) -> float:
        """Return the probability of a word."""
        return self.distribution.p(word)


class Pass:
    """The passes of the model of a world, or of what ``load_world`` takes. Raises ``RunError`` where there is no model."""

    def __init__(self, world: World | str | Path) -> None:
        self.world = _loaded(world)
        self._computed: ComputedPass = open_computed_pass(self.world)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The words of the model, by id."""
        return self._computed.vocabulary

    @property
    def directions(self) -> tuple[str, ...]:
        """The names of the directions that pushes can be along."""
        return tuple(self._computed.weights.metadata.directions)

    @property
    def probes(self) -> tuple[str, ...]:
        """The names of the probes."""
        return self._computed.probes

    def run(
        self,
        words: Sequence[str] = (),
        acts: Acts | Mapping[int, Sequence[Act | tuple[str, int]]] = (),
        hooks: Hook | Sequence[Hook] | Mapping[int, Sequence[Hook]] = (),
    ) -> PassResult:
        """Return the pass that follows some words after the prompt, with acts and hooks.

        ``acts`` are those of a state (``session.state.acts``), or by token the acts made there, each a name that the world
        declares and the first layer at which it is in force. ``hooks`` are by token too, or those of this pass alone; those of
        one pass apply in their order. Raises ``UsageError`` for a word or an act that there is not, and for an act or a hook
        that the network cannot carry out.
        """
        from forward_pass.network.bench import Bench, Settings  # noqa: PLC0415 - imports NumPy
        from forward_pass.network.hooks import Hook  # noqa: PLC0415 - imports NumPy

        if isinstance(words, str):
            raise UsageError(f"words are given as a sequence: {(*words.split(),)!r}")
        key = PassKey(tuple(words), self._acts(acts, len(words) + 1))
        self._check(key)
        hooks = [hooks] if isinstance(hooks, Hook) else hooks
        by_token = hooks if isinstance(hooks, Mapping) else {self.world.first_token + len(words): hooks}
        settings = {token - self.world.first_token: Settings(hooks=tuple(some)) for token, some in by_token.items()}
        outside = [at for at in settings if not 0 <= at <= len(words)]
        if outside:
            raise UsageError(f"a hook at token {outside[0] + self.world.first_token}: this pass has none there")
        try:
            result, sites = Bench(self._computed, key).observed(settings)
        except (ValueError, TypeError) as error:  # an act or a hook that the network cannot carry out
            raise UsageError(str(error)) from error
        assert result.attention is not None  # noqa: S101 - it is observed
        local = self._computed.weights.shape.n_local
        return PassResult(
            token=self.world.first_token + len(words),
            distribution=self._computed.computation.distribution(result.logits),
            logits=result.logits,
            streams=result.streams,
            attention={local + 1 + at: shares for at, shares in enumerate(result.attention)},
            sites=sites,
        )

    def lens(self, result: PassResult, layer: int) -> Distribution:
        """Return what the unembedding reads from the residual stream after a layer (logit lens)."""
        from forward_pass.network.model import lens  # noqa: PLC0415 - imports NumPy

        if not 0 <= layer < len(result.streams):
            raise UsageError(f"there is no layer {layer}; they are 0, the embedding, to {len(result.streams) - 1}")
        return self._computed.computation.distribution(lens(self._computed.weights, result.streams[layer]))

    def _acts(self, acts: Acts | Mapping[int, Sequence[Act | tuple[str, int]]], tokens: int) -> Acts:
        if not isinstance(acts, Mapping):
            if not all(isinstance(act, Act) for made in acts for act in made):
                raise UsageError(
                    f"acts are given by token, {{{self.world.first_token}: [(name, layer)]}}, or as a state has them"
                )
            return (*acts[:tokens], *((),) * (tokens - len(acts)))
        first = self.world.first_token
        beyond = [token for token in acts if not first <= token < first + tokens]
        if beyond:
            raise UsageError(f"an act at token {beyond[0]}: this pass has tokens {first} to {first + tokens - 1}")
        return tuple(tuple(Act(*act) for act in acts.get(first + at, ())) for at in range(tokens))

    def _check(self, key: PassKey) -> None:
        for word in key.words:
            if word not in self._computed.weights.ids:
                raise UsageError(f"the model has no word {word!r}")
        for act in (act for made in key.acts for act in made):
            if act.name not in self.world.acts:
                raise UsageError(f"{self.world.title} declares no act {act.name!r}; there are {', '.join(self.world.acts)}")


def check(world: World | str | Path, options: CheckOptions | None = None) -> CheckReport:
    """Return the report of checking a world, by name, folder or as it was loaded: ``failed``, and every problem by place."""
    from forward_pass.checker.report import check_world  # noqa: PLC0415 - play needs no checker

    folder = world.folder if not isinstance(world, str | Path) else load_world(world).folder
    return check_world(folder, open_pass, options)


__all__ = ["Offer", "Pass", "PassResult", "Session", "check", "load_world"]
