"""A check explores what it reads: what it finds in worlds with one fault, and the figures of those without."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from building import TINY, WORLDS, changed
from fixtures_checker import MODELLED, modelled_world
from forward_pass.checker.explorer import Limits
from forward_pass.checker.report import CheckReport, check_world
from forward_pass.checker.verify import CheckOptions
from forward_pass.network.passes import open_pass
from forward_pass.story.state import PassKey
from made_worlds import counter_world, hub_world

Check = Callable[..., CheckReport]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Return a function that checks a world in one file."""

    def checked(text: str, options: CheckOptions | None = None) -> CheckReport:
        folder = tmp_path / "tiny"
        folder.mkdir(exist_ok=True)
        (folder / "tiny.yaml").write_text(text)
        return check_world(folder, open_pass, options)

    return checked


def lines(report: CheckReport, least: str = "W") -> list[str]:
    """Return the problems without their folder, the infos only where they are asked for."""
    shown = [problem for problem in report.problems if problem.severity != "info" or least == "I"]
    return [str(problem).partition("tiny.yaml:")[2] for problem in shown]


def test_the_smallest_world_passes_and_says_how_large_it_is(check: Check) -> None:
    report = check(TINY)
    assert not report.failed
    assert lines(report) == []
    assert report.figures is not None
    assert report.figures[:5] == (2, 0, 0, 1, 0)
    assert report.summary.startswith(
        "tiny: 1 scene, 1 choice, 1 ending, 1 token, 5 tokens of prompt; explored 2 states (0 merged), "
        "1 decoding (0 measured, 0 from the table), "
    )


def test_the_world_for_authors_passes() -> None:
    """The flagship's million states are explored by ``make check``, before any test."""
    report = check_world(WORLDS / "first-light", open_pass)
    assert not [str(problem) for problem in report.problems if problem.severity == "error"]


@pytest.mark.parametrize(
    ("file", "old", "new", "found"),
    [
        ("11-the.yaml", "goto: labelled", "goto: labeled", "11-the.yaml:84:15: E301 unknown scene or ending 'labeled'"),
        ("world.yaml", "      again: the-loop\n", "", "endings.yaml:29:3: E401 nothing leads to the ending 'the-loop'"),
        ("11-the.yaml", "if: reads < 3", "if: reads < 0", "11-the.yaml:44:13: E412 the choice 'read-again' is never on offer"),
        (
            "11-the.yaml",
            "needs: reads > 1",
            "needs: reads > 3",
            "11-the.yaml:50:16: E413 the choice 'think-electric' is on offer but never open",
        ),
        ("11-the.yaml", "[reads > 1]", "[reads > 3]", "11-the.yaml:36:8: E418 no run ever shows 'There are two honest"),
        (
            "world.yaml",
            "{if: hurried, goto",
            "{if: reads > 3, goto",
            "world.yaml:74:16: E422 case 2 of the word 'otherwise' at token 12 (to 'half-said')",
        ),
        ("12-next.yaml", "copied-out:\n", "stray-word:\n", "E010 'stray-word' is defined twice"),
        ("12-next.yaml", "nod-along:", "race-it:", "E010 'race-it' is defined twice"),
        (
            "11-the.yaml",
            "        cost: 3\n",
            "        coost: 3\n",
            "E201 unknown key 'coost' in the choice 'leave-label' (did you mean cost?)",
        ),
        ("11-the.yaml", "do: hurried = true", "do: huried = true", "E103 unknown variable 'huried' (did you mean hurried?)"),
        ("11-the.yaml", "        cost: 3\n", "        cost: -3\n", "E206 expected a whole number from 0 to 10000, found -3"),
        ("12-next.yaml", "        cost: 2\n", "        cost: 6\n", "E405 the choice 'label-again' costs 6 layers"),
    ],
)
def test_whatever_is_broken_in_a_copy_of_a_world_is_named(tmp_path: Path, file: str, old: str, new: str, found: str) -> None:
    folder = tmp_path / "first-light"
    shutil.copytree(WORLDS / "first-light", folder)
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    report = check_world(folder, open_pass)
    assert report.failed
    assert any(found in str(problem) for problem in report.problems), "\n".join(map(str, report.problems))


DRAWN_ONLY = 66  # states: room enough for the likeliest words of the modelled world, and too little for all
GO_ON = "      go-on:\n        say: Go on.\n        goto: decode\n"
LAMP = changed(TINY, ("tokens:\n", "variables:\n  lamp: false\n\ntokens:\n"))


@pytest.mark.parametrize(
    ("choices", "found"),
    [
        (
            (
                "      light: {say: Light it., once: true, do: lamp = true, goto: waking}\n"
                "      leave: {say: Leave., if: not lamp, goto: decode}\n"
            ),
            "20:3: E415 a run can get stuck here, with no open choice: light",
        ),
        (
            (
                "      light: {say: Light it., once: true, cost: 0, do: lamp = true, goto: hall}\n"
                "      leave: {say: Leave., if: not lamp, goto: decode}\n"
                "  hall:\n    text: A hall.\n    choices:\n      turn: {say: Turn., cost: 0, goto: stair}\n"
                "  stair:\n    text: A stair.\n    choices:\n      return-there: {say: Back., cost: 0, goto: hall}\n"
                "      out: {say: Out., if: not lamp, goto: decode}\n"
            ),
            "25:3: E416 a run can loop here forever: light",
        ),
        (
            (
                "      leave: {say: Leave., goto: decode}\n"
                "      late: {say: Late., if: layer > 4, cost: 5, goto: waking}\n"
                "      wait: {say: Wait., cost: 2, do: lamp = true, goto: waking}\n"
                "      seen: {say: Seen., if: lamp, goto: decode}\n"
            ),
            "24:47: E414 the choice 'late' costs 5 layers, and too few are left wherever it is on offer",
        ),
        (
            ("      leave: {say: Leave., if: not lamp, goto: decode}\n      wait: {say: Wait., cost: 0, goto: waking}\n"),
            "23:32: W421 the 'if' of the choice 'leave' always holds",
        ),
        (
            (
                "      leave: {say: Leave., goto: decode}\n      run: {say: Run., cost: 7, cut: lamp = true, goto: waking}\n"
                "      read-it: {say: 'Read{not lamp: , unlit}.', goto: decode}\n"
            ),
            "24:57: W430 the choice 'run' is always cut short: its 'goto' is never followed",
        ),
        (
            ("      leave: {say: '{lamp: Leave it. | Leave.}', goto: decode}\n"),
            "23:22: E418 no run ever shows 'Leave it.' in 'say' of 'leave'; nothing changes 'lamp'",
        ),
        (
            ("      leave: {say: Leave., goto: decode, then: '{not lamp: Gone. | Gone, lit.}'}\n"),
            "23:50: E418 no run ever shows 'Gone, lit.' in 'then' of 'leave'; nothing changes 'lamp'",
        ),
        (
            (
                "      leave: {say: Leave., goto: decode}\n"
                "      ask: {say: Ask., needs: lamp, why: '{lamp: No. | Dark.}', goto: decode}\n"
                "      light: {say: Light it., do: lamp = true, goto: waking}\n"
            ),
            "24:44: E418 no run ever shows 'No.' in 'why' of 'ask'",
        ),
    ],
)
def test_what_only_exploring_can_show_is_reported_with_its_place(check: Check, choices: str, found: str) -> None:
    assert found in lines(check(changed(LAMP, (GO_ON, choices))))


def test_a_choice_that_always_comes_after_the_last_act_is_never_open(check: Check) -> None:
    acts = "acts_per_token: 1\nacts:\n  lean: {about: A lean.}\n\ntokens:\n"
    choices = "      lean-in: {say: Lean., act: lean, goto: hall}\n"
    hall = "  hall:\n    text: A hall.\n    choices:\n      more: {say: More., act: lean, goto: decode}\n"
    hall += "      leave: {say: Leave., goto: decode}\n"
    report = check(changed(TINY, ("tokens:\n", acts), (GO_ON, choices + hall)))
    message = "the choice 'more' is on offer but never open: the limit of acts per token is always reached"
    assert f"28:7: E413 {message}" in lines(report)


def test_a_scene_that_only_drawn_words_lead_to_is_worth_knowing_and_no_fault(check: Check) -> None:
    report = check(changed(TINY, ("otherwise: done", "end: done\n      otherwise: odd"), ("  done:\n", ODD)))
    assert not report.failed
    assert lines(report, "I") == [
        "11:3: I424 token 5 can also produce words that lead to 'otherwise': 'door' (10 %)",
        "26:3: I427 only words drawn above temperature 0 lead to the ending 'odd': go-on → 'door'",
    ]


ODD = "  odd:\n    title: Odd\n    text: It was odd.\n  done:\n"


def test_the_third_run_is_explored_too_where_the_world_tells_it_apart(check: Check) -> None:
    counted = changed(TINY, ("start: waking", "start: waking\ninstantiations: 3"))
    text = changed(counted, ("text: I was there.", "text: '{instantiation > 1 and found(done): Here again. | I was there.}'"))
    assert lines(check(text)) == []
    report = check(changed(text, ("instantiation > 1", "instantiation > 3")))
    assert "19:13: E418 no run ever shows 'Here again.' in the text of 'waking'" in lines(report)


# -- limits -----------------------------------------------------------------------------------------------------------


def test_a_check_that_stops_at_its_limit_never_passes_in_silence(check: Check) -> None:
    report = check(counter_world(12), CheckOptions(limits=Limits(states=500)))
    codes = {problem.code for problem in report.problems}
    assert "W429" in codes
    assert "E411" not in codes, "what was not met may still be there"
    assert report.figures is not None
    assert report.figures.stopped
    assert "stopped at its limit" in report.summary


def test_a_world_of_the_flagships_size_is_explored_whole(tmp_path: Path) -> None:
    folder = tmp_path / "hubs"
    folder.mkdir()
    (folder / "world.yaml").write_text(hub_world(tokens=3))
    report = check_world(folder, open_pass)
    assert not report.failed, "\n".join(map(str, report.problems))
    assert report.figures is not None
    assert report.figures.states > 50_000
    assert not report.figures.stopped


# -- a model ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the table of decodings out of the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_passes_of_a_model_are_measured_once_and_then_read_from_the_table(cached: Path, tmp_path: Path) -> None:
    modelled_world(tmp_path / "modelled")
    cold, warm = (check_world(tmp_path / "modelled", open_pass) for _ in range(2))
    assert cold.figures is not None
    assert warm.figures is not None
    assert cold.figures.measured == cold.figures.decodings > 10
    assert (warm.figures.measured, warm.figures.kept) == (0, cold.figures.decodings)
    assert cold.problems == warm.problems
    assert cold.figures[:4] == warm.figures[:4]
    assert list(cached.rglob("*.json"))


def test_beyond_the_passes_that_may_be_measured_the_check_is_abstract_and_says_so(cached: Path, tmp_path: Path) -> None:
    assert not cached.exists()
    modelled_world(tmp_path / "modelled")
    report = check_world(tmp_path / "modelled", open_pass, CheckOptions(decodings=3))
    assert any(problem.code == "W428" for problem in report.problems)
    assert report.figures is not None
    assert report.figures.abstract
    assert report.summary.endswith("s, abstract")


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (CheckOptions(decodings=3), "the limit of 3 measured passes was reached at token 8: 1 used, room for "),
        (
            CheckOptions(limits=Limits(concrete=10)),
            "the limit of 10 states with measured passes was reached at token 9: 10 used, room for about ",
        ),
    ],
)
def test_the_limit_that_was_reached_is_the_one_that_is_named(
    cached: Path, tmp_path: Path, limits: CheckOptions, said: str
) -> None:
    assert not cached.exists()
    modelled_world(tmp_path / "modelled")
    (found,) = [one.message for one in check_world(tmp_path / "modelled", open_pass, limits).problems if one.code == "W428"]
    assert found.startswith(said)


def test_a_check_that_is_abstract_only_where_words_are_drawn_says_so(cached: Path, tmp_path: Path) -> None:
    assert not cached.exists()
    modelled_world(tmp_path / "modelled")
    report = check_world(tmp_path / "modelled", open_pass, CheckOptions(limits=Limits(concrete=DRAWN_ONLY)))
    (found,) = [one.message for one in report.problems if one.code == "W428"]
    assert found.startswith(f"with words drawn, the limit of {DRAWN_ONLY} states with measured passes")
    assert report.figures is not None
    assert (report.figures.abstract, report.figures.drawn_only) == (True, True)
    assert report.summary.endswith("s, abstract where words are drawn")


def test_two_words_that_are_too_close_are_a_warning_with_the_run_that_leads_there(
    cached: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not cached.exists()
    modelled_world(tmp_path / "modelled")
    monkeypatch.setattr("forward_pass.checker.findings.CLOSE", 50.0)
    close = [str(one) for one in check_world(tmp_path / "modelled", open_pass).problems if one.code == "W420"]
    assert close
    assert all(
        re.search(r"world\.yaml:\d+:3: W420 '\S+' and '\S+' are within 50 nats in \d+ of \d+ decodings", one) for one in close
    )


def test_a_threshold_that_is_too_near_to_what_is_measured_is_an_error(cached: Path, tmp_path: Path) -> None:
    assert not cached.exists()
    world = modelled_world(tmp_path / "modelled")
    inspector, key = open_pass(world), PassKey((), ((),))
    chance = inspector.distribution(key).p("two")
    probe = inspector.probe(key, world.boundary, "odd")
    text = changed(
        MODELLED, ("p('two') > 0.5", f"p('two') > {chance:.6f}"), ("probe('odd') > 0.1", f"probe('odd') > {probe:.6f}")
    )
    modelled_world(tmp_path / "modelled", text)
    report = check_world(tmp_path / "modelled", open_pass)
    near = [str(problem).partition("world.yaml:")[2] for problem in report.problems if problem.code == "E419"]
    assert [line.partition(" is measured as ")[0] for line in near] == [
        "17:3: E419 the threshold 'sure'",
        "18:3: E419 the threshold 'wondering'",
    ]
    assert report.failed


def test_the_table_is_written_beside_the_weights_and_measuring_again_gives_the_same(cached: Path, tmp_path: Path) -> None:
    folder = tmp_path / "modelled"
    modelled_world(folder)
    check_world(folder, open_pass, CheckOptions(table=True))
    shutil.rmtree(cached)
    table = (folder / "decodings.json").read_text()
    kept, again = check_world(folder, open_pass), check_world(folder, open_pass, CheckOptions(again=True, table=True))
    assert kept.figures is not None
    assert again.figures is not None
    assert (kept.figures.measured, again.figures.measured) == (0, kept.figures.decodings)
    assert (folder / "decodings.json").read_text() == table


def test_texts_for_which_the_search_would_be_too_large_are_named(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forward_pass.checker.claims.MAX_FACTS", 1)
    monkeypatch.setattr("forward_pass.checker.verify.DRAWN_RUNS", 0)
    monkeypatch.setattr("forward_pass.checker.verify.TEXT_STATES", 20)
    monkeypatch.setattr("forward_pass.checker.verify.RANDOM_RUNS", 0)
    monkeypatch.setattr("forward_pass.checker.verify.AIMED_RUNS", 0)
    text = "text: 'It was dark{s3 and s7: , but for two lamps | }{s4 and s11: , or two others | }.'"
    text = changed(counter_world(12), ("text: It was dark.", text))
    undecided = [problem.message for problem in check(text).problems if problem.code == "W426"]
    assert undecided == [
        f"no run was found that shows ', {words}' in the text of 'dark', but not all states could be explored"
        for words in ("but for two lamps", "or two others")
    ]
    monkeypatch.setattr("forward_pass.checker.verify.TEXT_BUDGET", 0)
    assert any(problem.code == "W426" for problem in check(text).problems)


def test_what_is_said_on_the_way_is_found_without_random_runs(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forward_pass.checker.verify.RANDOM_RUNS", 0)
    choices = "      light: {say: Light it., once: true, do: lamp = true, goto: waking}\n"
    choices += "      leave: {say: Leave., goto: decode, then: '{lamp: Gone, lit. | Gone.}'}\n"
    assert lines(check(changed(LAMP, (GO_ON, choices)))) == []


def test_a_loop_with_a_way_out_somewhere_is_no_livelock(check: Check) -> None:
    rooms = "  hall:\n    text: A hall.\n    choices:\n      turn: {say: Turn., cost: 0, goto: stair}\n"
    rooms += "  stair:\n    text: A stair.\n    choices:\n      turn-on: {say: On., cost: 0, goto: cellar}\n"
    rooms += "  cellar:\n    text: A cellar.\n    choices:\n      out: {say: Out., goto: decode}\n"
    report = check(changed(TINY, (GO_ON, "      go-on: {say: Go on., cost: 0, goto: hall}\n" + rooms)))
    assert lines(report) == []


def test_what_only_an_abstract_pass_leads_to_has_no_witness(cached: Path, tmp_path: Path) -> None:
    assert not cached.exists()
    folder = tmp_path / "modelled"
    text = changed(MODELLED, ("      two: later\n", "      end: odd\n      two: later\n"))
    text = changed(text, ("endings:\n", "endings:\n  odd: {title: Odd, text: Odd.}\n"))
    modelled_world(folder, text)
    report = check_world(folder, open_pass, CheckOptions(decodings=1))
    codes = {problem.code for problem in report.problems}
    assert "W428" in codes
    assert codes & {"E417", "I427"}


def test_a_word_that_no_pass_gives_is_a_warning(cached: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not cached.exists()
    monkeypatch.setattr("forward_pass.checker.pass_table.MIN_PROBABILITY", 0.99)
    modelled_world(tmp_path / "modelled", changed(MODELLED, ("      two: later\n", "      Because: later\n")))
    report = check_world(tmp_path / "modelled", open_pass)
    never = [str(problem).partition("world.yaml:")[2] for problem in report.problems if problem.code == "W423"]
    assert "32:7: W423 no reachable pass gives 'Because' at token 8 a probability of 0.0001 or more" in never
