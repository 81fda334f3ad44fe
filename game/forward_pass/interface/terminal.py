"""The terminal front end, first part: it prints the first scene before prompt_toolkit and rich are imported."""

from __future__ import annotations

from forward_pass.session.plain_text import opening_lines, text_width
from forward_pass.session.session import Session
from forward_pass.session.transcript import EMPHASIS

ITALIC, NOT_ITALIC = "\x1b[3m", "\x1b[23m"  # ECMA-48, as rich writes them


def run(session: Session, *, motion: bool = False) -> None:
    """Play in the terminal until the player quits; Ctrl-D quits, Ctrl-C raises ``KeyboardInterrupt``.

    With ``motion``, decodings of a model are animated.
    """
    print(EMPHASIS.sub(f"{ITALIC}\\1{NOT_ITALIC}", "\n".join(opening_lines(session, text_width()))), flush=True)
    from forward_pass.interface.prompt_loop import ask_and_answer

    ask_and_answer(session, motion=motion)
