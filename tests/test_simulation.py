"""Random runs: seeded, least-taken first or uniform, and what is counted of them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from building import TINY, changed
from fixtures_checker import modelled_world, read
from forward_pass.checker.random_player import RandomPlayer
from forward_pass.checker.simulation import SimulationConfig, SimulationStats, simulate, simulation_lines, simulation_object
from forward_pass.network.passes import WrittenPass, open_pass
from forward_pass.story.state import Prior
from forward_pass.story.world import World


def stats(world: World, config: SimulationConfig) -> SimulationStats:
    return simulate(world, open_pass(world), config)


def test_the_same_seed_plays_the_same_runs_and_another_seed_others(first_light: World) -> None:
    one, same, other = (stats(first_light, SimulationConfig(50, seed)) for seed in (1, 1, 2))
    assert one == same
    assert one.words != other.words


def test_every_run_comes_to_an_ending_and_everything_is_counted(first_light: World) -> None:
    done = stats(first_light, SimulationConfig(300))
    assert sum(done.endings.values()) == len(done.words) == len(done.turns) == 300
    assert set(done.endings) == set(first_light.endings)
    assert done.faults == []
    assert sum(done.layers.values()) == 600, "two decoders come in a run"
    assert 0 < done.seen < done.of, "the egg is only drawn"
    assert set(done.variables["mood"]) == {"even", "curious", "stubborn"}
    assert sum(done.variables["hurried"].values()) == 300


def test_the_shares_that_a_run_reads_count_every_text_once_with_endings_and_without() -> None:
    again = (
        "        goto: decode\n",
        "        goto: decode\n      again: {say: Look again., once: true, cost: 0, goto: waking}\n",
    )
    unread = (
        "\nendings:",
        "  attic:\n    text: Nobody comes up here.\n    choices:\n      down: {say: Down., goto: decode}\n\nendings:",
    )
    assert set(stats(read(changed(TINY, again)), SimulationConfig(20)).shares) == {(1.0, 1.0)}
    done = stats(read(changed(TINY, again, unread)), SimulationConfig(20))
    outside = done.of - 3  # the words of the ending
    assert set(done.shares) == {((done.of - 5) / done.of, (outside - 5) / outside)}, (
        "four words of the attic, and one of its choice"
    )


def test_drawn_words_show_what_the_likeliest_never_do(first_light: World) -> None:
    likely, drawn = stats(first_light, SimulationConfig(300)), stats(first_light, SimulationConfig(300, temperature=1.5))
    assert drawn.seen > likely.seen


def test_what_was_taken_least_is_taken_first(first_light: World) -> None:
    def spread(*, uniform: bool) -> int:
        player = RandomPlayer(first_light, WrittenPass(first_light), uniform=uniform)
        for number in range(60):
            player.play_once(Prior(), Random(number), lambda _: "dark")  # noqa: S311
        return len(player.taken)

    assert spread(uniform=False) >= 12
    assert spread(uniform=True) == 0, "a uniform player remembers nothing"


STUCK = changed(
    TINY,
    ("        goto: decode\n", "        once: true\n        cost: 0\n        goto: hall\n"),
    ("\nendings:", "  hall:\n    text: A hall.\n    choices:\n      turn: {say: Turn., cost: 0, goto: hall}\n\nendings:"),
)


def test_a_run_that_never_ends_is_told_with_its_seed() -> None:
    world = read(STUCK)
    done = stats(world, SimulationConfig(2, 7))
    assert [(fault.run, fault.seed) for fault in done.faults] == [(1, 7), (2, 8)]
    assert done.faults[0].what == "no ending after 2000 turns, in hall"
    lines = simulation_lines(world, SimulationConfig(2, 7), done)
    assert "Run 1 (--seed 7 --runs 1): no ending after 2000 turns, in hall" in lines
    assert any(line.startswith("  no ending") for line in lines)


def test_a_run_with_nothing_open_is_told_too() -> None:
    world = read(changed(TINY, ("        goto: decode\n", "        once: true\n        cost: 0\n        goto: waking\n")))
    assert stats(world, SimulationConfig(1)).faults[0].what == "nothing is open in waking at layer 3"


def test_the_lines_and_the_object_say_the_same(first_light: World) -> None:
    config = SimulationConfig(40, uniform=True)
    done = stats(first_light, config)
    lines = simulation_lines(first_light, config, done)
    assert lines[0] == "First Light: 40 runs, any open choice, seed 0, temperature 0"
    assert any(line.startswith("  Half Said ") and "%" in line for line in lines)
    row = json.loads(json.dumps(simulation_object(first_light, config, done)))
    assert row["type"] == "walk"
    assert row["endings"] == {ending: done.endings[ending] for ending in first_light.endings}
    assert row["words"][0] == min(done.words)
    assert Counter(row["layers_left"].values())


def test_many_layers_are_put_together_in_ten_bins() -> None:
    deep = changed(TINY, ("layers: 12", "layers: 90"), ("boundary: 9", "boundary: 80"))
    waits = "      wait:\n        say: Wait.\n        cost: 7\n        goto: waking\n\nendings:"
    world = read(changed(deep, ("\nendings:", waits)))
    lines = simulation_lines(world, SimulationConfig(60), stats(world, SimulationConfig(60)))
    at = lines.index("Layers left when the decoder was called")
    assert lines[at + 1].split()[0] == "0-7"


def test_a_model_is_played_at_any_temperature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    world = modelled_world(tmp_path / "modelled")
    for temperature in (0.0, 1.0):
        done = stats(world, SimulationConfig(10, temperature=temperature))
        assert sum(done.endings.values()) == 10
