"""Files that are not as they were written: a run cut at every byte, every bit flipped; weights, cache and worlds spoilt."""

from __future__ import annotations

import hashlib
import re
import shutil
from contextlib import suppress

from fixtures_faults import flips, taken_up, whole
from fixtures_play import command, home
from forward_pass.errors import ForwardPassError
from forward_pass.loading.paths import worlds_folder
from forward_pass.network.weights import WeightsError, parse_weights
from forward_pass.session.session import Rejected, Session
from forward_pass.storage.journal import read_journal
from torture.ground import Ground, kept, other_choice, scratch
from torture.tally import Tally

COMMANDS = (
    ("runs", "{world}"),
    ("tree", "{world}", "--prove"),
    ("endings", "{world}"),
    ("replay", "{path}"),
    ("export", "{path}"),
    ("diff", "{path}", "{other}"),
    ("import", "{path}"),
    ("play", "--load", "{path}", "--plain"),
    ("play", "{world}", "--continue", "--json"),
)
SAMPLED = 211  # one bit in so many is tried with every command
CODES = (0, 1, 2)


def cuts(ground: Ground) -> Tally:
    """Cut a run's file at every byte; take it up, choose on, and read it again."""
    tally = Tally(f"a run's file cut at each byte, {ground.name}", "what was cut off")
    saves = scratch()
    path = ground.sibling(saves)
    content, was = path.read_bytes(), read_journal(path)
    others = {name for name in kept(saves, ground.name) if name != path.name}
    for cut in range(len(content)):
        path.write_bytes(content[:cut])
        said, broken = "", ""
        keeper = ground.keeper(saves)
        try:
            run, notes = keeper.resume(path)
        except ForwardPassError as error:
            said = str(error)
            broken = "" if path.read_bytes() == content[:cut] and cut < content.index(b"\n") else f"{cut}: {error}"
        else:
            said = " ".join(notes) or "nothing: whole lines are left"
            play = Session(ground.world, ground.measure, keeper, run)
            if run.turns != whole(path, ground.world, ground.measure).run.turns or len(run.turns) > len(was.turns):
                broken = f"{cut}: another run"
            before = path.read_bytes()
            events = play.choose(other_choice(play))
            broken = broken or ("" if not isinstance(events[0], Rejected) else f"{cut}: {events[0]}")
            keeper.close()
            appended = path.read_bytes() != before
            broken = broken or ground.unsound(saves, None if appended else path)
        tally.case(said, None, broken)
        for made in path.parent.glob("*.jsonl"):
            if made.name not in others and made != path:
                made.unlink()
    shutil.rmtree(saves)
    return tally


def flipped(ground: Ground) -> Tally:
    """Flip each bit of a run's file and take it up."""
    tally = Tally(f"each bit of a run's file flipped, taken up, {ground.name}", "nothing; the file stays as it is")
    saves = scratch()
    path = ground.sibling(saves)
    was = whole(path, ground.world, ground.measure)
    keeper = ground.keeper(saves)
    for bit, content in enumerate(flips(was.content)):
        path.write_bytes(content)
        said, broken = "", ""
        try:
            said = taken_up(was, keeper)
        except Exception as error:  # noqa: BLE001 - whatever is raised is what is looked for
            broken = f"bit {bit} ({was.content[bit // 8 :][:12]!r}): {type(error).__name__} {error}"
        if path.read_bytes() != content:
            broken = broken or f"bit {bit}: the file was written to"
        tally.case(said, None, broken)
    shutil.rmtree(saves)
    return tally


def told(ground: Ground) -> Tally:
    """Flip some bits of a run's file and ask every command that reads it."""
    tally = Tally(f"some bits of a run's file flipped, nine commands, {ground.name}", "nothing; the file stays as it is")
    saves = scratch()
    path = ground.sibling(saves)
    other = next(file for file in sorted(path.parent.glob("*.jsonl")) if file != path)
    content = path.read_bytes()
    for bit, damaged in enumerate(flips(content, every=SAMPLED)):
        for words in COMMANDS:
            path.write_bytes(damaged)
            arguments = [word.format(world=ground.name, path=path, other=other) for word in words]
            before = {file.name for file in path.parent.iterdir()}
            try:
                done = command(*arguments, "--saves", saves)
            except Exception as error:  # noqa: BLE001 - as above
                tally.case("", None, f"bit {bit * SAMPLED}, {words[0]}: {type(error).__name__} {error}")
                continue
            fine = done.code in CODES and "Traceback" not in done.err and path.read_bytes() == damaged
            tally.case(
                re.sub(r":\d+:\d+: .*", ": …", done.err), done.code, "" if fine else f"bit {bit * SAMPLED}, {words}: {done}"
            )
            for made in path.parent.iterdir():
                if made.name not in before:
                    made.unlink()
    shutil.rmtree(saves)
    return tally


def weights() -> Tally:
    """Cut the weights and flip bits of them: no such file is read."""
    tally = Tally("weights cut at 1,500 places and 1,500 bits of them flipped", "nothing")
    content = (worlds_folder() / "forward-pass" / "weights.fpw").read_bytes()
    spoilt = [content[:cut] for cut in (*range(500), *range(500, len(content), len(content) // 1000))]
    for at in range(0, len(content), len(content) // 1500):
        changed = bytearray(content)
        changed[at] ^= 1 << at % 8
        spoilt.append(bytes(changed))
    for data in spoilt:
        try:
            parse_weights(data)
        except WeightsError as error:
            tally.case(str(error), None)
        except Exception as error:  # noqa: BLE001 - as above
            tally.case("", None, f"{type(error).__name__} {error}")
        else:
            tally.case("", None, "read")
    return tally


def _other(content: bytes) -> bytes:
    """Return weights that are as good, and not the same."""
    changed = bytearray(content[:-32])
    changed[-5000] ^= 4
    return bytes(changed) + hashlib.sha256(bytes(changed)).digest()


def swapped() -> Tally:
    """Play, go on with and replay a run of the flagship whose weights are missing, cut, spoilt or others."""
    tally = Tally("weights missing, empty, cut, spoilt, others, under a run that is kept", "nothing")
    top = scratch()
    world = shutil.copytree(
        worlds_folder() / "forward-pass",
        top / "forward-pass",
        ignore=shutil.ignore_patterns("corpus", "*.md", "decodings.json"),
    )
    file = world / "weights.fpw"
    good = file.read_bytes()
    command("play", world, "--plain", "--saves", top / "saves", typed="speak-at-once\nend-after-all\n")
    run = top / "saves" / "forward-pass" / "001-run.jsonl"
    before = run.read_bytes()
    for name, content in {
        "missing": None,
        "empty": b"",
        "cut": good[:-1],
        "spoilt": good[:-40],
        "others": _other(good),
    }.items():
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content)
        for words in (("--load", "1"), ("--continue",), ("--new",)):
            done = command("play", world, *words, "--plain", "--saves", top / "saves")
            fine = done.code == (0 if name == "others" else 1) and "Traceback" not in done.err and run.read_bytes() == before
            silent = name != "new" and not done.err and words != ("--new",)
            tally.case(done.err, done.code, "" if fine and not silent else f"{name} {words}: {done.code} {done.err}")
    shutil.rmtree(top)
    return tally


def cache() -> Tally:
    """Flip bits of the cache of worlds, and cut it: play says what it said before."""
    tally = Tally("the cache of read worlds cut, and bits of it flipped", "nothing")
    words = ("play", "first-light", "--plain", "--saves", scratch())
    first = command(*words).out
    for file in (home() / "cache").rglob("*.json"):
        good = file.read_bytes()
        if b'"first-light"' not in good[:200]:
            continue
        spoilt = [good[:cut] for cut in range(0, len(good), 173)] + list(flips(good, every=1297))
        for content in spoilt:
            file.write_bytes(content)
            done = command(*words)
            tally.case(done.err, done.code, "" if (done.code, done.out) == (0, first) else f"{done}")
    return tally


EDITS = {
    "a text": ("The floor tipped", "The floor leaned"),
    "a choice's id": ("read-again:", "read-twice:"),
    "a cost": ("cost: 1", "cost: 2"),
    "a scene's id": ("question", "enquiry"),
    "no YAML": ("scenes:", "scenes: ["),
    "the start": ("start: ", "start: not-"),
}


def edited() -> Tally:
    """Edit a world under a run that is kept, and go on with it."""
    tally = Tally("a world edited, broken or gone under a run that is kept", "nothing; the file stays as it is")
    for old, new in (*EDITS.values(), ("", "")):
        top = scratch()
        world = shutil.copytree(worlds_folder() / "first-light", top / "first-light")
        command("play", world, "--plain", "--saves", top, typed="read-question\nread-again\nto-slope\n")
        top_run = next(top.rglob("*.jsonl"))
        before = top_run.read_bytes()
        for file in world.rglob("*.yaml"):
            file.write_text(file.read_text().replace(old, new) if old else file.read_text())
        if not old:
            for file in world.rglob("*.yaml"):
                file.unlink()
        done = command("play", world, "--load", top_run, "--plain", "--saves", top, typed="1\n")
        fine = done.code in (0, 1) and done.err and "Traceback" not in done.err and top_run.read_bytes() == before
        tally.case(done.err, done.code, "" if fine else f"{old}: {done}")
        with suppress(OSError):
            shutil.rmtree(top)
    return tally
