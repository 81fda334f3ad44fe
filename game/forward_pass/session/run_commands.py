"""The commands of play that are about runs: this one as a whole, and the others that are kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from forward_pass.errors import UsageError, printable
from forward_pass.session.events import Event, Message, PictureShown, RunsCompared, TreeShown
from forward_pass.session.session import Session
from forward_pass.storage.listing import summaries
from forward_pass.story.history import recorded_turn

if TYPE_CHECKING:
    from forward_pass.storage.journal import Journal
    from forward_pass.storage.run_set import RunSet

UNWRAPPED = 10_000  # columns: front ends wrap a message themselves


def save(session: Session, argument: str) -> list[Event]:
    """Name this run; every choice is kept anyway."""
    if not argument:
        raise UsageError(f"Every choice is kept already{_saved_as(session)}. To name the run: save NAME.")
    name = argument.replace(" ", "-")
    session.recorder.rename(name)
    return [Message(f"The run is named {name}{_saved_as(session)}.")]


def load(session: Session, argument: str) -> list[Event]:
    """List the kept runs, or play one on."""
    if argument:
        return session.play_on(session.store.resume(argument, session.recorder))
    found = summaries(session.store.folder, session.world)
    row = {"type": "runs", "runs": [{"type": "run", **summary._asdict()} for summary in found]}
    if not found:
        return [Message("No run is kept yet: the first choice begins one.", row)]
    return [Message("\n".join([*map(str, found), "", "To go on with one: load NUMBER, or load NAME."]), row)]


def restart(session: Session) -> list[Event]:
    """Begin another run; this one is kept."""
    saved_as = _saved_as(session)
    text = f"The run before this one is kept{saved_as}." if saved_as else "Nothing had been chosen; nothing was kept."
    return session.play_on(session.store.new()._replace(notes=(text,)))


def _saved_as(session: Session) -> str:
    return f" as {session.recorder.label}" if session.recorder.label else ""


def tree(session: Session) -> list[Event]:
    """Show all kept runs as one tree."""
    return [tree_of(session)]


def tree_of(session: Session) -> TreeShown:
    """Return the tree of all kept runs, at the present turn."""
    run_set = stored_runs_of(session)
    return TreeShown(run_set, run_set.tree.find(session.run.digest))


def run_map(session: Session) -> list[Event]:
    """Show all kept runs as a map."""
    return [tree_of(session)._replace(screen="map")]


def diff(session: Session, argument: str) -> list[Event]:
    """Compare this run with another."""
    if not argument:
        raise UsageError("Against which run? diff NUMBER, or diff NAME; load lists them.")
    names = (session.recorder.label or "this run", display_name(argument))
    return [RunsCompared(session.run, session.store.view(argument), names)]


def fork(session: Session, argument: str) -> list[Event]:
    """Begin a sibling of this run at one of its turns, the present one where none is given."""
    turn = argument or f"{session.run.at}"
    if not (turn.isascii() and turn.isdigit()) or not 0 <= int(turn[:6]) <= len(session.run.turns):
        raise UsageError(f"This run has turns 0 to {len(session.run.turns)}: fork N, with one of them.")
    if session.recorder.path is None:
        raise UsageError("Nothing is kept of this run yet: the first choice begins it.")
    return session.play_on(session.store.fork(session.recorder.path, int(turn)))


def replay(session: Session, argument: str) -> list[Event]:
    """Compute this run up to here, or a kept one, again, and compare its digests with the recorded ones."""
    from forward_pass.storage.replay import replay_run  # noqa: PLC0415 - play begins without

    journal = session.store.journal(argument) if argument else _present_journal(session)
    turns = len(journal.turns) if argument else session.run.at
    result = replay_run(session.world, session.inspector, journal, turns)
    name = f"{display_name(argument)}: " if argument else ""
    what = {"message": f"{result.summary}: {result.differences[0].what}"} if result.differences else {}
    row = {"type": "replayed", "turns": turns, "identical": result.identical_turns, **what}
    return [Message(f"{name}{what.get('message', result.summary)}", row)]


def display_name(reference: str) -> str:
    """Return RUN, as it was typed, as it is shown."""
    return f"run {reference}" if reference.isdigit() else printable(reference)


def _present_journal(session: Session) -> Journal:
    """Return what was recorded of the run of a session; raises ``UsageError`` where that is nothing."""
    from forward_pass.storage.journal import read_journal  # noqa: PLC0415 - play begins without

    if session.recorder.path is None and session.recorder.is_saving:
        raise UsageError("Nothing is kept of this run yet: the first choice begins it.")
    return read_journal(session.recorder.path) if session.recorder.path else _as_journal(session)


def _as_journal(session: Session) -> Journal:
    """Return the run of a session that keeps none as if it had been kept."""
    from forward_pass.storage.journal import Journal  # noqa: PLC0415 - play begins without

    turns = tuple(map(recorded_turn, session.run.turns))
    return Journal(session.recorder.header, turns, session.run.at, 0, torn=False, fault="")


def without(session: Session, argument: str) -> list[Event]:
    """Show this run without what one of its turns did to the pass."""
    from forward_pass.session.ablation import ablate, ablation_lines, ablation_objects  # noqa: PLC0415 - play begins without

    if not (argument.isascii() and argument.isdigit()) or len(argument) > 6:  # noqa: PLR2004 - digits
        raise UsageError("Without which turn? without N; picture shows at which turns something was done.")
    result = ablate(session.run, [int(argument)], *session.recorder.sampling)
    text = "\n".join(ablation_lines(result, UNWRAPPED))
    return [Message(text, {"type": "without", "rows": ablation_objects(result)})]


def picture(session: Session) -> list[Event]:
    """Show this run as a picture."""
    if not session.run.at:
        raise UsageError("Nothing has been chosen yet: there is no run to be drawn.")
    return [PictureShown(session.run)]


def endings(session: Session) -> list[Event]:
    """List the endings, and the runs that reached each."""
    from forward_pass.session.endings import ending_list_lines, ending_list_object, list_endings  # noqa: PLC0415 - as above

    records, errors = list_endings(session.world, session.store.folder)
    lines = [*errors, *ending_list_lines(session.world, records, None, UNWRAPPED)]
    return [Message("\n".join(lines), ending_list_object(session.world, records, None))]


def export(session: Session, argument: str) -> list[Event]:
    """Write this run to a file, in the format that its name ends with."""
    if session.writer is None:
        raise UsageError("This front end writes no documents: use the command forward-pass export.")
    if not argument:
        raise UsageError("To which file? export FILE, with .txt, .md, .html, .svg or .cast at its end.")
    return [Message(session.writer(session.run, session.recorder.header, Path(argument).expanduser()))]


def stored_runs_of(session: Session) -> RunSet:
    """Return the kept runs of the world that is played."""
    from forward_pass.storage.run_set import stored_runs  # noqa: PLC0415 - play begins without the tree

    return stored_runs(session.world, session.inspector, session.store.folder)
