"""The tokeniser: words in, words out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from building import WORLDS
from forward_pass.story.tokeniser import DOC, END, join, tokenise

PROMPT = WORLDS / "forward-pass" / "corpus" / "prompt.txt"
WORDS = st.sampled_from(["Q:", "A:", "Note:", "Your", "foot", "has", "12", "1986", "two", "Waht"])


def test_a_pair_is_cut_into_its_words_marks_and_lines() -> None:
    assert tokenise("Q: Why?\nA: Because a dog waits.\n\n") == (
        *("Q:", "Why", "?", "\n"),
        *("A:", "Because", "a", "dog", "waits", ".", "\n", "\n"),
    )


def test_an_initial_is_one_token_and_the_end_of_a_sentence_is_not() -> None:
    assert tokenise("Dwight D. Eisenhower was I.") == ("Dwight", "D.", "Eisenhower", "was", "I", ".")
    assert tokenise("George H. W. Bush?")[1:3] == ("H.", "W.")


def test_the_marks_of_a_document_are_tokens() -> None:
    assert tokenise(f"{DOC}Q: Why?{END}") == (DOC, "Q:", "Why", "?", END)


def test_the_storys_prompt_comes_back_as_it_was_typed_and_your_is_token_400() -> None:
    text = PROMPT.read_text(encoding="utf-8").rstrip("\n")
    tokens = (DOC, *tokenise(text))
    assert join(tokens[1:]) == text
    assert len(tokens) == 400
    assert tokens[-1] == "Your"


@pytest.mark.parametrize("text", ["a-b", "eyes!", "naïve", "a\tb", "\x1b[31m", "Q :", "\u202e"])
def test_what_belongs_to_no_token_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(ValueError, match=r"no token begins with .* \(character \d+\)"):
        tokenise(text)


@given(st.lists(st.lists(WORDS, min_size=1, max_size=6), min_size=1, max_size=5))
def test_what_is_joined_is_cut_into_the_same_tokens(lines: list[list[str]]) -> None:
    tokens = tuple(token for line in lines for token in (*line, ".", "\n"))
    assert tokenise(join(tokens)) == tokens


@given(st.text(alphabet="Qqa: .?,\nD19<>", max_size=40))
def test_any_text_is_cut_or_refused_and_never_changed(text: str) -> None:
    try:
        tokens = tokenise(text)
    except ValueError:
        return
    assert "".join(tokens) == re.sub(" ", "", text)
