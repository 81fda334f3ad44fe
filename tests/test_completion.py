"""What shells read to complete commands: as the parser has it now, and working in a real shell."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import shtab

from fixtures_play import ROOT, command
from forward_pass.cli import SHELLS, parser

FOLDER = ROOT / "game" / "forward_pass" / "completions"


@pytest.mark.parametrize("shell", SHELLS)
def test_the_file_that_ships_is_what_the_parser_gives(shell: str) -> None:
    made = shtab.complete(parser(), shell=shell)
    shipped = (FOLDER / f"forward-pass.{shell}").read_text(encoding="utf8")
    assert shipped.split() == made.split(), "make completions"
    assert command("complete", shell).out == shipped


def completed(*words: str) -> list[str]:
    """Return what bash would complete the last of some words to."""
    typed = " ".join(f"'{word}'" for word in words)
    script = f"""
source '{FOLDER}/forward-pass.bash'
COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}
$(complete -p forward-pass | sed 's/.*-F \\([^ ]*\\).*/\\1/') forward-pass
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    return subprocess.run(["bash", "-c", script], capture_output=True, encoding="utf8", check=True).stdout.split()  # noqa: S607


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_completes_commands_options_and_choices() -> None:
    assert completed("forward-pass", "pla") == ["play"]
    assert completed("forward-pass", "play", "--no-m") == ["--no-motion"]
    assert set(completed("forward-pass", "export", "--format", "")) == {"txt", "md", "html", "svg", "cast"}


def test_another_shell_is_wrong_usage() -> None:
    done = command("complete", "fish")
    assert done.code == 2
    assert "invalid choice: 'fish'" in done.err


def test_the_files_lie_inside_the_package() -> None:
    assert sorted(path.name for path in Path(FOLDER).iterdir()) == ["forward-pass.bash", "forward-pass.zsh"]
