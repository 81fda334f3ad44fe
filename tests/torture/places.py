"""Unusable saves folders, full disks, closed streams, and a clock that is set back."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from building import ROOT
from fixtures_faults import SCRIPT, expected_contents, find_damage, play_with_fault, run_contents, write_calls
from fixtures_play import CommandResult, clean_environment, close_session, new_session, program, write_run
from forward_pass.session.events import Rejected
from forward_pass.session.input import answer
from torture.ground import new_folder
from torture.tally import FaultReport

WORLD = "first-light"
COMMANDS = (
    ("play", WORLD, "--plain"),
    ("play", WORLD, "--continue", "--json"),
    ("runs", WORLD),
    ("tree", WORLD),
    ("endings", WORLD),
)


def _make_folder(at: Path) -> Path:
    (at / WORLD).mkdir(parents=True)
    return at / WORLD


def _make_file(at: Path) -> None:
    at.parent.mkdir()
    at.write_text("")


def _make_link(at: Path, to: Path) -> None:
    at.symlink_to(to)


SAVES_FOLDERS: dict[str, Callable[[Path], object]] = {
    "missing": lambda _: None,
    "a file": lambda at: at.write_text("a file\n"),
    "a dangling link": lambda at: _make_link(at, at.parent / "nowhere"),
    "a link to itself": lambda at: _make_link(at, at),
    "a pipe": os.mkfifo,
    "a folder with a file for the world's": lambda at: _make_file(at / WORLD),
    "a folder with a folder for `.lock`": lambda at: (_make_folder(at) / ".lock").mkdir(),
    "a folder with a file for `.trash`": lambda at: (_make_folder(at) / ".trash").write_text(""),
    "a folder with a folder for a run": lambda at: (_make_folder(at) / "001-run.jsonl").mkdir(),
    "a folder with a pipe for a run": lambda at: os.mkfifo(_make_folder(at) / "001-run.jsonl"),
    "a folder with a dangling link for a run": lambda at: _make_link(_make_folder(at) / "001-run.jsonl", at / "nowhere"),
    "a folder with a folder for labels": lambda at: (_make_folder(at) / "labels.jsonl").mkdir(),
}


def unusable_folders() -> Iterator[FaultReport]:
    """Run every command with a saves folder that is unusable or unusual."""
    for name, make in SAVES_FOLDERS.items():
        report = FaultReport(f"the saves folder is {name}", "nothing")
        for words in COMMANDS:
            top = new_folder()
            make(top / "saves")
            result = program(*words, "--saves", top / "saves", typed="read-question\nread-again\n")
            report.case(
                _storage_message(result),
                result.code,
                "" if result.code in (0, 1) and "Traceback" not in result.err else f"{words}: {result}",
            )
            shutil.rmtree(top)
        yield report
    yield _read_only_disk()


def _storage_message(result: CommandResult) -> str:
    """Return the message that a run could not be saved, from standard error or from play."""
    rejected = "the choice could not be saved, so it was not taken"
    return result.err or (f"{rejected}: …" if rejected in " ".join(result.out.split()) else "")


def _can_mount() -> bool:
    return (
        bool(shutil.which("unshare"))
        and not subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode
    )


def _run_mounted(script: str, *arguments: str, typed: str) -> CommandResult:
    """Run a shell script in its own mount namespace; ``$1`` and so on are its arguments."""
    result = subprocess.run(
        ["unshare", "-m", "bash", "-c", script, "torture", *arguments],
        cwd=ROOT,
        env=clean_environment(),
        input=typed,
        capture_output=True,
        encoding="utf8",
        check=False,
    )
    return CommandResult(result.returncode, result.stdout, result.stderr)


def _read_only_disk() -> FaultReport:
    report = FaultReport("the saves folder is on a disk mounted read-only", "nothing")
    if not _can_mount():
        report.case("not tested: mounting is not possible here", None)
        return report
    for words in COMMANDS:
        top = new_folder()
        path = write_run(top, "read-question")
        before = path.read_bytes()
        script = (
            'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && '
            f'exec {sys.executable} -m forward_pass "${{@:2}}" --saves "$1"'
        )
        result = _run_mounted(script, str(top), *words, typed="read-question\nread-again\n")
        ok = result.code == 0 and "Traceback" not in result.err and path.read_bytes() == before
        report.case(_storage_message(result), result.code, "" if ok else f"{words}: {result}")
        shutil.rmtree(top)
    return report


def full_disk() -> FaultReport:
    """Play on a small disk with a few free pages."""
    report = FaultReport("a full file system, with 0 to 11 free pages", "the choice that was refused")
    if not _can_mount():
        report.case("not tested: mounting is not possible here", None)
        return report
    script = (
        'mount -t tmpfs -o size=64k none "$1" && mkdir "$1/saves" && dd if=/dev/zero of="$1/fill" bs=4k count=$2 2>/dev/null;'
        f'{sys.executable} -m forward_pass play {WORLD} --plain --new --saves "$1/saves"; code=$?; '
        'cp -r "$1/saves" "$3"; exit $code'
    )
    for free in range(12):
        top = new_folder()
        (top / "disk").mkdir()
        result = _run_mounted(script, str(top / "disk"), f"{16 - free}", str(top / "out"), typed="\n".join((*SCRIPT * 6, "")))
        failure = find_damage(top / "out") if result.code == 0 else f"{result}"
        rejected = result.out.count("could not be saved")
        stored_lines = sum(content.count(b"\n") for content in run_contents(top / "out").values())
        message = "the choice could not be saved, so it was not taken: …: No space left on device" if rejected else ""
        failure = failure or ("" if rejected or stored_lines else "nothing rejected and nothing stored")
        report.case(message, result.code, failure and f"{free} pages: {failure}")
        shutil.rmtree(top)
    return report


@contextmanager
def _limit_file_size(size: int) -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def full_file() -> FaultReport:
    """Play with a file size limit, for each limit up to the size of a run file."""
    report = FaultReport("files limited to N bytes, for each N up to the size of a run", "the choice that was refused")
    contents = expected_contents(new_folder())
    longest = max(map(len, contents[-1].values()))
    for size in range(longest + 1):
        saves = new_folder()
        session = new_session(saves)
        failure, message = "", ""
        with _limit_file_size(size):
            for typed in SCRIPT[:6]:
                before = run_contents(saves)
                (event, *_) = answer(session, typed)
                if isinstance(event, Rejected):
                    message = message or event.message
                    failure = failure or ("" if run_contents(saves) == before else f"{size}: {typed} rejected and stored")
        close_session(session)
        report.case(message, None, failure or find_damage(saves))
        shutil.rmtree(saves)
    return report


def failing_writes() -> FaultReport:
    """Make each write call fail with each of six errors: the line is rejected and can be repeated."""
    report = FaultReport("each write fails once: ENOSPC, EIO, EROFS, EDQUOT, EACCES, EINTR", "nothing: refused, then taken")
    expected = expected_contents(new_folder())[-1]
    count = len(write_calls(new_folder()))
    for number in (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT, errno.EACCES, errno.EINTR):

        def fail(number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        for at in range(1, count + 1):
            saves = new_folder()
            try:
                rejected = play_with_fault(saves, at, fail)
            except AssertionError as error:
                report.case("", None, f"{errno.errorcode[number]} at {at}: {error}")
                continue
            same = run_contents(saves) == expected
            message = (
                "the choice could not be saved, so it was not taken: …" if rejected else "nothing: the write was not needed"
            )
            report.case(message, None, "" if same else f"{errno.errorcode[number]} at {at}: {sorted(run_contents(saves))}")
            shutil.rmtree(saves)
    return report


def closed_pipe() -> FaultReport:
    """Read some lines of the output of play and close the pipe."""
    report = FaultReport("standard output closed after 0 to 39 lines", "nothing that was answered")
    for lines in range(40):
        saves = new_folder()
        line = (
            f'{sys.executable} -m forward_pass play {WORLD} --json --saves "$1" | head -n $2 >/dev/null; '
            "exit ${PIPESTATUS[0]}"
        )
        result = subprocess.run(
            ["bash", "-c", line, "torture", str(saves), str(lines)],
            cwd=ROOT,
            env=clean_environment(),
            input="\n".join(SCRIPT * 3) + "\n",
            capture_output=True,
            encoding="utf8",
            check=False,
        )
        ok = (result.returncode, result.stderr) == (0, "")
        report.case(result.stderr, result.returncode, (find_damage(saves) if ok else f"{result.returncode} {result.stderr}"))
        shutil.rmtree(saves)
    return report


STREAMS = (
    "--version",
    "--help",
    f"play {WORLD} --json",
    f"play {WORLD} --plain",
    f"runs {WORLD}",
    f"endings {WORLD}",
    f"check {WORLD}",
    f"map {WORLD}",
    f"tree {WORLD}",
    "settings",
    f"replay {WORLD}/1",
    f"export {WORLD}/1",
)


def full_stream() -> FaultReport:
    """Print to a full device."""
    report = FaultReport("standard output on a full disk, twelve commands", "nothing")
    saves = new_folder()
    write_run(saves, "read-question", "to-slope")
    for words in map(str.split, STREAMS):
        more = [] if words[0] in ("--version", "--help", "check", "map", "settings") else ["--saves", str(saves)]
        with Path("/dev/full").open("w") as device:
            result = subprocess.run(
                [sys.executable, "-m", "forward_pass", *words, *more],
                cwd=ROOT,
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=device,
                stderr=subprocess.PIPE,
                encoding="utf8",
                check=False,
            )
        ok = result.returncode == 1 and "Traceback" not in result.stderr and "No space left" in result.stderr
        report.case(result.stderr, result.returncode, "" if ok else f"{words}: {result.returncode} {result.stderr}")
    return report


def clock_set_back() -> FaultReport:
    """Play one of five runs whose modification times lie in the future: `--continue` must take that one."""
    report = FaultReport("the clock set back by a second to 80 years; each of five runs played last", "nothing")
    for ahead in (1, 3600, 86_400, 365 * 86_400, 80 * 365 * 86_400):
        for last in range(1, 6):
            saves = new_folder()
            for _ in range(5):
                path = write_run(saves, "read-question")
                os.utime(path, (time.time() + ahead, time.time() + ahead))
            program("play", WORLD, "--load", f"{WORLD}/{last}", "--plain", "--saves", saves, typed="to-slope\n")
            result = program("play", WORLD, "--continue", "--plain", "--saves", saves)
            ok = result.code == 0 and f"--load {last} " in result.out
            report.case(result.err, result.code, "" if ok else f"{ahead} {last}: {result.out[-80:]}")
            shutil.rmtree(saves)
    return report
