"""Where the pass stands, as a value: which pass it names, and what it counts."""

from __future__ import annotations

from building import FIRST_TOKEN_STATE, STATE
from forward_pass.story.state import MAX_VISITS, Act, PassKey, increment

LEAN, LABEL, FLAG = Act("lean", 4), Act("label", 5), Act("flag", 6)
KEY = PassKey(("foot", "has"), ((LEAN,), (), (LABEL,)))


def test_a_state_names_the_pass_as_it_stands_and_the_one_that_drew_the_last_word() -> None:
    assert STATE.key == KEY
    assert STATE.last_decoding == PassKey(("foot",), ((LEAN,), ()))
    assert FIRST_TOKEN_STATE.last_decoding == FIRST_TOKEN_STATE.key == PassKey((), ((),))


def test_a_key_gives_the_pass_that_drew_each_of_its_words() -> None:
    assert [KEY.at(index) for index in range(3)] == [PassKey((), ((LEAN,),)), PassKey(("foot",), ((LEAN,), ())), KEY]


def test_an_act_is_added_to_the_present_token() -> None:
    assert KEY.adding(FLAG) == PassKey(KEY.words, ((LEAN,), (), (LABEL, FLAG)))


def test_nothing_is_done_in_the_words_that_follow() -> None:
    assert KEY.followed_by("two", "eyes") == PassKey((*KEY.words, "two", "eyes"), ((LEAN,), (), (LABEL,), (), ()))
    assert KEY.followed_by() == KEY


def test_an_untouched_pass_has_the_same_words_and_no_acts() -> None:
    assert KEY.without_acts() == PassKey(KEY.words, ((), (), ()))


def test_the_words_drawn_are_counted_by_their_tokens() -> None:
    assert [STATE.drawn_at(token) for token in (399, 400, 401, 402)] == [None, 0, 1, None]
    assert FIRST_TOKEN_STATE.drawn_at(400) is None


def test_counting_stops_at_the_most_visits() -> None:
    counts = bytes((0, MAX_VISITS - 1, MAX_VISITS))
    assert increment(counts, 0) == bytes((1, MAX_VISITS - 1, MAX_VISITS))
    assert increment(counts, 1) == bytes((0, MAX_VISITS, MAX_VISITS))
    assert increment(counts, 2) == counts
