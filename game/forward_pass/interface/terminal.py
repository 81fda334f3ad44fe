"""The terminal front end, first part: it prints the first scene before prompt_toolkit and rich are imported."""

from __future__ import annotations

from forward_pass.interface.tty import BackgroundQuestion, knows_background
from forward_pass.session.plain_text import opening_lines, text_width
from forward_pass.session.session import Session
from forward_pass.session.settings import read_settings
from forward_pass.session.transcript import EMPHASIS

ITALIC, NOT_ITALIC = "\x1b[3m", "\x1b[23m"  # ECMA-48, as rich writes them


def run(session: Session, *, motion: bool = True) -> None:
    """Play in the terminal until the player quits; Ctrl-D quits, Ctrl-C raises ``KeyboardInterrupt``.

    Without ``motion`` nothing moves, whatever the setting.
    """
    print(EMPHASIS.sub(f"{ITALIC}\\1{NOT_ITALIC}", "\n".join(opening_lines(session, text_width()))), flush=True)
    question = None if knows_background(read_settings()[0].colour) else BackgroundQuestion()
    try:
        from forward_pass.interface.prompt_loop import ask_and_answer, take_reply
    finally:
        reply = question.answer() if question else ("", "")
    take_reply(*reply)
    ask_and_answer(session, motion=motion)
