"""What the tests of the checker share: a search over whole states, random worlds, and a world with a tiny network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from building import built, playable, random_network
from forward_pass.checker.coverage import Item, ItemKind
from forward_pass.checker.text_coverage import Alternative, TextId, TextKind
from forward_pass.loading.loader import read_world
from forward_pass.network.passes import open_pass
from forward_pass.network.weights import Shape, pack_weights
from forward_pass.story.engine import decode, initial_state, is_ending, is_waiting, offers, outcome_of, take
from forward_pass.story.nodes import OTHERWISE
from forward_pass.story.ports import PassPort
from forward_pass.story.state import Prior, State
from forward_pass.story.world import World


def read(text: str) -> World:
    """Return the world in a text; fails with its problems where it is none."""
    return built(text, "made")


class Brute(NamedTuple):
    """What a search over whole states reaches: the states, the items, the scenes at their tokens, and those that are stuck."""

    states: set[State]
    items: set[Item]
    locations: set[tuple[str, int]]
    stalls: set[tuple[str, int]]


def brute(world: World, *, drawn: bool, alternatives: tuple[Alternative, ...] = ()) -> Brute:
    """Search every whole state of a world; where words are drawn, any that its pass gives at all (so not with a model).

    Of the items it finds scenes, choices offered and open, words, and the given alternatives of scenes' own texts.
    """
    port, opening = open_pass(world), initial_state(world, Prior())
    found, waiting = Brute({opening}, set(), set(), set()), [opening]
    while waiting:
        state = waiting.pop()
        location = state.scene, state.token
        found.locations.add(location)
        found.items.add(Item(ItemKind.SCENE, state.scene))
        found.items.update(
            one.item for one in alternatives if one.text == TextId(TextKind.SCENE, state.scene) and one.is_shown(state)
        )
        here = offers(world, state)
        found.items.update(Item(ItemKind.OFFERED, offer.id) for offer in here)
        open_choices = [offer.id for offer in here if offer.is_open]
        if not open_choices and not is_ending(world, state):
            found.stalls.add(location)
        for choice in open_choices:
            found.items.add(Item(ItemKind.OPEN, choice))
            for word, after in _after(world, port, state, choice, drawn=drawn):
                if word:
                    found.items.add(Item(ItemKind.WORD, word, token=state.token))
                if after not in found.states:
                    found.states.add(after)
                    waiting.append(after)
    return found


def _after(world: World, port: PassPort, state: State, choice: str, *, drawn: bool) -> Iterator[tuple[str, State]]:
    after = take(world, port, state, choice)
    if not is_waiting(world, after):
        yield "", after
        return
    distribution = port.distribution(after.key)
    for word in distribution.words if drawn else [distribution.best]:
        outcome = outcome_of(world, port, after, word)
        yield (word if word in world.arrivals[state.token] else OTHERWISE), decode(world, after, word, outcome)


def random_world(seed: int) -> str:
    """Return a small world of two tokens in which everything that the grammar has can stand anywhere."""
    return _Maker(Random(seed)).text()  # noqa: S311 - a world, no secret


ENTRY_EFFECTS = (
    *("n += 1", "n = layer", "flag = sure", "n = visits(a0)", "n = visits(a1) - n", "flag = emitted('no')"),
    *("flag = not flag", "[flag = taken(c-a0-0), n -= 1]", "flag = acted(lean)", "flag = decided(nothing)", "flag = drawn(5)"),
    *("n = token - 5", "[mood = 'low', flag = passes > 1]"),
)


class _Maker:
    """Writes worlds at random: most of them have something in them that is never met."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.scenes = {5: ["a0", "a1", "a2"], 6: ["b0", "b1"]}
        self.choices = [f"c-{scene}-{at}" for some in self.scenes.values() for scene in some for at in range(3)]

    def text(self) -> str:
        lines = ["format: 1", "title: Made", "version: 1.0.0", "layers: 12", "waking: 3", "boundary: 8", "start: a0"]
        lines += ["prompt: Why? Because the", f"acts_per_token: {self.chance.choice((1, 2, 100))}"]
        lines += [f"lasting_per_token: {self.chance.choice((1, 100))}", f"telling: {self.chance.choice((5, 6))}"]
        lines += ["variables:", "  n: {from: -1, to: 2, start: 0}", "  flag: false", "  mood: [low, even, high]"]
        lines += ["thresholds:", "  sure: p('two') > 0.5", "  unsure: p('no') > 0.35"]
        lines += ["acts:", "  lean: {about: A lean.}", "  label: {about: A label., lasts: true}", "tokens:"]
        for position in (5, 6):
            lines += self.token(position)
        lines.append("scenes:")
        for some in self.scenes.values():
            for scene in some:
                lines += self.scene(scene, some)
        lines += [
            "answers: optional",
            "endings:",
            "  done: {title: Done, text: Done.}",
            "  other: {title: Other, text: Other.}",
        ]
        return "\n".join(lines) + "\n"

    def token(self, position: int) -> Iterator[str]:
        there = self.scenes.get(position + 1, ["done", "other"])
        asks = [f"acted({act}{at})" for act in ("lean", "label") for at in ("", ", 5")] + [f"acted(lean, {position})"]
        if position == 6:
            asks.append("emitted('two', 5)")
        yield f"  {position}:"
        yield "    written:"
        yield f'      - {{if: "{self.chance.choice(asks)}", say: {{no: 0.6, two: 0.4}}}}'
        yield "      - say: {two: 0.7, no: 0.2, zero: 0.1}"
        yield "    then:"
        one, other = self.chance.choice(there), self.chance.choice(there)
        yield f'      two: [{{if: "{self.condition("a0")}", goto: {one}}}, {{goto: {other}}}]'
        yield f"      otherwise: {self.chance.choice(there)}"

    def condition(self, scene: str) -> str:
        choice = self.chance.choice
        atoms = [
            f"n {choice(['<', '==', '>='])} {choice([0, 1, 2])}",
            "flag",
            f"mood == '{choice(['low', 'even', 'high'])}'",
            f"seen({choice(['a1', 'a2', 'b1'])})",
            f"visits({scene}) > {choice([1, 2])}",
            f"taken({choice(self.choices)})",
            f"layer >= {choice([4, 5, 6])}",
            f"left < {choice([2, 3])}",
            "sure",
            "unsure",
            f"emitted('{choice(['two', 'no', 'zero'])}')",
            "emitted('no', 5)",
            f"acted({choice(['lean', 'label'])})",
            "acted(lean, 5)",
            "token == 6",
            f"decided({choice(['lean', 'label', 'nothing', 'chance'])})",
            f"drawn({choice([5, 6])})",
            f"passes > {choice([0, 2, 3])}",
            "stopped == 1",
        ]
        atom = choice(atoms)
        return choice([atom, f"not ({atom})", f"{atom} and {choice(atoms)}", f"{atom} or {choice(atoms)}"])

    def scene(self, scene: str, others: list[str]) -> Iterator[str]:
        condition = self.condition(scene)
        yield f"  {scene}:"
        yield "    text: |"
        yield f"      [{condition}] It held."
        yield ""
        yield "      [else] It did not."
        yield ""
        yield "      {visit: First. | Second. | Third.} {mood: Low. | Even. | High.}"
        yield f"      {{{self.condition(scene)}: Yes. | No.}}"
        if self.chance.random() < 0.4:
            yield f"    do: {self.chance.choice(ENTRY_EFFECTS)}"
        yield "    choices:"
        for at in range(3):
            yield from self.choice(f"c-{scene}-{at}", scene, others)

    def choice(self, name: str, scene: str, others: list[str]) -> Iterator[str]:
        odds = self.chance.random
        yield f"      {name}:"
        yield "        say: Do."
        if odds() < 0.4:
            yield f'        if: "{self.condition(scene)}"'
        if odds() < 0.3:
            yield f'        needs: "{self.condition(scene)}"'
            yield "        why: Not now."
        if odds() < 0.3:
            yield "        once: true"
        if odds() < 0.4:
            yield f"        act: {self.chance.choice(['lean', 'label', '[lean, label]'])}"
        if odds() < 0.5:
            first = self.chance.choice(["n += 1", "n -= 1", "n = layer", "flag = true", "flag = n > 0"])
            yield f"        do: [{first}, mood = 'high']"
        elif odds() < 0.5:
            effects = ["n += n", "flag = not flag", "n = visits(a0)", "flag = emitted('no')"]
            yield f"        do: {self.chance.choice(effects)}"
        if odds() < 0.3:
            yield "        goto: decode"
            return
        if odds() < 0.3:
            yield f"        measure: {self.chance.choice(['sure', 'unsure', '[sure, unsure]'])}"
        yield f"        cost: {self.chance.choice([1, 1, 2, 3])}"
        if odds() < 0.4:
            yield f"        cut: {self.chance.choice(['nothing', 'flag = true', 'n += 1'])}"
        target = self.chance.choice(others)
        yield f'        goto: [{{if: "{self.condition(scene)}", goto: {self.chance.choice(others)}}}, {{goto: {target}}}]'


# -- a network ------------------------------------------------------------------------------------------------------------

VOCABULARY = ("<doc>", "Q:", "A:", "\n", "Why", "?", "Because", "the", "two", "no", "zero", "end")

MODELLED = """\
format: 1
title: Modelled
version: 1.0.0
layers: 12
waking: 3
boundary: 9
start: waking
model: weights.fpw
prompt:
  - {Q: "Why?", A: "Because the"}
acts_per_token: 2

variables:
  looked: false

thresholds:
  sure: p('two') > 0.5
  wondering: probe('odd') > 0.1
  early: lens('two') > 0.1

spans:
  question: {pair: 1}

acts:
  stare: {about: A stare., look: question, by: 8}
  push: {about: A push., push: doubt, by: 1}
  force: {about: A shove., bend: "zero", by: 0.5}

tokens:
  8:
    then:
      two: later
      otherwise: later
  9:
    then:
      two: done
      otherwise:
        - {if: looked, goto: other}
        - goto: done

scenes:
  waking:
    text: |
      {sure: Sure. | Not sure.}
    choices:
      stare-on:
        say: Stare.
        cost: 1
        once: true
        act: stare
        do: looked = true
        measure: [sure, wondering, early]
        goto: waking
      push-on:
        say: Push.
        once: true
        cost: 2
        act: push
        goto: waking
      wait:
        say: Wait.
        goto: decode

  later:
    text: |
      [early] Early.
    choices:
      force-it:
        say: Force it.
        act: force
        goto: decode
      let-it:
        say: Let it.
        goto: decode

endings:
  done: {title: Done, text: Done.}
  other: {title: Other, text: "{wondering: Wondering. | Not wondering.}"}

answers: optional
"""


def modelled_world(folder: Path, text: str = MODELLED) -> World:
    """Return a world with a tiny network of random weights, written into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights.fpw").write_bytes(tiny_network())
    (folder / "world.yaml").write_text(text)
    return playable(read_world(folder), folder)


def tiny_network() -> bytes:
    """Return the file of a network of twelve layers whose weights mean nothing."""
    shape = Shape(n_vocab=len(VOCABULARY), n_embd=8, n_head=2, d_head=4, n_hidden=12, n_local=3, n_global=6, n_mlp=3)
    return pack_weights(*random_network(shape, VOCABULARY, pair_marks=(1,), probes=("odd",)))
