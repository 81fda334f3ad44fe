"""Build the release and try it: dist/ gets the wheel and the sdist, each is installed into an empty environment and played.

Run with the environment that has ``build``; other Pythons are tried where they are found: release.py [PYTHON…]. ``make
release``; about a minute a Python, and the network is needed for what the game needs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
OTHERS = ("python3.11", "python3.12", "python3.13", "python3.14")
PLAYED = "feel-slope\nlet-be\nnod-along\n"
DONE = "Ending: The Usual Order."


def built() -> list[Path]:
    """Build the sdist, and the wheel from the sdist; return both."""
    shutil.rmtree(DIST, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "build", "--outdir", DIST, ROOT], check=True, stdout=subprocess.DEVNULL)
    return sorted(DIST.iterdir())


def pythons(asked: list[str]) -> Iterator[str]:
    """Yield the interpreters that are asked for, or one of each version that the game is for, on the path or in pyenv."""
    for name in asked or OTHERS:
        places = [Path(shutil.which(name) or name), *sorted((Path.home() / ".pyenv" / "versions").glob(f"*/bin/{name}"))]
        found = next((str(place) for place in places if place.is_file() and runs(place)), "")
        if found:
            yield found
        else:
            print(f"{name}: not to be had here")


def runs(python: Path) -> bool:
    """Return whether an interpreter runs: what pyenv puts on the path may stand for one that is not chosen."""
    return not subprocess.run([python, "--version"], capture_output=True, check=False).returncode


def told(home: Path, command: str, *arguments: str, typed: str = "") -> str:
    """Return what the installed command prints, in a home of its own that is no checkout; a failure ends the release."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_DATA_HOME": str(home / "data")}
    done = subprocess.run(
        [home / "venv" / "bin" / command, *arguments],
        cwd=home,
        env=environment,
        input=typed,
        capture_output=True,
        encoding="utf8",
        check=False,
    )
    if done.returncode:
        sys.exit(f"{command} {' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def tried(python: str, package: Path) -> str:
    """Install a package into an empty environment of a Python and use it; return what was seen."""
    home = Path(tempfile.mkdtemp())
    try:
        if Path(python).resolve() == Path(sys.executable).resolve():
            venv.create(home / "venv", with_pip=True)
        else:
            subprocess.run([python, "-m", "venv", home / "venv"], check=True)
        told(home, "pip", "install", "--quiet", "--disable-pip-version-check", str(package))
        version = told(home, "python", "--version").strip()
        said = told(home, "forward-pass", "--version").strip()
        played = told(home, "forward-pass", "play", "first-light", "--plain", typed=PLAYED)
        if DONE not in played:
            sys.exit(f"{version}, {package.name}: the game did not end as it should:\n{played}")
        proof = told(home, "forward-pass", "replay", "first-light/1").splitlines()[-1]
        check = told(home, "forward-pass", "check", "first-light").splitlines()[-1]
        model = told(home, "forward-pass", "play", "--json", typed='{"quit":true}\n')[:16]
        return f"{version}, {package.name}: {said}; {proof}; check {check}; the flagship begins with {model}…"
    finally:
        shutil.rmtree(home)


def main() -> None:
    """Build, try, and say what was seen."""
    packages = built()
    for package in packages:
        print(f"{package.relative_to(ROOT)}: {package.stat().st_size / 1e6:.1f} MB")
    for python in pythons(sys.argv[1:]):
        for package in packages:
            print(tried(python, package), flush=True)


if __name__ == "__main__":
    main()
