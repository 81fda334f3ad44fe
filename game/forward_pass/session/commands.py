"""The commands of play: words that a session answers besides choices. None of them costs a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from forward_pass.errors import UsageError
from forward_pass.session import glossary_help, run_commands
from forward_pass.session.events import Event, InspectionShown, Message, ViewRequested
from forward_pass.session.from_here import NearestEnding, nearest_ending, read_before, untaken_choices
from forward_pass.session.inspection import inspect_pass
from forward_pass.session.run_commands import stored_runs_of
from forward_pass.session.session import Session
from forward_pass.session.settings import DESCRIPTIONS, read_settings, settings_file, write_setting
from forward_pass.session.transcript import choice_text
from forward_pass.story.history import at_turn
from forward_pass.story.nodes import ASKED, SEALED
from forward_pass.story.world import World

MAX_SKIPPED = 200
OF_A_PASS = ("prompt", "lens", "lab", "notes", "without")  # the commands that have nothing to do in a story without one


class Command(NamedTuple):
    """A command: its usage, its line in the help, and the function that carries it out on its argument."""

    usage: str
    help: str
    run: Callable[[Session, str], list[Event]]

    @property
    def name(self) -> str:
        """The word that is typed."""
        return self.usage.split()[0]

    def is_for(self, world: World) -> bool:
        """Return whether the command has anything to do in a world: some look into a pass."""
        return world.has_pass or self.name not in OF_A_PASS

    def usage_in(self, world: World) -> str:
        """Return the usage in a world: help has nothing on verbs where there are none."""
        return self.usage if self.name != "help" or world.story.verbs else "help"

    @property
    def takes_argument(self) -> bool:
        """Whether an argument can follow the command."""
        return " " in self.usage


def _alone(carry_out: Callable[[Session], list[Event]]) -> Callable[[Session, str], list[Event]]:
    """Return a command that takes no argument."""
    return lambda session, _argument: carry_out(session)


# -- moving in the run ------------------------------------------------------------------------------------------------


def _undo(session: Session, argument: str) -> list[Event]:
    if not session.run.at:
        raise UsageError("Nothing lies before this: it is where the run begins.")
    return session.go_to_turn(max(session.run.at - _turn_count(argument), 0))


def _redo(session: Session, argument: str) -> list[Event]:
    if session.run.at == len(session.run.turns):
        raise UsageError("Nothing was undone that could be done again.")
    return session.go_to_turn(min(session.run.at + _turn_count(argument), len(session.run.turns)))


def _back(session: Session, argument: str) -> list[Event]:
    if not argument:
        raise UsageError(f"Back to which turn? This is turn {session.run.at}; back 0 is the opening.")
    return session.go_to_turn(_turn_count(argument, minimum=0))


def _turn_count(argument: str, minimum: int = 1) -> int:
    """Return the number after a command, 1 where there is none; raises ``UsageError`` where it is not a number of turns."""
    if not argument:
        return 1
    if not (argument.isascii() and argument.isdigit()) or len(argument) > 6 or int(argument) < minimum:  # noqa: PLR2004 - digits
        raise UsageError(f"Expected a number of turns, found “{argument[:20]}”.")
    return int(argument)


# -- the pass ---------------------------------------------------------------------------------------------------------


def _lens(session: Session) -> list[Event]:
    if session.at_ending:
        raise UsageError("No pass is under way at an ending.")
    state = session.run.state
    return [InspectionShown(inspect_pass(session.world, session.inspector, state.key, state.layer))]


def _lab(session: Session, line: str) -> list[Event]:
    from forward_pass.session.laboratory_text import answer_message, open_laboratory  # noqa: PLC0415 - imports NumPy

    if session.laboratory is None or session.laboratory.digest != session.run.digest:
        session.laboratory = open_laboratory(session.run, session.inspector, session.store)
    return [answer_message(session.laboratory, line)]


def _notes(session: Session) -> list[Event]:
    rows = [trace._asdict() for trace in glossary_help.cache_traces(session.run)]
    return [Message(glossary_help.cache_text(session.run), {"type": "notes", "notes": rows})]


def _settings(session: Session, argument: str) -> list[Event]:
    del session
    key, _, value = argument.partition(" ")
    if argument:
        write_setting(key, value.strip())
    rows = read_settings()[0]._asdict()
    text = "\n".join(f"  {name + ' ' + set_to:<15} {DESCRIPTIONS[name]}" for name, set_to in rows.items())
    return [Message(text, {"type": "settings", "file": f"{settings_file()}", **rows})]


# -- help -------------------------------------------------------------------------------------------------------------


def _about(session: Session, argument: str) -> list[Event]:
    world = session.world
    names = [term.name for term in glossary_help.terms(world)]
    title = world.title.casefold()
    if not argument or (argument.casefold() == title and title not in map(str.casefold, names)):
        row = {"type": "about", "about": world.about, "terms": names}
        return [Message(glossary_help.terms_text(world), row)]
    verb = argument.strip().casefold()
    if verb in glossary_help.verbs(world):
        about = glossary_help.verbs(world)[verb]
        return [Message(f"{verb}: {about}", {"type": "verbs", "verbs": {verb: about}})]
    term = glossary_help.find_term(world, argument)
    return [Message(glossary_help.term_paragraphs(term), {"type": "term", **glossary_help.term_row(term)})]


def _hint(session: Session, argument: str) -> list[Event]:
    count = glossary_help.found_count_text(session.world, session.endings_found)
    world, row = session.world, {"type": "hint", "found": len(session.endings_found)}
    nearest = None if argument or session.at_ending else _nearest_ending(session)
    if nearest:
        argument = f"{list(world.endings).index(nearest.ending) + 1}"
        count += f"; the nearest of the others is {nearest.choices} {'choice' if nearest.choices == 1 else 'choices'} from here"
        row["away"] = nearest.choices
    hint = glossary_help.next_hint(world, session.endings_found, session.hint_steps, argument)
    if hint is None:
        return [Message(f"{count}: there is nothing left to hint at.", row)]
    return [Message(f"{count}.\n{hint.line}", {**row, "ending": hint.number, "step": hint.step, "text": hint.text})]


def _nearest_ending(session: Session) -> NearestEnding | None:
    if not session.world.hints:
        return None
    told = {ending for ending, steps in session.hint_steps.items() if steps >= glossary_help.HINT_STEPS}
    return nearest_ending(session.world, session.inspector, [session.run.state], session.endings_found | told)


def nearest_along(session: Session) -> tuple[str, int] | None:
    """Return a hint for the ending not found that is nearest to any turn of this run, and that turn; None without one."""
    if not session.world.hints:
        return None
    states = [at_turn(session.run, turn).state for turn in range(session.run.at + 1)]
    nearest = nearest_ending(session.world, session.inspector, states, session.endings_found)
    if nearest is None:
        return None
    number = f"{list(session.world.endings).index(nearest.ending) + 1}"
    hint = glossary_help.next_hint(session.world, session.endings_found, session.hint_steps, number)
    away = "1 choice" if nearest.choices == 1 else f"{nearest.choices} choices"
    return (f"{away} from here: {hint.text}", nearest.start) if hint else None


def _untaken(session: Session) -> list[Event]:
    present = dict(session.choice_texts())
    never = untaken_choices(stored_runs_of(session), present)
    lines = [f"  {number}. {say}" for number, (choice, say) in enumerate(present.items(), 1) if choice in never]
    text = (
        "\n".join(["No kept run has ever taken these:", *lines])
        if never
        else "Kept runs have taken every way that is open here."
    )
    return [Message(text, {"type": "untaken", "turn": session.run.at, "choices": never})]


def _standing(session: Session) -> tuple[object, ...]:
    """Return where a session stands, counts of what was met and taken apart."""
    state = session.run.state
    return state.scene, state.layer, state.variables, state.words, state.acts


def _skip(session: Session) -> list[Event]:
    known, skipped = read_before(session.world, session.store.folder), list[str]()
    events: list[Event] = []
    passed: set[tuple[object, ...]] = set()
    while not session.at_ending and len(skipped) < MAX_SKIPPED and _standing(session) not in passed:
        passed.add(_standing(session))  # where one stands again with nothing changed, ways go round in a circle
        way = known.way_on(session.run.state.scene, [offer.id for offer in session.open_offers])
        if way is None:
            break
        skipped.append(way)
        token = session.run.state.token
        events = session.choose(way)
        if session.run.state.scene not in known.scenes or session.run.state.token != token:
            break
    if not skipped:
        raise UsageError("Nothing to skip: no kept run has gone on from here.")
    row = {"type": "skipped", "choices": skipped}
    turns = "1 turn" if len(skipped) == 1 else f"{len(skipped)} turns"
    said = [choice_text(session.run, turn).rstrip(".") for turn in session.run.path[-len(skipped) :]]
    return [Message(f"Skipped {turns} by ways taken before: {'; '.join(said)}.", row), *events]


def _help(session: Session, argument: str) -> list[Event]:
    if argument == "verbs":
        return [
            Message(glossary_help.verbs_text(session.world), {"type": "verbs", "verbs": glossary_help.verbs(session.world)})
        ]
    if argument:
        raise UsageError("help stands alone, or with verbs: help verbs.")
    world = session.world
    here = [command for command in COMMANDS.values() if command.is_for(world)]
    rows = "\n".join(f"  {command.usage_in(world):<15} {command.help}" for command in here)
    verbs = "\n\nWhat the words beside the choices mean: help verbs." if session.world.story.verbs else ""
    return [
        Message(f"{_first_help(session)}\n\nAll that can be typed; none of it is a turn:\n\n{rows}{verbs}{_signs_help(world)}")
    ]


def _signs_help(world: World) -> str:
    """Return what the signs beside the number mean, where a world withholds figures or has them asked for."""
    given = {case.how for case in world.telling.given} if world.telling else set[str]()
    sealed = "■ sealed: the figure is kept back here, and opened further on." if SEALED in given else ""
    asked = "□ not heard: it is told to who asks." if ASKED in given else ""
    return "".join(f"\n{text}" for text in (sealed, asked) if text)


def _first_help(session: Session) -> str:
    """Return the three things that matter most where the session stands."""
    if session.at_ending:
        rows = (
            ("picture", "the run on one screen; from there on, another way"),
            ("undo", "take the last choice back"),
            ("restart", "begin again, as a new run; this one is kept"),
        )
    else:
        rows = (
            ("a number", "take that choice; its id or some of its words do too"),
            ("undo", "take the last choice back; nothing is ever lost"),
            ("hint", "a nudge toward an ending not found yet"),
        )
    return "\n".join(f"  {typed:<15} {what}" for typed, what in rows)


_TABLE = (
    Command("undo [N]", "go back one turn, or N", _undo),
    Command("redo [N]", "take back an undo, or N", _redo),
    Command("back N", "go to turn N of this run; 0 is the opening", _back),
    Command("save NAME", "name this run; every choice is kept anyway", run_commands.save),
    Command("load [RUN]", "list the runs, or resume one", run_commands.load),
    Command("restart", "begin again, as a new run; this one is kept", _alone(run_commands.restart)),
    Command("fork [N]", "play this run again from turn N, as a run of its own", run_commands.fork),
    Command("replay [RUN]", "compute this run or another again, and compare every digest", run_commands.replay),
    Command("without N", "this run without what turn N did to the pass", run_commands.without),
    Command("picture", "this run on one screen: where, what, and what it was worth", _alone(run_commands.picture)),
    Command("look", "show this scene again", _alone(Session.opening)),
    Command("prompt", "show the document so far", _alone(lambda session: [ViewRequested("prompt", session.run)])),
    Command("lens", "inspect this pass up to the present layer", _alone(_lens)),
    Command("lab [LINE]", "try things on this pass; the run stays as it is", _lab),
    Command("notes", "show what this run has written into the cache", _alone(_notes)),
    Command("about [TERM]", "say what a term means, and whether it is true", _about),
    Command("hint [N]", "a step toward an ending not found yet, the nearest from here", _hint),
    Command("untaken", "the ways on from here that no kept run took", _alone(_untaken)),
    Command("skip", "go on by ways taken before, to what is new", _alone(_skip)),
    Command("transcript", "show this run so far", _alone(lambda session: [ViewRequested("transcript", session.run)])),
    Command("tree", "all runs as one tree", _alone(run_commands.tree)),
    Command("map", "all runs as a map: where they met, what was never tried", _alone(run_commands.run_map)),
    Command("endings", "which endings were found, and by which runs", _alone(run_commands.endings)),
    Command("export [FILE]", "write this run as a document: FILE.txt, .md, .html, .svg or .cast", run_commands.export),
    Command("diff RUN", "compare this run with another", run_commands.diff),
    Command("settings [SET]", "show the settings, or change one: settings pace off", _settings),
    Command("credits", "whose story this is, and whose work", _alone(lambda _: [Message(glossary_help.CREDITS)])),
    Command("help [verbs]", "list these commands, or the verbs", _help),
    Command("quit", "leave; nothing is lost and nothing is asked", _alone(lambda session: [session.quit_event()])),
)
COMMANDS: dict[str, Command] = {command.name: command for command in _TABLE}
ALIASES = {"exit": "quit", "q": "quit", "?": "help"}  # as other programs call these commands
ENDING_COMMANDS = ("picture", "undo", "restart", "tree", "quit")  # the commands that front ends name at an ending
ENDING_COMMANDS_TEXT = f"{', '.join(ENDING_COMMANDS[:-1])} or {ENDING_COMMANDS[-1]}"


def command_called(word: str) -> Command | None:
    """Return the command of a name or another name for it, None where there is none."""
    return COMMANDS.get(ALIASES.get(word.lower(), word.lower()))
