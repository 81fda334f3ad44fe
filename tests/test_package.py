"""The release: sdist and wheel are built once; the wheel is installed into an empty environment and run there."""

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

from fixtures_play import ROOT, CommandResult
from forward_pass import __version__

CHOICES = ("feel-slope", "let-be", "nod-along")


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
    """Return a home directory outside the checkout, with an environment that has only the wheel and its dependencies."""
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder / "venv", with_pip=False)
    python = str(folder / "venv" / "bin" / "python")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    packages = next((folder / "venv" / "lib").glob("python*")) / "site-packages"
    for name in third_party_packages():  # linked, not installed: they are large, and the network is not under test
        for found in Path(sysconfig.get_path("purelib")).glob(f"{name}*"):
            if re.fullmatch(rf"{name}(\.py|\.libs)?", found.name):
                (packages / found.name).symlink_to(found)
    return folder


def third_party_packages() -> set[str]:
    """Return the packages that the game imports, and those that these import."""
    return imported_packages() | {"wcwidth", "pygments", "markdown_it", "mdurl", "_yaml"}


def imported_packages() -> set[str]:
    """Return the third-party packages that any module other than training imports, at any level."""
    found: set[str] = set()
    for path in (ROOT / "game").rglob("*.py"):
        if "training" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    found.add((node.module or "").split(".")[0])
    return found - set(sys.stdlib_module_names) - {"forward_pass"}


def import_names(requirements: list[str]) -> set[str]:
    """Return the import names of the packages in a list of requirements."""
    names = {re.split(r"[^\w.-]", field, maxsplit=1)[0].lower().replace("-", "_") for field in requirements}
    return {"yaml" if name == "pyyaml" else name for name in names}


def run_installed(home: Path, *arguments: str, typed: str = "") -> CommandResult:
    """Run the installed command outside the checkout."""
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
    return CommandResult(done.returncode, done.stdout, done.stderr)


def test_the_wheel_requires_exactly_what_the_game_imports(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        fields = Parser().parsestr(archive.read(metadata).decode())
    required = [field for field in fields.get_all("Requires-Dist", []) if "extra ==" not in field]
    for_training = [field for field in fields.get_all("Requires-Dist", []) if re.search(r"extra == .train.", field)]
    assert import_names(required) == imported_packages() - import_names(for_training)
    assert fields["Version"] == __version__


def test_the_wheel_contains_the_worlds_but_no_tests_or_runs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    worlds = {str(path.relative_to(ROOT / "worlds")) for path in (ROOT / "worlds").glob("*/*.yaml")}
    assert {f"forward_pass/worlds/{name}" for name in worlds} <= set(names)
    assert "forward_pass/py.typed" in names
    assert not [name for name in names if re.search(r"test|saves/|\.jsonl$|__pycache__", name)]


def test_the_sdist_contains_what_the_checks_need_but_no_runs_or_build_files(release: Path) -> None:
    (built,) = release.glob("*.tar.gz")
    with tarfile.open(built) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, encoding="utf8")  # noqa: S607
    expected = {name for name in tracked.stdout.split() if name.split("/")[0] in ("game", "worlds", "tests", "docs", "bench")}
    assert {name for name in expected if (ROOT / name).exists()} <= names
    assert {"LICENSE", "Makefile", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "pyproject.toml"} <= names
    assert not [name for name in names if re.search(r"^saves/|\.peers|__pycache__|\.venv|^dist/", name)]


def listed_licences() -> dict[str, str]:
    """Return the packages that docs/licences.md lists, each with its licence."""
    page = (ROOT / "docs" / "licences.md").read_text(encoding="utf8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return {name: licence for name, licence, *_ in rows if name != "package"}


def required_packages() -> set[str]:
    """Return the names of the packages that the game requires at run time, directly or indirectly."""
    pending, found = [field for field in requires("forward-pass") or [] if "extra ==" not in field], set[str]()
    while pending:
        name = re.split(r"[^\w.-]", pending.pop(), maxsplit=1)[0].lower().replace("_", "-")
        if name not in found:
            found.add(name)
            pending += [field for field in requires(name) or [] if "extra ==" not in field]
    return found


def test_the_page_of_licences_lists_exactly_the_packages_required_at_run_time() -> None:
    assert set(listed_licences()) == required_packages()


@pytest.mark.parametrize("name", sorted(listed_licences()))
def test_a_licence_on_the_page_is_the_one_in_the_package_metadata(name: str) -> None:
    fields = metadata(name)
    licences = [one for kind in ("License-Expression", "License", "Classifier") for one in fields.get_all(kind) or []]
    family = listed_licences()[name].split(",")[0].split("-")[0]
    assert any(re.search(rf"\b{family}\b", one) for one in licences if not one.startswith("Programming"))


def test_every_function_of_the_game_is_typed() -> None:
    assert (ROOT / "game" / "forward_pass" / "py.typed").is_file()
    untyped = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in sorted((ROOT / "game").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8")))
        if isinstance(node, ast.FunctionDef) and node.returns is None
    ]
    assert untyped == []


def test_installed_elsewhere_it_plays_and_stores_runs_in_the_user_data_folder(home: Path) -> None:
    assert run_installed(home, "--version") == CommandResult(0, f"forward-pass {__version__}\n", "")
    done = run_installed(home, "play", "first-light", "--plain", typed="".join(f"{choice}\n" for choice in CHOICES))
    assert (done.code, done.err) == (0, "")
    assert "Ending: The Usual Order." in done.out
    program = home / "venv" / "bin" / "forward-pass"
    assert done.out.endswith(f"Kept as first-light/1. To go on:\n{program} play first-light --load 1\n"), (
        "the command is not on the path"
    )
    (run_file,) = (home / "data" / "forward-pass" / "saves" / "first-light").glob("*.jsonl")
    assert len(run_file.read_text(encoding="utf8").splitlines()) == 4
    assert run_installed(home, "replay", "first-light/1").out.splitlines()[-1] == "3 of 3 turns identical"
    assert run_installed(home, "check").out.splitlines()[-1] == "PASSED"
    assert run_installed(home, "play", "--plain", typed="1\n").code == 0
