"""The shell completions match the parser and work in a real shell."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import shtab

from building import ROOT
from fixtures_play import command
from forward_pass.cli import build_parser
from forward_pass.commands.complete import SHELLS

COMPLETIONS = ROOT / "game" / "forward_pass" / "completions"


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shipped_completions_match_the_parser(shell: str) -> None:
    generated = shtab.complete(build_parser(), shell=shell)
    shipped = (COMPLETIONS / f"forward-pass.{shell}").read_text(encoding="utf8")
    assert shipped.split() == generated.split(), "make completions"
    assert command("complete", shell).out == shipped


def completions_of(*words: str) -> list[str]:
    """Return the completions that bash offers for the last of some words."""
    typed = " ".join(f"'{word}'" for word in words)
    script = f"""
source '{COMPLETIONS}/forward-pass.bash'
COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}
$(complete -p forward-pass | sed 's/.*-F \\([^ ]*\\).*/\\1/') forward-pass
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    return subprocess.run(["bash", "-c", script], capture_output=True, encoding="utf8", check=True).stdout.split()  # noqa: S607


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_completes_commands_options_and_choices() -> None:
    assert completions_of("forward-pass", "pla") == ["play"]
    assert completions_of("forward-pass", "play", "--no-m") == ["--no-motion"]
    assert set(completions_of("forward-pass", "export", "--format", "")) == {"txt", "md", "html", "svg", "cast"}


def test_another_shell_is_wrong_usage() -> None:
    done = command("complete", "fish")
    assert done.code == 2
    assert "invalid choice: 'fish'" in done.err


def test_the_files_lie_inside_the_package() -> None:
    assert sorted(path.name for path in Path(COMPLETIONS).iterdir()) == ["forward-pass.bash", "forward-pass.zsh"]
