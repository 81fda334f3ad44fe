"""Pages: nothing scrolls away before a key was pressed, and only keys that mean it go on."""

from __future__ import annotations

import asyncio
import os
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.application import get_app
from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.data_structures import Size

from forward_pass.interface.pages import page_lengths, print_pages, wait_for_more
from test_tree_browser import CTRL_C, CTRL_D, SizedOutput, type_keys

LINES = [f"line {number}" for number in range(50)]


@given(st.integers(0, 300), st.integers(6, 60), st.integers(0, 5), st.integers(0, 5))
def test_no_line_scrolls_away_unread(count: int, rows: int, above: int, below: int) -> None:
    """Between two keys no more is printed than the screen has rows for, what was there before and the prompt included."""
    pages = page_lengths(count, rows, above, below)
    assert sum(pages) == count
    assert all(length >= 0 for length in pages)
    first, *others = pages
    assert first + above <= rows - 1 or first <= 1 or len(pages) == 1
    assert all(length <= rows - 1 for length in others[:-1])
    last_above = above if len(pages) == 1 else 0
    assert pages[-1] + last_above + max(below, 1) <= rows


def test_what_fits_is_written_at_once() -> None:
    written: list[str] = []
    print_pages(LINES[:10], written.append, above=2, below=5)
    assert written == ["".join(f"{line}\n" for line in LINES[:10])]


@pytest.mark.parametrize(("keys", "pages"), [("  ", 3), ("\r\x1b[B", 3), ("\x1b", 2), ("q", 2), (" q", 3), (f"7x1{CTRL_D}", 2)])
def test_keys_go_on_a_page_or_to_the_end_and_others_are_dropped(keys: str, pages: int) -> None:
    written: list[str] = []
    with type_keys(keys):
        print_pages(LINES, written.append)
    assert "".join(written) == "".join(f"{line}\n" for line in LINES)
    assert len(written) == pages


def test_a_late_reply_of_the_terminal_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORFGBG", "")
    with type_keys("\x1b]11;rgb:ffff/ffff/ffff\x07 "):
        assert wait_for_more("the choices") is True
    assert os.environ["COLORFGBG"] == "0;15"  # and colours follow


def test_a_screen_of_another_size_has_to_be_set_anew() -> None:
    with type_keys(""):
        output = get_app_session().output
        assert isinstance(output, SizedOutput)

        def resize() -> None:
            output.size = Size(rows=10, columns=40)
            get_app().invalidate()

        with patch(
            "forward_pass.interface.signals.install_handlers", lambda _: asyncio.get_running_loop().call_later(0.2, resize)
        ):
            assert wait_for_more("the choices") is None


def test_ctrl_c_interrupts() -> None:
    with type_keys(CTRL_C), pytest.raises(KeyboardInterrupt):
        wait_for_more("the choices")
