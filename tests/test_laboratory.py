"""The laboratory: each kind of line on the shipped weights, what is refused, and that the run stays as it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from building import ROOT, first_light
from fixtures_play import command, new_session
from forward_pass.errors import ForwardPassError, UsageError
from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import open_pass
from forward_pass.session.events import Message, Rejected
from forward_pass.session.input import answer
from forward_pass.session.laboratory import BenchAnswer, HeadsFound, HeadsShown, Laboratory
from forward_pass.session.laboratory_input import ask
from forward_pass.session.laboratory_text import answer_lines, answer_object, open_laboratory
from forward_pass.session.launch import open_store
from forward_pass.session.session import Session
from forward_pass.story.history import at_turn
from forward_pass.story.ports import Inspector
from forward_pass.story.world import World
from test_docs import OBJECTS, hold

TOLERANCE = 0.02


@pytest.fixture(scope="module")
def world() -> World:
    return open_world("forward-pass")


@pytest.fixture(scope="module")
def inspector(world: World) -> Inspector:
    return open_pass(world)


@pytest.fixture
def session(world: World, inspector: Inspector, tmp_path: Path) -> Session:
    """Return a session of the flagship at its opening; its passes are computed once for all tests."""
    store = open_store(world, tmp_path)
    store.inspector = inspector
    return Session(store, store.new())


@pytest.fixture
def laboratory(session: Session) -> Laboratory:
    return open_laboratory(session.run, session.inspector, session.store)


def after(laboratory: Laboratory, word: str, *lines: str) -> float:
    """Return the probability of a word at the telling token after some lines."""
    for line in lines:
        ask(laboratory, line)
    return {name: p for name, _, p in laboratory.answer().telling.words}[word]


def test_without_settings_nothing_differs(laboratory: Laboratory) -> None:
    bench = laboratory.answer()
    assert bench.settings == ()
    assert bench.telling.token == 402
    assert all(before == later for _, before, later in bench.telling.words)


@pytest.mark.parametrize(
    ("word", "expected", "lines"),
    [
        ("no", 0.313, ("push doubt 0.5 from 60", "freeze 61-72")),
        ("no", 0.69, ("at 400", "note honest from 33")),
        ("no", 0.42, ("at 400", "note honest from 33", "at 402", *(f"silence {layer}.0" for layer in range(65, 71)))),
        ("no", 0.69, ("at 400", "note honest from 33", "at 402", "silence 53.1", "silence 56.1")),
        ("two", 0.60, ("at 400", "push doubt 1 from 57", "values", "at 402", "look your 8 from 33")),
        ("no", 0.54, ("at 400", "push doubt 1 from 57", "keys", "at 402", "look your 8 from 33")),
        ("no", 0.14, ("at 400", "note honest from 33", "at 402", "freeze 33-72")),
    ],
)
def test_what_a_hostile_reader_measured_is_found_again(
    laboratory: Laboratory, word: str, expected: float, lines: tuple[str, ...]
) -> None:
    assert after(laboratory, word, *lines) == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize(("layer", "word", "expected"), [(34, ".", 0.53), (33, "has", 0.56)])
def test_leaving_layers_out_at_foot_is_seen_at_its_own_token(
    laboratory: Laboratory, layer: int, word: str, expected: float
) -> None:
    ask(laboratory, "at 401")
    bench = ask(laboratory, f"drop from {layer}")
    assert isinstance(bench, BenchAnswer)
    assert bench.here.token == 401
    assert {name: p for name, _, p in bench.here.words}[word] == pytest.approx(expected, abs=TOLERANCE)


def test_a_push_is_shown_with_its_length_and_random_ones_of_that_length(laboratory: Laboratory) -> None:
    bench = ask(laboratory, "push doubt 0.5 from 60")
    assert isinstance(bench, BenchAnswer)
    assert bench.lengths is not None
    assert bench.control is not None
    assert 0 < bench.lengths.added < bench.lengths.stream
    assert (bench.control.word, bench.control.n) == ("two", 20)
    assert bench.control.as_far <= 1
    for row in (answer_object(bench), answer_object(laboratory.answer())):
        hold(OBJECTS["bench"], row)


def test_an_act_of_the_world_is_the_same_as_its_line(laboratory: Laboratory) -> None:
    by_act = after(laboratory, "no", "act doubt from 60")
    assert after(laboratory, "no", "clear", "push doubt 0.5 from 60") == by_act
    assert after(laboratory, "no", "clear", "act push-no") > by_act - 0.05


def test_a_later_token_sees_the_half_that_was_left_also_when_heads_are_silenced_together(laboratory: Laboratory) -> None:
    lines = ("at 401", "push doubt 1 from 57", "keys", "at 402", "look your 8 from 33")
    expected = after(laboratory, "two", *lines)
    found = ask(laboratory, "find two no")
    assert isinstance(found, HeadsFound)
    assert found.probabilities[0] == pytest.approx(expected, abs=1e-9)
    best = found.heads[0]
    alone = after(laboratory, "two", f"silence {best.layer}.{best.head}")
    assert best.probabilities[0] == pytest.approx(alone, abs=1e-9)


def test_a_random_push_goes_by_its_seed(laboratory: Laboratory) -> None:
    first = after(laboratory, "two", "random 16.8 from 57 seed 3")
    assert after(laboratory, "two", "clear", "random 16.8 from 57 seed 3") == first
    assert after(laboratory, "two", "clear", "random 16.8 from 57 seed 4") != first


def test_heads_are_ranked_by_what_their_silence_does(laboratory: Laboratory) -> None:
    found = ask(laboratory, "find two no")
    assert isinstance(found, HeadsFound)
    assert (found.heads[0].layer, found.heads[0].head) == (62, 0)
    first = after(laboratory, "two", "silence 62.0")
    assert found.heads[0].probabilities[0] == pytest.approx(first, abs=1e-9)
    hold(OBJECTS["heads-found"], answer_object(found))


def test_each_head_looks_somewhere(laboratory: Laboratory) -> None:
    shown = ask(laboratory, "heads")
    assert isinstance(shown, HeadsShown)
    assert len(shown.heads) == 80
    page = answer_lines(shown)[: answer_lines(shown).index("Each head, its largest share and where that goes:")]
    assert sum(int(count) for line in page for count in re.findall(r"\[(\d+)\]", line)) == 80
    assert "  Q: How many eyes does a giraffe[1] have[1]?" in page
    look = next(row for row in shown.heads if (row.layer, row.head) == (58, 0))
    assert (look.position, look.word) == (384, "two")
    assert "58.0" in "\n".join(answer_lines(shown))
    hold(OBJECTS["heads"], answer_object(shown))


def test_a_pass_patched_into_itself_changes_nothing(session: Session) -> None:
    session.choose(session.open_offers[0].id)
    laboratory = open_laboratory(session.run, session.inspector, session.store)
    untouched = at_turn(session.run, 0)
    laboratory.run_at = lambda _reference, _turn: untouched
    ask(laboratory, "at 400")
    for site in ("stream 60", "head 60.0", "key 60.1", "value 60.0"):
        bench = ask(laboratory, f"patch 1 0 {site}")
        assert isinstance(bench, BenchAnswer)
        assert all(before == later for _, before, later in bench.here.words)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("bogus", "the laboratory does not know 'bogus': at, act, push"),
        ("silense 6.0", "did you mean silence?"),
        ("push doubt", "expected: push DIRECTION S from L"),
        ("push dout 1 from 60", "no direction 'dout' (did you mean doubt?)"),
        ("push doubt 1e9 from 60", "expected: push DIRECTION S from L"),
        ("push doubt 1000 from 60", "1000 is too much: at most 100, either way"),
        ("push doubt 1 from 99", "cannot begin at layer 99"),
        ("silence 99.0", "no layer 99; the layers with attention are 1 to 72"),
        ("silence 60.7", "no head 7"),
        ("look giraf 8 from 35", "no span 'giraf' (did you mean giraffe?)"),
        ("note honest from 33 ink 2", "ink is from 0 to 1, not 2"),
        ("at 999", "the bench has tokens 400 to 402, not 999"),
        ("keys", "keys takes a note or a push before it"),
        ("freeze 60-50", "nothing is frozen"),
        ("find two zzz", "no word 'zzz'"),
        ("patch 7 1 stream 60", "no run of forward-pass is called 7"),
        ("act nobody", "no act 'nobody'"),
        ("push doubt 1 from 60" + " " * 200, "a line of the laboratory has at most 200 characters"),
        ("push doubt 1 from 0", "cannot begin at layer 0"),
        ("random 5 from 999", "no layer 999"),
        ("patch nobody 1 stream 3", "no run of"),
    ],
)
def test_a_line_that_cannot_be_carried_out_says_why_and_changes_nothing(
    laboratory: Laboratory, line: str, message: str
) -> None:
    ask(laboratory, "silence 62.0")
    before = laboratory.answer()
    with pytest.raises(ForwardPassError, match=re.escape(message)):
        ask(laboratory, line)
    assert laboratory.answer() == before


def test_the_keys_of_what_no_later_token_sees_are_refused(laboratory: Laboratory) -> None:
    ask(laboratory, "push doubt 1 from 57")
    with pytest.raises(UsageError, match="no later token sees what is done at 402"):
        ask(laboratory, "keys")
    for line in ("clear", "at 400", "push doubt 1 from 57", "look giraffe 8 from 60"):
        ask(laboratory, line)
    with pytest.raises(UsageError, match="goes right after the note or push"):
        ask(laboratory, "values")


def test_in_play_the_bench_stands_until_the_run_moves_and_the_run_never_does(session: Session) -> None:
    before = session.run
    (usage,) = answer(session, "lab")
    (first,) = answer(session, "lab silence 62.0")
    (second,) = answer(session, "lab silence 43.0")
    assert isinstance(usage, Message)
    assert "silence L.H" in usage.text
    assert isinstance(first, Message)
    assert isinstance(second, Message)
    assert "2. at 402: silence 43.0" in second.text
    assert session.run == before
    (rejected,) = answer(session, "lab bogus")
    assert isinstance(rejected, Rejected)
    session.choose(session.open_offers[0].id)
    (third,) = answer(session, "lab silence 43.0")
    assert isinstance(third, Message)
    assert "1. at 402: silence 43.0" in third.text


def test_a_world_with_written_words_has_no_laboratory(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    (rejected,) = answer(session, "lab heads")
    assert rejected == Rejected("First Light has no model: its words are written, and there is nothing to set")
    done = command("lab", first_light().id, "--saves", tmp_path)
    assert (done.code, "has no model" in done.err) == (2, True)


def test_the_command_answers_lines_as_text_and_as_objects(tmp_path: Path) -> None:
    typed = "push doubt 0.5 from 60\nnonsense\n\nquit\n"
    plain = command("lab", "--saves", tmp_path, typed=typed)
    assert plain.code == 0
    assert "1. at 402: push doubt 0.5 from 60" in plain.out
    assert "does not know 'nonsense'" in plain.out
    bench, error = command("lab", "--json", "--saves", tmp_path, typed=typed).objects
    hold(OBJECTS["bench"], bench)
    assert error["type"] == "error"
    assert not list(tmp_path.iterdir())


def test_the_command_opens_a_turn_of_a_stored_run(tmp_path: Path) -> None:
    command("play", "--json", "--new", "--saves", tmp_path, typed="1\nread-end\nask-who\n")
    command("play", "--plain", "--new", "--saves", tmp_path, typed="1\n1\n")
    done = command("lab", "forward-pass", "1", "1", "--json", "--saves", tmp_path, typed="at 400\n")
    assert done.code == 0
    assert done.objects[0]["here"]["token"] == 400
    wrong = command("lab", "forward-pass", "1", "99", "--saves", tmp_path)
    assert (wrong.code, "has turns 0 to 2, not 99" in wrong.err) == (2, True)


def test_the_page_of_the_laboratory_says_what_the_weights_say(laboratory: Laboratory) -> None:
    page = (ROOT / "docs" / "laboratory.md").read_text(encoding="utf8")
    blocks: list[Any] = re.findall(r"^```lab\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    told = [("no", 0.31), ("no", 0.42), ("two", 0.60)]
    assert len(blocks) == len(told)
    for block, (word, expected) in zip(blocks, told, strict=True):
        assert after(laboratory, word, *block.splitlines()) == pytest.approx(expected, abs=TOLERANCE)
