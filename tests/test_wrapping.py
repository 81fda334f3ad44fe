"""Lines are measured in terminal cells: as textwrap has them where all characters take one, and between wide ones elsewhere."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from forward_pass.session.wrapping import CLOSING, cells, wrap_line

CJK = "彼は言った。「これは四十文字よりもずっと長い文章で、まだまだ続いていくのです。」そして、and then in English, 終わった。"
NAMES = "नमस्ते दुनिया, यह एक बहुत लंबा वाक्य है जो चालीस अक्षरों से भी लंबा है"


@given(st.text(alphabet="ab c-\n“”—é…", max_size=80), st.integers(5, 40))
def test_where_every_character_takes_one_cell_lines_are_those_of_textwrap(text: str, width: int) -> None:
    assert wrap_line(text, width, "> ", "  ") == textwrap.wrap(text, width, initial_indent="> ", subsequent_indent="  ")


@pytest.mark.parametrize("text", [CJK, NAMES, "🦒" * 30, "한국어 문장은 띄어쓰기가 있다 " * 4])
@pytest.mark.parametrize("width", [12, 20, 39, 40])
def test_no_line_is_wider_than_it_may_be_and_no_character_is_lost(text: str, width: int) -> None:
    lines = wrap_line(text, width, "1. ", "   ")
    assert all(cells(line) <= width and cell_len(line) <= width for line in lines)
    assert "".join("".join(line[3:] for line in lines).split()) == "".join(text.split())


@pytest.mark.parametrize("width", range(10, 60))
def test_no_line_begins_with_a_closing_mark(width: int) -> None:
    assert all(line[0] not in CLOSING for line in wrap_line(CJK, width))


@pytest.mark.parametrize("text", ["Tu viens ici\u00a0? demanda-t-il encore une fois", "日本語\u00a0！と言った、長い長い文章で"])
def test_a_no_break_space_is_kept_and_not_broken_at(text: str) -> None:
    for width in range(10, 40):
        lines = wrap_line(text, width)
        assert any("\u00a0" in line[1:-1] for line in lines), (width, lines)


@given(st.text(max_size=60), st.integers(4, 30))
def test_whatever_is_written_is_wrapped(text: str, width: int) -> None:
    lines = wrap_line(text, width)
    assert all(cells(line) <= max(width, 2) for line in lines)
