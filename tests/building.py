"""Builders and fakes for tests: worlds made of a few lines, passes with simple answers, and small random networks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import log
from pathlib import Path

from forward_pass.loading.loader import LoadedWorld, read_contents
from forward_pass.loading.paths import read_world_files
from forward_pass.network.passes import WrittenPass
from forward_pass.network.weights import Array, Metadata, Parameters, Shape
from forward_pass.story.distribution import Distribution
from forward_pass.story.grammar import Scope
from forward_pass.story.nodes import NOWHERE, Variable
from forward_pass.story.ports import SharpestHead
from forward_pass.story.state import Act, PassKey, Prior, State
from forward_pass.story.world import World

ROOT = Path(__file__).resolve().parent.parent
WORLDS = ROOT / "worlds"

# -- worlds -----------------------------------------------------------------------------------------------------------

TINY = """\
format: 1
title: Tiny
version: 1.0.0
layers: 12
waking: 3
boundary: 9
start: waking
prompt: Why? Because the

tokens:
  5:
    written: {end: 0.9, door: 0.1}
    then:
      otherwise: done

scenes:
  waking:
    text: I was there.
    choices:
      go-on:
        say: Go on.
        goto: decode

endings:
  done:
    title: Done
    text: It was done.

answers: optional
"""
"""The smallest world there is: one token, one scene, one choice, one ending. Other worlds are made by replacing lines of it."""


def changed(text: str, *changes: tuple[str, str]) -> str:
    """Return a text with each ``(old, new)`` replaced; each ``old`` must occur in it exactly once."""
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def loaded(*files: tuple[str, str | bytes], name: str = "tiny") -> LoadedWorld:
    """Return what the loader makes of files, given by name and content: a story, or problems."""
    contents = [(file, text if isinstance(text, bytes) else text.encode()) for file, text in files]
    return read_contents(name, "", contents, [])


def built(text: str, name: str = "tiny") -> World:
    """Return the world that one file of YAML makes; fails with its problems where it makes none."""
    return playable(loaded((f"{name}.yaml", text), name=name))


def tiny(*changes: tuple[str, str]) -> World:
    """Return the smallest world with lines of it replaced."""
    return built(changed(TINY, *changes))


def playable(reading: LoadedWorld, folder: Path = Path()) -> World:
    """Return the world that was read, its model in ``folder``; fails with its problems where there is none."""
    assert reading.story is not None, "\n".join(map(str, reading.problems))
    return World(reading.story, folder)


@lru_cache
def first_light() -> World:
    """Return the small world of the tutorial."""
    return changed_world({})


def changed_world(changes: Mapping[str, str]) -> World:
    """Return the world of the tutorial with some of its text replaced, as if its author had edited it."""
    contents, _ = read_world_files(WORLDS / "first-light")
    for old, new in changes.items():
        before = contents
        contents = [(name, content.replace(old.encode(), new.encode())) for name, content in before]
        assert contents != before, old
    return playable(read_contents("first-light", "", contents, []))


# -- a scope and a state of no world ----------------------------------------------------------------------------------

SCOPE = Scope(
    variables={
        "reads": Variable(NOWHERE, "reads", 0, 0, 9, 0),
        "hurried": Variable(NOWHERE, "hurried", 1, 0, 1, 0, flag=True),
        "mood": Variable(NOWHERE, "mood", 2, 0, 2, 0, words=("even", "quite odd", "curious")),
        "taste": Variable(NOWHERE, "taste", 3, 0, 1, 0, words=("sweet", "sour")),
    },
    thresholds={"sure": 0, "unsure": 1, "unknown": 2},
    scenes={"hall": 0, "attic-stairs": 1, "the-end": 2},
    choices={"go-on": 0, "go-back": 1},
    endings=("the-end",),
    acts={"lean": 0, "label": 0, "bend-no": 9},
    boundary=9,
    scene=1,
    bands={"early": (4, 5), "middle": (6, 7), "late": (7, 9)},
    probes=("nonsense",),
    prompt=("<doc>", "Q:", "Why", "?", "Your"),
    decoded=(400, 405),
    spans={"start": (1, 3), "late": (402, 403)},
    continuations={"again": "\n\nQ: Why?"},
)
"""Names for conditions and texts."""

STATE = State(
    scene="attic-stairs",
    token=402,
    layer=5,
    variables=(3, 1, 2, 0),
    visits=bytes((2, 1, 0)),
    taken=bytes((1, 0)),
    words=("foot", "has"),
    acts=((Act("lean", 4),), (), (Act("label", 5),)),
    measured=(True, False, None),
    prior=Prior(instantiation=4, found=frozenset({"the-end"})),
)
"""A state in which the names of ``SCOPE`` have values: in the middle of the third token."""

FIRST_TOKEN_STATE = STATE._replace(token=400, words=(), acts=((),))
"""The same names at the first token, before any word was drawn and any act was made."""


# -- passes -----------------------------------------------------------------------------------------------------------


class InspectablePass(WrittenPass):
    """A written pass that can be inspected as a computed one can; its heads attend from layer 5 on."""

    source = "model"
    probes: tuple[str, ...] = ("nonsense",)  # type: ignore[assignment]

    def probe(self, key: PassKey, layer: int, name: str) -> float:
        """Return a score that depends on the layer alone."""
        del key, name
        return layer / 12

    def attention(self, key: PassKey, layer: int) -> list[float]:
        """Return shares that fall with the position, zeros up to layer 4."""
        shares = [0.3**at if layer > 4 else 0.0 for at in range(self.world.first_token + len(key.words))]
        return [share / (sum(shares) or 1.0) for share in shares]

    def sharpest_head(self, key: PassKey, layer: int) -> SharpestHead | None:
        """Return a head of layer 5 that looks at the second position, from layer 5 on."""
        del key
        return SharpestHead(5, 1, 1, 0.9) if layer > 4 else None


class FakePass:
    """A pass of no world whose answers are simple functions of the question; ``requested`` lists the keys asked about."""

    source = "model"
    probes: tuple[str, ...] = ("nonsense",)

    def __init__(self) -> None:
        self.requested: list[PassKey] = []

    def warm_up(self) -> None:
        """Do nothing: there is nothing to read."""

    def distribution(self, key: PassKey) -> Distribution:
        """Return *two* at 5 per cent, 5 more for each word and 1 more for each act, 60 at most; *foot* has most of the rest."""
        assert len(key.acts) == len(key.words) + 1
        self.requested.append(key)
        two = min(0.05 * (len(key.words) + 1) + 0.01 * sum(map(len, key.acts)), 0.6)
        rest = {"foot": 0.9 - two, "has": 0.05, "\n": 0.03, "<end>": 0.02}
        return distribution_of({"two": two, **rest})

    def lens(self, key: PassKey, layer: int) -> Distribution:
        """Return *two* at as many per cent as the layer."""
        del key
        return distribution_of({"two": layer / 100, "one": 1 - layer / 100})

    def probe(self, key: PassKey, layer: int, name: str) -> float:
        """Return a quarter of the layer."""
        del key, name
        return layer / 4

    def sharpest_head(self, key: PassKey, layer: int) -> SharpestHead | None:
        """Return no head."""
        del key, layer
        return None

    def attention(self, key: PassKey, layer: int) -> list[float]:
        """Return the shares of three positions, the second's the largest; the third's is smaller above layer 100."""
        return [0.1, 0.6, 0.3 if layer <= 100 else 0.2, *[0.0] * (398 + len(key.words))]

    def read_ahead(self, key: PassKey, words: tuple[str, ...]) -> None:
        """Do nothing."""

    def prompt_prediction(self, position: int) -> Distribution:
        """Return *face* at ten times as many per cent as the position."""
        return distribution_of({"face": position / 10, "Why": 1 - position / 10})

    def recompute_error(self, key: PassKey, layer: int) -> float:
        """Return a tenth of the layer."""
        del key
        return layer / 10


def distribution_of(chances: Mapping[str, float]) -> Distribution:
    """Return the distribution of some words with these probabilities."""
    return Distribution(tuple(chances), [log(chance) for chance in chances.values()])


# -- networks ---------------------------------------------------------------------------------------------------------

SMALL_SHAPE = Shape(n_vocab=7, n_embd=8, n_head=2, d_head=4, n_hidden=6, n_local=1, n_global=2, n_mlp=1)
SMALL_VOCABULARY = ("<doc>", "\n", "Q:", "A:", "two", "no", "has")


def random_network(  # noqa: PLR0913 - each has a default
    shape: Shape = SMALL_SHAPE,
    words: tuple[str, ...] = SMALL_VOCABULARY,
    *,
    pair_marks: tuple[int, ...] = (2,),
    directions: tuple[str, ...] = ("doubt",),
    probes: tuple[str, ...] = ("nonsense",),
    seed: int = 7,
    norm_spread: float = 0.0,
) -> tuple[Parameters, Metadata]:
    """Return an untrained network for ``pack_weights``; ``norm_spread`` is how far the gains of the norms lie from 1."""
    import numpy as np  # noqa: PLC0415 - after ``network.weights`` has set how many threads it uses

    draw, width = np.random.RandomState(seed).standard_normal, shape.n_head * shape.d_head

    def gains(*size: int) -> Array:
        return 1 + norm_spread * draw(size) if norm_spread else np.ones(size)

    parameters = Parameters(
        shape,
        wte=draw((shape.n_vocab, shape.n_embd)),
        ln_f=gains(shape.n_embd),
        ln_1=gains(shape.n_attend, shape.n_embd),
        ln_2=gains(shape.n_layer, shape.n_embd),
        w_qkv=draw((shape.n_attend, 3 * width, shape.n_embd)) / 2,
        w_o=draw((shape.n_attend, shape.n_embd, width)) / 4,
        w_up=draw((shape.n_layer, shape.n_hidden, shape.n_embd)) / 4,
        w_down=draw((shape.n_layer, shape.n_embd, shape.n_hidden)) / 4,
    )
    metadata = Metadata(
        words,
        pair_marks,
        directions={name: draw((shape.n_layer, shape.n_embd)) for name in directions},
        probes={name: draw((shape.n_layer, shape.n_embd + 1)) / 4 for name in probes},
        made={"seed": str(seed)},
    )
    return parameters, metadata
