"""What reading alone shows of a world; each single finding has its file in bad_worlds, here is what they hang on."""

from __future__ import annotations

import pytest

from building import TINY, WORLDS, built, changed, loaded, tiny
from forward_pass.loading.lint import lint, world_counts
from forward_pass.loading.loader import read_world
from forward_pass.loading.paths import world_names
from forward_pass.story.world import World

LEAVE = "        goto: decode\n", "        goto: decode\n      leave:\n        say: Leave.\n        goto: {}\n"
MORE = """\
  {0}:
    text: Elsewhere.
    choices:
      from-{0}:
        say: Go on.
        goto: {1}
"""


def found(*changes: tuple[str, str], text: str = TINY) -> list[str]:
    problems = sorted(lint(built(changed(text, *changes)).story))
    return [f"{problem.line} {problem.code} {problem.message}" for problem in problems]


def leading(goto: str) -> tuple[str, str]:
    return (LEAVE[0], LEAVE[1].format(goto))


def with_scenes(*scenes: tuple[str, str]) -> tuple[str, str]:
    return ("\nendings:\n", "".join(MORE.format(*scene) for scene in scenes) + "\nendings:\n")


@pytest.mark.parametrize("name", world_names())
def test_the_worlds_that_come_with_the_game_pass(name: str) -> None:
    reading = read_world(WORLDS / name)
    assert reading.problems == ()
    assert reading.story is not None
    assert [problem for problem in lint(reading.story) if problem.severity == "error"] == []


def test_a_world_is_counted(first_light: World) -> None:
    assert world_counts(first_light.story) == "8 scenes, 19 choices, 4 endings, 2 tokens, 11 tokens of prompt"
    assert world_counts(built(TINY).story) == "1 scene, 1 choice, 1 ending, 1 token, 5 tokens of prompt"


def test_the_smallest_world_has_nothing_wrong() -> None:
    assert found() == []


def test_a_file_may_have_a_colon_in_its_name() -> None:
    text = changed(TINY, with_scenes(("attic", "decode")))
    reading = loaded(("a:1.yaml", text))
    assert reading.story is not None
    assert [str(problem) for problem in lint(reading.story)] == ["a:1.yaml:23:3: E401 nothing leads to the scene 'attic'"]


# -- what leads where


def test_what_is_reached_by_a_goto_or_through_other_scenes_is_reached() -> None:
    assert found(leading("hall"), with_scenes(("hall", "stairs"), ("stairs", "decode"))) == []


def test_what_is_reached_only_from_what_is_not_reached_is_not() -> None:
    assert found(with_scenes(("hall", "stairs"), ("stairs", "hall"))) == [
        "23 E401 nothing leads to the scene 'hall'; so nothing leads to 'stairs'",
    ]


def test_where_no_decoder_comes_no_word_leads_anywhere() -> None:
    assert found(("        goto: decode\n", "        goto: hall\n"), with_scenes(("hall", "waking"))) == [
        "31 E401 nothing leads to the ending 'done'"
    ]


def test_a_choice_that_can_be_cut_short_lets_the_decoder_come() -> None:
    cut = ("        goto: decode\n", "        cost: 8\n        cut: nothing\n        goto: waking\n")
    assert found(cut) == []


def test_a_scene_whose_choices_all_lead_back_is_a_trap() -> None:
    assert found(leading("hall"), with_scenes(("hall", "hall"))) == [
        "26 E402 every choice of the scene 'hall' leads back to it"
    ]


def test_a_scene_that_leads_back_and_on_is_none() -> None:
    assert found(leading("waking")) == []


@pytest.mark.parametrize(
    "line", ["        if: visit < 3\n", "        once: true\n", "        needs: visit < 3\n        why: Not again.\n"]
)
def test_a_scene_needs_one_choice_that_is_always_there(line: str) -> None:
    lost = ("        goto: decode\n", f"{line}        goto: decode\n")
    message = "17 W403 every choice of 'waking' has a condition or can be used up: a run may have no choice left here"
    assert found(lost) == [message]
    assert found((lost[0], lost[1] + LEAVE[1].format("done").removeprefix(LEAVE[0]))) == []


# -- tokens


TWO_TOKENS = changed(
    TINY,
    ("      otherwise: done\n", "      otherwise: later\n  6:\n    written: {end: 1.0}\n    then:\n      otherwise: done\n"),
    with_scenes(("later", "decode")),
)


def test_scenes_that_may_be_met_at_any_token_may_lead_anywhere() -> None:
    assert found(text=TWO_TOKENS) == []


def test_scenes_may_lead_to_scenes_of_their_own_token() -> None:
    assert found(("scenes:\n", "token: 5\nscenes:\n"), leading("hall"), with_scenes(("hall", "waking"))) == []


def test_a_choice_does_not_lead_to_a_scene_of_another_token() -> None:
    first, second = TWO_TOKENS.split("  later:\n")
    later, endings = second.split("\nendings:\n")
    reading = loaded(
        ("1.yaml", f"token: 5\n{first.replace('goto: decode', 'goto: later')}\nendings:\n{endings}"),
        ("2.yaml", f"token: 6\nscenes:\n  later:\n{later}"),
    )
    assert reading.story is not None
    assert (
        "1.yaml:25:7: E404 'waking' belongs to token 5 and 'later' to token 6: only 'goto: decode' leads to another token"
        in {str(problem) for problem in lint(reading.story)}
    )


# -- costs and limits


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("        cost: 5\n", False),
        ("        cost: 6\n", True),
        ("        cost: 6\n        cut: nothing\n", False),
    ],
)
def test_a_cost_that_no_token_has_room_for_is_an_error(line: str, wrong: bool) -> None:  # noqa: FBT001
    problems = found((LEAVE[0], LEAVE[1].format("done") + line))
    message = "the choice 'leave' costs 6 layers; it must cost fewer than the 6 of a token, or have the key 'cut'"
    assert problems == [f"23 E405 {message}"] * wrong


@pytest.mark.parametrize(("limits", "count"), [("acts_per_token: 2\nlasting_per_token: 1", 0), ("lasting_per_token: 0", 1)])
def test_a_choice_may_make_as_many_acts_as_a_token_bears(limits: str, count: int) -> None:
    acts = f"{limits}\nacts:\n  lean: {{about: A lean.}}\n  label: {{about: A label., lasts: true}}\n\ntokens:\n"
    problems = found(("tokens:\n", acts), (LEAVE[0], LEAVE[1].format("done") + "        act: [lean, label]\n"))
    assert [problem.split()[1] for problem in problems] == ["E409"] * count


# -- names


VARIABLES = ("tokens:\n", "variables:\n  reads: {from: 0, to: 3}\n  other: {from: 0, to: 3}\n\ntokens:\n")


def named(*lines: str) -> list[str]:
    choice = LEAVE[1].format("done") + "".join(f"        {line}\n" for line in lines)
    return [problem.partition(" ")[2] for problem in found(VARIABLES, (LEAVE[0], choice))]


def test_what_only_adds_to_itself_is_never_read() -> None:
    assert named("do: [reads += 1, other = 1]", "if: other > 0") == ["W406 the variable 'reads' is never read"]
    assert named("do: other = 1", "cut: reads -= 1", "if: other > 0") == ["W406 the variable 'reads' is never read"]


@pytest.mark.parametrize(
    "lines",
    [
        ("do: [reads += 1, other += reads]", "if: other > 0"),
        ("do: [reads += 1, other = 1]", "needs: other > 0 and reads > 0", "why: No."),
        ("do: [reads += 1, other = 1]", "needs: false", "why: No. {reads} {spelled(other)}"),
        ("do: [reads += 1, other = 1]", "then: Gone after {reads} and {other}."),
        ("do: [reads += 1, other = 1]", "cut: [other = reads, reads = other]"),
    ],
)
def test_what_an_effect_a_condition_or_a_text_reads_is_read(lines: tuple[str, ...]) -> None:
    assert named(*lines) == []


def test_what_a_goto_reads_is_read() -> None:
    goto = "[{if: reads > 0, goto: done}, {if: other > 0, goto: done}, {goto: waking}]"
    assert found(VARIABLES, (LEAVE[0], LEAVE[1].format(goto) + "        do: [reads = 1, other = 1]\n")) == []


def test_a_model_may_say_any_word() -> None:
    story = tiny(("      otherwise: done", "      never: done\n      otherwise: done")).story
    assert [problem.code for problem in lint(story)] == ["W410"]
    assert list(lint(story._replace(tokens=tuple(token._replace(written=()) for token in story.tokens)))) == []


@pytest.mark.parametrize(
    "lines",
    [
        ("if: emitted('nope')",),
        ("needs: emitted('nope')", "why: No."),
        ("do: reads = visits(waking)", "then: At {p('nope')}."),
        ("say: Leave at {now('nope')}.",),
        ("cut: [other = visits(waking)]", "if: other > 0 or emitted('nope')"),
        ("goto: [{if: emitted('nope'), goto: done}, {goto: waking}]",),
    ],
)
def test_a_word_that_no_token_says_is_found_wherever_it_is_asked_about(lines: tuple[str, ...]) -> None:
    choice = {"say": "Leave.", "goto": "done"} | dict(line.split(": ", 1) for line in lines)
    text = "".join(f"        {key}: {value}\n" for key, value in choice.items())
    problems = found(VARIABLES, (LEAVE[0], f"{LEAVE[0]}      leave:\n{text}"))
    message = "W410 no token can produce the word 'nope'"
    assert [problem.partition(" ")[2] for problem in problems if "W410" in problem] == [message]


def test_a_word_that_a_scene_an_ending_or_a_threshold_asks_about_is_found_too() -> None:
    changes = (
        ("I was there.", "At {p('nope')}."),
        ("It was done.", "At {p('nope')}."),
        ("tokens:\n", "thresholds:\n  t: p('nope') > 0.5\n\ntokens:\n"),
    )
    for change in changes:
        assert any("W410 no token can produce the word 'nope'" in problem for problem in found(change))


def test_a_word_that_leads_somewhere_is_one_that_some_token_says() -> None:
    assert found(("      otherwise: done", "      door: done\n      otherwise: done")) == []
