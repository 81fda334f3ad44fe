"""The release: sdist and wheel built once, the wheel installed into an empty environment elsewhere and played there."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from email.parser import Parser
from importlib.metadata import metadata, requires
from pathlib import Path

import pytest

from fixtures_play import ROOT, Done
from forward_pass import __version__

SAY = ("feel-slope", "let-be", "nod-along")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the sdist, built from this checkout, and the wheel, built from the sdist."""
    folder = tmp_path_factory.mktemp("release")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(release: Path) -> Path:
    """Return the wheel."""
    (built,) = release.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def home(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home elsewhere, with an environment in it that has the wheel and what the wheel asks for, and nothing else."""
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder / "venv", with_pip=False)
    python = str(folder / "venv" / "bin" / "python")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    packages = next((folder / "venv" / "lib").glob("python*")) / "site-packages"
    for name in third_parties():  # linked, not installed: they are large, and the network is not under test
        for found in Path(sysconfig.get_path("purelib")).glob(f"{name}*"):
            if re.fullmatch(rf"{name}(\.py|\.libs)?", found.name):
                (packages / found.name).symlink_to(found)
    return folder


def third_parties() -> set[str]:
    """Return the packages that the game imports, and those that they import in turn."""
    return imported() | {"wcwidth", "pygments", "markdown_it", "mdurl", "_yaml"}


def imported() -> set[str]:
    """Return the third parties that any module of the game imports at play time, wherever in it."""
    found: set[str] = set()
    for path in (ROOT / "game").rglob("*.py"):
        if "training" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    found.add((node.module or "").split(".")[0])
    return found - set(sys.stdlib_module_names) - {"forward_pass"}


def packages(asked: list[str]) -> set[str]:
    """Return the packages, as they are imported, that requirements ask for."""
    names = {re.split(r"[^\w.-]", field, maxsplit=1)[0].lower().replace("-", "_") for field in asked}
    return {"yaml" if name == "pyyaml" else name for name in names}


def played(home: Path, *arguments: str, typed: str = "") -> Done:
    """Return what the installed command does, somewhere that is no checkout."""
    environment = {"PATH": os.defpath, "HOME": str(home), "XDG_DATA_HOME": str(home / "data"), "COLUMNS": "73"}
    done = subprocess.run(
        [str(home / "venv" / "bin" / "forward-pass"), *arguments],
        cwd=home,
        env=environment,
        input=typed,
        capture_output=True,
        encoding="utf8",
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def test_the_wheel_asks_for_what_the_game_imports_and_for_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        fields = Parser().parsestr(archive.read(metadata).decode())
    asked = [field for field in fields.get_all("Requires-Dist", []) if "extra ==" not in field]
    to_train = [field for field in fields.get_all("Requires-Dist", []) if re.search(r"extra == .train.", field)]
    assert packages(asked) == imported() - packages(to_train)
    assert fields["Version"] == __version__


def test_the_wheel_carries_the_worlds_and_no_test_and_no_run(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    worlds = {str(path.relative_to(ROOT / "worlds")) for path in (ROOT / "worlds").glob("*/*.yaml")}
    assert {f"forward_pass/worlds/{name}" for name in worlds} <= set(names)
    assert "forward_pass/py.typed" in names
    assert not [name for name in names if re.search(r"test|saves/|\.jsonl$|__pycache__", name)]


def test_the_sdist_carries_what_the_checks_need_and_no_run_and_no_peer(release: Path) -> None:
    (built,) = release.glob("*.tar.gz")
    with tarfile.open(built) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, encoding="utf8")  # noqa: S607
    wanted = {name for name in kept.stdout.split() if name.split("/")[0] in ("game", "worlds", "tests", "docs", "bench")}
    assert {name for name in wanted if (ROOT / name).exists()} <= names
    assert {"LICENSE", "Makefile", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "pyproject.toml"} <= names
    assert not [name for name in names if re.search(r"^saves/|\.peers|__pycache__|\.venv|^dist/", name)]


def licences() -> dict[str, str]:
    """Return the packages that the page of licences lists, each with its licence."""
    page = (ROOT / "docs" / "licences.md").read_text(encoding="utf8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return {name: licence for name, licence, *_ in rows if name != "package"}


def needed() -> set[str]:
    """Return what the game needs at play time, and what that needs in turn, by the names that the metadata have."""
    waiting, found = [field for field in requires("forward-pass") or [] if "extra ==" not in field], set[str]()
    while waiting:
        name = re.split(r"[^\w.-]", waiting.pop(), maxsplit=1)[0].lower().replace("_", "-")
        if name not in found:
            found.add(name)
            waiting += [field for field in requires(name) or [] if "extra ==" not in field]
    return found


def test_the_page_of_licences_lists_what_the_game_needs_to_run_and_nothing_else() -> None:
    assert set(licences()) == needed()


@pytest.mark.parametrize("name", sorted(licences()))
def test_a_licence_on_the_page_is_the_one_that_the_package_says_it_has(name: str) -> None:
    fields = metadata(name)
    said = [one for kind in ("License-Expression", "License", "Classifier") for one in fields.get_all(kind) or []]
    family = licences()[name].split(",")[0].split("-")[0]
    assert any(re.search(rf"\b{family}\b", one) for one in said if not one.startswith("Programming"))


def test_every_name_of_the_game_is_typed() -> None:
    assert (ROOT / "game" / "forward_pass" / "py.typed").is_file()
    untyped = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in sorted((ROOT / "game").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8")))
        if isinstance(node, ast.FunctionDef) and node.returns is None
    ]
    assert untyped == []


def test_installed_elsewhere_it_plays_and_keeps_its_runs_in_the_users_data(home: Path) -> None:
    assert played(home, "--version") == Done(0, f"forward-pass {__version__}\n", "")
    done = played(home, "play", "first-light", "--plain", typed="".join(f"{choice}\n" for choice in SAY))
    assert (done.code, done.err) == (0, "")
    assert "Ending: The Usual Order." in done.out
    again = home / "venv" / "bin" / "forward-pass"
    assert done.out.endswith(f"Kept as first-light/1. To go on:\n{again} play first-light --load 1\n"), "no shell finds it"
    (kept,) = (home / "data" / "forward-pass" / "saves" / "first-light").glob("*.jsonl")
    assert len(kept.read_text(encoding="utf8").splitlines()) == 4
    assert played(home, "replay", "first-light/1").out.splitlines()[-1] == "3 of 3 turns identical"
    assert played(home, "check").out.splitlines()[-1] == "PASSED"
    assert played(home, "play", "--plain", typed="1\n").code == 0
