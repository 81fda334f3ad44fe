"""Damaged files: a run file truncated at each byte, each bit flipped; damaged weights, cache and worlds."""

from __future__ import annotations

import hashlib
import re
import shutil
from contextlib import suppress

from fixtures_faults import bit_flips, read_intact_run, resume_damaged
from fixtures_play import command, home
from forward_pass.errors import ForwardPassError
from forward_pass.loading.paths import worlds_folder
from forward_pass.network.weights import WeightsError, parse_weights
from forward_pass.session.events import Rejected
from forward_pass.session.session import Session
from forward_pass.storage.journal import read_journal
from torture.ground import Target, new_folder, other_choice, run_contents
from torture.tally import FaultReport

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
SAMPLING = 211  # every n-th bit is flipped for every command
CODES = (0, 1, 2)


def truncations(target: Target) -> FaultReport:
    """Truncate a run file at each byte, resume it, make a choice, and read it again."""
    report = FaultReport(f"a run file truncated at each byte, {target.name}", "what was cut off")
    saves = new_folder()
    path = target.write_sibling(saves)
    content, intact = path.read_bytes(), read_journal(path)
    others = {name for name in run_contents(saves, target.name) if name != path.name}
    for cut in range(len(content)):
        path.write_bytes(content[:cut])
        message, failure = "", ""
        store = target.make_store(saves)
        try:
            stored = store.resume(path)
        except ForwardPassError as error:
            message = str(error)
            failure = "" if path.read_bytes() == content[:cut] and cut < content.index(b"\n") else f"{cut}: {error}"
        else:
            message = " ".join(stored.notes) or "nothing: only whole lines remain"
            session = Session(store, stored)
            readable = read_intact_run(path, target.world, target.inspector).run.turns
            if stored.run.turns != readable or len(readable) > len(intact.turns):
                failure = f"{cut}: another run"
            before = path.read_bytes()
            events = session.choose(other_choice(session))
            failure = failure or ("" if not isinstance(events[0], Rejected) else f"{cut}: {events[0]}")
            session.recorder.close()
            appended = path.read_bytes() != before
            failure = failure or target.find_damage(saves, None if appended else path)
        report.case(message, None, failure)
        for created in path.parent.glob("*.jsonl"):
            if created.name not in others and created != path:
                created.unlink()
    shutil.rmtree(saves)
    return report


def bit_flips_resumed(target: Target) -> FaultReport:
    """Flip each bit of a run file and resume it."""
    report = FaultReport(f"each bit of a run file flipped, the run resumed, {target.name}", "nothing; the file is not changed")
    saves = new_folder()
    path = target.write_sibling(saves)
    intact = read_intact_run(path, target.world, target.inspector)
    store = target.make_store(saves)
    for bit, content in enumerate(bit_flips(intact.content)):
        path.write_bytes(content)
        message, failure = "", ""
        try:
            message = resume_damaged(intact, store)
        except Exception as error:  # noqa: BLE001 - any exception is a failure
            failure = f"bit {bit} ({intact.content[bit // 8 :][:12]!r}): {type(error).__name__} {error}"
        if path.read_bytes() != content:
            failure = failure or f"bit {bit}: the file was written to"
        report.case(message, None, failure)
    shutil.rmtree(saves)
    return report


def bit_flips_in_commands(target: Target) -> FaultReport:
    """Flip some bits of a run file and run every command that reads it."""
    report = FaultReport(f"some bits of a run file flipped, nine commands, {target.name}", "nothing; the file is not changed")
    saves = new_folder()
    path = target.write_sibling(saves)
    other = next(file for file in sorted(path.parent.glob("*.jsonl")) if file != path)
    content = path.read_bytes()
    for bit, damaged in enumerate(bit_flips(content, every=SAMPLING)):
        for words in COMMANDS:
            path.write_bytes(damaged)
            arguments = [word.format(world=target.name, path=path, other=other) for word in words]
            before = {file.name for file in path.parent.iterdir()}
            try:
                result = command(*arguments, "--saves", saves)
            except Exception as error:  # noqa: BLE001 - as above
                report.case("", None, f"bit {bit * SAMPLING}, {words[0]}: {type(error).__name__} {error}")
                continue
            ok = result.code in CODES and "Traceback" not in result.err and path.read_bytes() == damaged
            report.case(
                re.sub(r":\d+:\d+: .*", ": …", result.err),
                result.code,
                "" if ok else f"bit {bit * SAMPLING}, {words}: {result}",
            )
            for created in path.parent.iterdir():
                if created.name not in before:
                    created.unlink()
    shutil.rmtree(saves)
    return report


def damaged_weights() -> FaultReport:
    """Truncate the weights and flip bits of them: no such file is accepted."""
    report = FaultReport("the weights file truncated at 1,500 places, and 1,500 of its bits flipped", "nothing")
    content = (worlds_folder() / "forward-pass" / "weights.fpw").read_bytes()
    damaged = [content[:cut] for cut in (*range(500), *range(500, len(content), len(content) // 1000))]
    for at in range(0, len(content), len(content) // 1500):
        changed = bytearray(content)
        changed[at] ^= 1 << at % 8
        damaged.append(bytes(changed))
    for data in damaged:
        try:
            parse_weights(data)
        except WeightsError as error:
            report.case(str(error), None)
        except Exception as error:  # noqa: BLE001 - as above
            report.case("", None, f"{type(error).__name__} {error}")
        else:
            report.case("", None, "read")
    return report


def _valid_other_weights(content: bytes) -> bytes:
    """Return different weights with a valid checksum."""
    changed = bytearray(content[:-32])
    changed[-5000] ^= 4
    return bytes(changed) + hashlib.sha256(bytes(changed)).digest()


def replaced_weights() -> FaultReport:
    """Play and resume a run of the flagship whose weights are missing, truncated, damaged or replaced."""
    report = FaultReport("weights missing, empty, truncated, damaged or replaced after a run was stored", "nothing")
    top = new_folder()
    world = shutil.copytree(
        worlds_folder() / "forward-pass",
        top / "forward-pass",
        ignore=shutil.ignore_patterns("corpus", "*.md", "decodings.json"),
    )
    file = world / "weights.fpw"
    intact = file.read_bytes()
    command("play", world, "--plain", "--saves", top / "saves", typed="speak-at-once\nend-after-all\n")
    run = top / "saves" / "forward-pass" / "001-run.jsonl"
    before = run.read_bytes()
    for name, content in {
        "missing": None,
        "empty": b"",
        "truncated": intact[:-1],
        "damaged": intact[:-40],
        "replaced": _valid_other_weights(intact),
    }.items():
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content)
        for words in (("--load", "1"), ("--continue",), ("--new",)):
            result = command("play", world, *words, "--plain", "--saves", top / "saves")
            ok = (
                result.code == (0 if name == "replaced" else 1) and "Traceback" not in result.err and run.read_bytes() == before
            )
            unreported = name != "new" and not result.err and words != ("--new",)
            report.case(result.err, result.code, "" if ok and not unreported else f"{name} {words}: {result.code} {result.err}")
    shutil.rmtree(top)
    return report


def damaged_cache() -> FaultReport:
    """Flip bits of the cache of worlds, and truncate it: the output of play stays the same."""
    report = FaultReport("the cache of worlds truncated, and bits of it flipped", "nothing")
    words = ("play", "first-light", "--plain", "--saves", new_folder())
    first = command(*words).out
    for file in (home() / "cache").rglob("*.json"):
        intact = file.read_bytes()
        if b'"first-light"' not in intact[:200]:
            continue
        damaged = [intact[:cut] for cut in range(0, len(intact), 173)] + list(bit_flips(intact, every=1297))
        for content in damaged:
            file.write_bytes(content)
            result = command(*words)
            report.case(result.err, result.code, "" if (result.code, result.out) == (0, first) else f"{result}")
    return report


EDITS = {
    "a text": ("The floor tipped", "The floor leaned"),
    "a choice's id": ("read-again:", "read-twice:"),
    "a cost": ("cost: 1", "cost: 2"),
    "a scene's id": ("question", "enquiry"),
    "no YAML": ("scenes:", "scenes: ["),
    "the start": ("start: ", "start: not-"),
}


def edited_worlds() -> FaultReport:
    """Edit a world after a run was stored, and resume the run."""
    report = FaultReport("a world edited, broken or removed after a run was stored", "nothing; the file is not changed")
    for old, new in (*EDITS.values(), ("", "")):
        top = new_folder()
        world = shutil.copytree(worlds_folder() / "first-light", top / "first-light")
        command("play", world, "--plain", "--saves", top, typed="read-question\nread-again\nto-slope\n")
        top_run = next(top.rglob("*.jsonl"))
        before = top_run.read_bytes()
        for file in world.rglob("*.yaml"):
            file.write_text(file.read_text().replace(old, new) if old else file.read_text())
        if not old:
            for file in world.rglob("*.yaml"):
                file.unlink()
        result = command("play", world, "--load", top_run, "--plain", "--saves", top, typed="1\n")
        ok = result.code in (0, 1) and result.err and "Traceback" not in result.err and top_run.read_bytes() == before
        report.case(result.err, result.code, "" if ok else f"{old}: {result}")
        with suppress(OSError):
            shutil.rmtree(top)
    return report
