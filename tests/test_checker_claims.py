"""Claims of texts and worlds: proven over every state, or refuted by a run; against a search over whole states."""

from __future__ import annotations

from pathlib import Path

import pytest

from building import TINY, changed
from fixtures_checker import brute, random_world, read
from forward_pass.checker.claims import claims_of, prove
from forward_pass.checker.explorer import Explorer
from forward_pass.checker.pass_table import PassTable
from forward_pass.checker.report import CheckReport, check_world
from forward_pass.network.passes import open_pass
from forward_pass.story.state import Prior
from forward_pass.story.world import World

FIRST_LIGHT = Path(__file__).parents[1] / "worlds" / "first-light"
WORLD = """\
format: 1
title: Claims
version: 1.0.0
layers: 12
waking: 3
boundary: 9
start: waking
prompt: Why? Because the
telling: {token: 5, words: [end]}
answers: optional

variables:
  lamp: false
  mood: [low, high]

acts:
  lean: {about: a lean}

tokens:
  5:
    written:
      - {if: acted(lean), say: {end: 0.2, door: 0.8}}
      - say: {end: 0.9, door: 0.1}
    then:
      door: opened
      otherwise: done

scenes:
  waking:
    text: |
      I was there.{holds: not taken(wait)}
    choices:
      lean: {say: Lean., act: lean, do: mood = 'high', once: true, goto: leant}
      light: {say: Light., if: not lamp, do: lamp = true, goto: waking}
      wait: {say: Wait., goto: decode}
  leant:
    text: |
      [lamp] I saw what I did.{holds: taken(light)}

      {mood: Low.{holds: lamp} | High.}
    choices:
      go-back: {say: Back., goto: waking}

endings:
  done: {title: Done, holds: "emitted('end')", text: It was done.}
  opened:
    title: Opened
    holds: ["emitted('door', 5)", "decided(lean)", "mood == 'high'"]
    text: |
      It opened. {lamp: With light.{holds: seen(leant)} |}

claims:
  no-door-unleant: {never: emitted('door') and not acted(lean)}
  light-helps: {sometimes: seen(opened) and lamp}
  always-here: {always: seen(waking)}
"""


def check(folder: Path, text: str) -> CheckReport:
    (folder / "claims").mkdir(parents=True)
    (folder / "claims" / "world.yaml").write_text(text)
    return check_world(folder / "claims", open_pass)


def told(report: CheckReport, *codes: str) -> list[str]:
    return [f"{one.line}: {one.code} {one.message}" for one in report.problems if one.code in codes]


def test_what_a_world_claims_is_proven(tmp_path: Path) -> None:
    report = check(tmp_path, WORLD)
    assert told(report, "E433", "W434") == []
    assert [line.partition(": ")[2].partition(":")[0] for line in told(report, "I435")] == [
        "I435 the claim 'no-door-unleant' (never) is proven over 9 states",
        "I435 the claim 'light-helps' (sometimes) is shown by this run",
        "I435 the claim 'always-here' (always) is proven over 9 states",
    ]


LEANT = "lean, go-back, wait → 'door'"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("      [lamp] I saw", "      I saw", "what 'leant' holds is false of this run: lean"),
        ('"decided(lean)"', "lamp", f"what 'opened' holds is false of this run: {LEANT}"),
        ("{holds: seen(leant)}", "{holds: not taken(go-back)}", "what 'opened' holds is false of this run: "),
        ("decided(lean)", "decided(nothing)", f"what 'opened' holds is false of this run: {LEANT}"),
        ("not acted(lean)}", "acted(lean)}", "the claim 'no-door-unleant' (never) is false of this run: "),
        (
            "seen(opened) and lamp",
            "seen(opened) and mood == 'low'",
            "the claim 'light-helps' (sometimes) is false: no run",
        ),
        ("always: seen(waking)", "always: not seen(leant)", "the claim 'always-here' (always) is false of this run: lean"),
    ],
)
def test_a_claim_that_is_false_is_refuted_by_a_run(tmp_path: Path, old: str, new: str, expected: str) -> None:
    report = check(tmp_path, changed(WORLD, (old, new)))
    assert report.failed
    (line,) = told(report, "E433")
    assert expected in line


def test_what_cannot_be_followed_is_not_proven(tmp_path: Path) -> None:
    report = check(tmp_path, changed(WORLD, ("always: seen(waking)", "always: layer < 20")))
    (line,) = told(report, "W434")
    assert line.endswith("(always) is not proven: it asks about a measured number, a layer or a count")


def test_a_claim_in_the_texts_of_a_choice_is_refused(tmp_path: Path) -> None:
    report = check(tmp_path, changed(TINY, ("say: Go on.", "say: 'Go on.{holds: seen(waking)}'")))
    assert "'holds' can be used only in the texts of scenes and endings" in told(report, "E106")[0]


def test_a_text_that_says_nobody_asks_for_a_claim(tmp_path: Path) -> None:
    report = check(tmp_path, changed(TINY, ("It was done.", "Nobody came, and nothing was done.")))
    assert told(report, "I436") == [
        "25: I436 the text of 'done' says nobody, nothing, and no 'holds' says of which runs that is true"
    ]
    quiet = check(tmp_path / "quiet", changed(TINY, ("It was done.", "'Nobody came.{holds: seen(waking)}'")))
    assert told(quiet, "I436") == []


def test_a_false_claim_in_a_copy_of_first_light_is_refuted(tmp_path: Path) -> None:
    for path in FIRST_LIGHT.glob("*.yaml"):
        text = path.read_text().replace("holds: hurried\n", "holds: not hurried\n")
        copy = tmp_path / "copy" / path.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(text)
    assert "what 'half-said' holds is false of this run: " in told(check_world(tmp_path / "copy", open_pass), "E433")[0]


# -- against whole states ---------------------------------------------------------------------------------------------

CLAIMS = """
claims:
  one: {never: "CONDITION and OTHER"}
  two: {never: "not (CONDITION) and (OTHER)"}
  three: {never: "CONDITION and not (OTHER)"}
"""
FACTS = (
    "seen(a1)",
    "taken(c-a0-1)",
    "taken(c-b0-0)",
    "acted(lean)",
    "acted(label, 5)",
    "emitted('no', 5)",
    "emitted('two')",
    "flag",
    "mood == 'high'",
    "n == 1",
    "decided(lean)",
    "decided(nothing)",
    "seen(done)",
)


@pytest.mark.parametrize("seed", range(40))
def test_what_is_proven_holds_in_every_whole_state_and_what_is_not_is_met_or_unknown(seed: int) -> None:
    one, other = FACTS[seed % len(FACTS)], FACTS[(seed * 5 + 3) % len(FACTS)]
    world: World = read(random_world(seed) + CLAIMS.replace("CONDITION", one).replace("OTHER", other))
    explorer = Explorer(world, PassTable(world, open_pass(world), 10_000), [Prior()])
    explorer.run()
    states = brute(world, drawn=False).states
    for verdict in prove(explorer, claims_of(world)):
        is_met = any(map(verdict.claim.is_met, states))
        assert not (verdict.is_proven and is_met), verdict
        if not verdict.is_proven and not is_met:
            assert "n" in (one[0], other[0]) or "flag" in (one, other), (one, other)  # their values are not always followed
