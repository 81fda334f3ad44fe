"""Places where nothing can be kept, disks that are full, streams that are closed, and a clock that goes backwards."""

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

from fixtures_faults import SCRIPT, faulted, kept, sound, straight, writes_of
from fixtures_play import ROOT, Done, begun_play, let_go, played, program, surroundings
from forward_pass.session.session import Rejected
from torture.ground import scratch
from torture.tally import Tally

WORLD = "first-light"
ASKED = (
    ("play", WORLD, "--plain"),
    ("play", WORLD, "--continue", "--json"),
    ("runs", WORLD),
    ("tree", WORLD),
    ("endings", WORLD),
)


def _folder(at: Path) -> Path:
    (at / WORLD).mkdir(parents=True)
    return at / WORLD


def _file(at: Path) -> None:
    at.parent.mkdir()
    at.write_text("")


def _link(at: Path, to: Path) -> None:
    at.symlink_to(to)


SPOILT: dict[str, Callable[[Path], object]] = {
    "missing": lambda _: None,
    "a file": lambda at: at.write_text("a file\n"),
    "a dangling link": lambda at: _link(at, at.parent / "nowhere"),
    "a link to itself": lambda at: _link(at, at),
    "a pipe": os.mkfifo,
    "a folder with a file for the world's": lambda at: _file(at / WORLD),
    "a folder with a folder for `.lock`": lambda at: (_folder(at) / ".lock").mkdir(),
    "a folder with a file for `.trash`": lambda at: (_folder(at) / ".trash").write_text(""),
    "a folder with a folder for a run": lambda at: (_folder(at) / "001-run.jsonl").mkdir(),
    "a folder with a pipe for a run": lambda at: os.mkfifo(_folder(at) / "001-run.jsonl"),
    "a folder with a dangling link for a run": lambda at: _link(_folder(at) / "001-run.jsonl", at / "nowhere"),
    "a folder with a folder for labels": lambda at: (_folder(at) / "labels.jsonl").mkdir(),
}


def folders() -> Iterator[Tally]:
    """Ask for everything with a saves folder that is none, or a strange one."""
    for name, make in SPOILT.items():
        tally = Tally(f"the saves folder is {name}", "nothing")
        for words in ASKED:
            top = scratch()
            make(top / "saves")
            done = program(*words, "--saves", top / "saves", typed="read-question\nread-again\n")
            tally.case(
                _heard(done), done.code, "" if done.code in (0, 1) and "Traceback" not in done.err else f"{words}: {done}"
            )
            shutil.rmtree(top)
        yield tally
    yield _read_only()


def _heard(done: Done) -> str:
    """Return what a person is told of something that could not be kept, in the play or beside it."""
    refused = "the choice could not be kept, so it was not taken"
    return done.err or (f"{refused}: …" if refused in " ".join(done.out.split()) else "")


def _mounts() -> bool:
    return (
        bool(shutil.which("unshare"))
        and not subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode
    )


def _in_mount(script: str, *arguments: str, typed: str) -> Done:
    """Carry out a script of the shell among mounts of its own; ``$1`` and so on are its arguments."""
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", script, "torture", *arguments],
        cwd=ROOT,
        env=surroundings(),
        input=typed,
        capture_output=True,
        encoding="utf8",
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def _read_only() -> Tally:
    tally = Tally("the saves folder is on a disk mounted read-only", "nothing")
    if not _mounts():
        tally.case("not tried: nothing can be mounted here", None)
        return tally
    for words in ASKED:
        top = scratch()
        path = played(top, "read-question")
        before = path.read_bytes()
        line = f'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec {sys.executable} -m forward_pass "${{@:2}}" --saves "$1"'
        done = _in_mount(line, str(top), *words, typed="read-question\nread-again\n")
        fine = done.code == 0 and "Traceback" not in done.err and path.read_bytes() == before
        tally.case(_heard(done), done.code, "" if fine else f"{words}: {done}")
        shutil.rmtree(top)
    return tally


def full_disk() -> Tally:
    """Play on a disk of so many pages, all of them full but a few."""
    tally = Tally("a file system that is full, with 0 to 11 pages left", "the choice that was refused")
    if not _mounts():
        tally.case("not tried: nothing can be mounted here", None)
        return tally
    script = (
        'mount -t tmpfs -o size=64k none "$1" && mkdir "$1/saves" && dd if=/dev/zero of="$1/fill" bs=4k count=$2 2>/dev/null;'
        f'{sys.executable} -m forward_pass play {WORLD} --plain --new --saves "$1/saves"; code=$?; cp -r "$1/saves" "$3"; exit $code'
    )
    for left in range(12):
        top = scratch()
        (top / "disk").mkdir()
        done = _in_mount(script, str(top / "disk"), f"{16 - left}", str(top / "out"), typed="\n".join((*SCRIPT * 6, "")))
        wrong = sound(top / "out") if done.code == 0 else f"{done}"
        refused = done.out.count("could not be kept")
        kept_turns = sum(content.count(b"\n") for content in kept(top / "out").values())
        said = "the choice could not be kept, so it was not taken: …: No space left on device" if refused else ""
        wrong = wrong or ("" if refused or kept_turns else "nothing refused and nothing kept")
        tally.case(said, done.code, wrong if not wrong else f"{left} pages: {wrong}")
        shutil.rmtree(top)
    return tally


@contextmanager
def _at_most(size: int) -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def full_file() -> Tally:
    """Play where no file can grow beyond so many bytes, for each number up to the length of a run."""
    tally = Tally("no file can grow beyond N bytes, each N up to a whole run", "the choice that was refused")
    moments = straight(scratch())
    longest = max(map(len, moments[-1].values()))
    for size in range(longest + 1):
        saves = scratch()
        play = begun_play(saves)
        wrong, said = "", ""
        with _at_most(size):
            for typed in SCRIPT[:6]:
                before = kept(saves)
                (event, *_) = play.answer(typed)
                if isinstance(event, Rejected):
                    said = said or event.message
                    wrong = wrong or ("" if kept(saves) == before else f"{size}: {typed} refused and kept")
        let_go(play)
        tally.case(said, None, wrong or sound(saves))
        shutil.rmtree(saves)
    return tally


def failing() -> Tally:
    """Let each write in turn fail, in each of six ways; the answer is refused and can be given again."""
    tally = Tally("each writing call fails once: ENOSPC, EIO, EROFS, EDQUOT, EACCES, EINTR", "nothing: refused, then taken")
    expected = straight(scratch())[-1]
    count = len(writes_of(scratch()))
    for number in (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT, errno.EACCES, errno.EINTR):

        def fail(number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        for at in range(1, count + 1):
            saves = scratch()
            try:
                refused = faulted(saves, at, fail)
            except AssertionError as error:
                tally.case("", None, f"{errno.errorcode[number]} at {at}: {error}")
                continue
            same = kept(saves) == expected
            said = "the choice could not be kept, so it was not taken: …" if refused else "nothing: done without"
            tally.case(said, None, "" if same else f"{errno.errorcode[number]} at {at}: {sorted(kept(saves))}")
            shutil.rmtree(saves)
    return tally


def closed_pipe() -> Tally:
    """Read some lines of a play and close the pipe."""
    tally = Tally("standard output closed after 0 to 39 lines", "nothing that was answered")
    for lines in range(40):
        saves = scratch()
        line = f'{sys.executable} -m forward_pass play {WORLD} --json --saves "$1" | head -n $2 >/dev/null; exit ${{PIPESTATUS[0]}}'
        done = subprocess.run(
            ["bash", "-c", line, "torture", str(saves), str(lines)],
            cwd=ROOT,
            env=surroundings(),
            input="\n".join(SCRIPT * 3) + "\n",
            capture_output=True,
            encoding="utf8",
            check=False,
        )
        fine = (done.returncode, done.stderr) == (0, "")
        tally.case(done.stderr, done.returncode, (sound(saves) if fine else f"{done.returncode} {done.stderr}"))
        shutil.rmtree(saves)
    return tally


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


def full_stream() -> Tally:
    """Print onto a full disk."""
    tally = Tally("a full disk under standard output, twelve commands", "nothing")
    saves = scratch()
    played(saves, "read-question", "to-slope")
    for words in map(str.split, STREAMS):
        more = [] if words[0] in ("--version", "--help", "check", "map", "settings") else ["--saves", str(saves)]
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "forward_pass", *words, *more],
                cwd=ROOT,
                env=surroundings(),
                stdin=subprocess.DEVNULL,
                stdout=full,
                stderr=subprocess.PIPE,
                encoding="utf8",
                check=False,
            )
        fine = done.returncode == 1 and "Traceback" not in done.stderr and "No space left" in done.stderr
        tally.case(done.stderr, done.returncode, "" if fine else f"{words}: {done.returncode} {done.stderr}")
    return tally


def clock() -> Tally:
    """Play each of some runs in turn, while the clock of the disk says that all were played far ahead."""
    tally = Tally("the clock gone backwards by a second to 80 years; each of five runs played last", "nothing")
    for ahead in (1, 3600, 86_400, 365 * 86_400, 80 * 365 * 86_400):
        for last in range(1, 6):
            saves = scratch()
            for _ in range(5):
                path = played(saves, "read-question")
                os.utime(path, (time.time() + ahead, time.time() + ahead))
            program("play", WORLD, "--load", f"{WORLD}/{last}", "--plain", "--saves", saves, typed="to-slope\n")
            done = program("play", WORLD, "--continue", "--plain", "--saves", saves)
            fine = done.code == 0 and f"--load {last} " in done.out
            tally.case(done.err, done.code, "" if fine else f"{ahead} {last}: {done.out[-80:]}")
            shutil.rmtree(saves)
    return tally
