"""What programs may ask for: a line of input as a request, and its answer as events. Strict: one request a line, or an error.

``REQUESTS`` has every request with what its value may be. Version 1 of the protocol took the first request that it knew of an
object with several, and no more than it had then; ``parse_version_1`` still does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, NamedTuple

from forward_pass.errors import ForwardPassError, RequestError, UsageError
from forward_pass.session import glossary_help
from forward_pass.session.commands import COMMANDS
from forward_pass.session.events import Event, InspectionShown, Message, Rejected, TreeShown
from forward_pass.session.inspection import inspect_pass
from forward_pass.session.plain_text import MAX_LINE

if TYPE_CHECKING:
    from forward_pass.session.session import Session

MAX_ID = 60
MAX_TEXT = 1000  # characters of a text that is no id
MAX_TREE_NODES = 1000
MAX_LENS_TOP = 50
NOT_AN_ID = f"not an id: small letters, digits and -, at most {MAX_ID} characters"
EXPECTED_1 = (
    'expected {"choose":ID}, {"undo":1}, {"redo":1}, {"lens":true}, {"lab":LINE}, {"notes":true}, {"about":TERM}, '
    '{"hint":true}, {"untaken":true}, {"skip":true}, {"tree":true}, {"diff":RUN}, {"quit":true}, or an id'
)


class Request(NamedTuple):
    """A request: its name, its value, and the id that its answer is to have, None without one."""

    name: str
    value: Any
    id: str | int | None = None


class Kind(NamedTuple):
    """What the value of a request may be: a test, and that in words."""

    holds: Callable[[Any], bool]
    words: str


def _is_count(value: Any, least: int = 1) -> bool:
    return type(value) is int and value >= least


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT


def _has_keys(value: Any, **kinds: Callable[[Any], bool]) -> bool:
    """Return whether a value is an object with no keys but these, each of its kind."""
    return isinstance(value, dict) and all(key in kinds and kinds[key](inner) for key, inner in value.items())


def _are_counts(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= MAX_LENS_TOP and all(map(_is_count, value))


TRUE = Kind(lambda value: value is True, "true")
COUNT = Kind(_is_count, "a number from 1")
TURN = Kind(lambda value: _is_count(value, 0), "a turn, from 0")
TEXT = Kind(_is_text, f"a text of at most {MAX_TEXT} characters")
RUN = Kind(lambda value: _is_text(value) or _is_count(value), "a run, by number or name")
LENS = Kind(
    lambda value: (
        value is True
        or _has_keys(value, layers=_are_counts, top=lambda top: _is_count(top) and top <= MAX_LENS_TOP, attention=_is_truth)
    ),
    'true, or {"layers":[L, …],"top":N,"attention":true}',
)
HINT = Kind(
    lambda value: value is True or _is_count(value) or (_are_counts(value) and len(value) == 2),  # noqa: PLR2004 - a pair
    "true, the number of an ending, or [ENDING, STEP]",
)
TREE = Kind(lambda value: value is True or _has_keys(value, at=_is_text, limit=_is_count), 'true, or {"at":DIGEST,"limit":N}')
FORK = Kind(lambda value: value is True or _is_count(value, 0), "true, or a turn from 0")
LOAD = Kind(lambda value: value is True or RUN.holds(value), "true, or a run by number or name")


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool)


REQUESTS: dict[str, Kind] = {
    "choose": TEXT,
    "undo": COUNT,
    "redo": COUNT,
    "back": TURN,
    "goto": TEXT,
    "new": TRUE,
    "fork": FORK,
    "look": TRUE,
    "prompt": TRUE,
    "lens": LENS,
    "lab": TEXT,
    "notes": TRUE,
    "transcript": TRUE,
    "picture": TRUE,
    "about": TEXT,
    "hint": HINT,
    "untaken": TRUE,
    "skip": TRUE,
    "tree": TREE,
    "map": TRUE,
    "endings": TRUE,
    "diff": RUN,
    "without": COUNT,
    "replay": LOAD,
    "save": TEXT,
    "load": LOAD,
    "restart": TRUE,
    "export": TEXT,
    "settings": TRUE,
    "credits": TRUE,
    "help": TRUE,
    "quit": TRUE,
}
"""By name, what the value of a request may be."""
ALIASES = {"restart": "new"}


# -- reading a line -------------------------------------------------------------------------------------------------------


def parse(line: str) -> Request:
    """Return the request on a line; raises ``RequestError``, whose ``request_id`` is the id, where one could be read."""
    text = _checked(line)
    if not text.startswith("{"):
        return Request("choose", text)
    row = _loaded(text)
    request_id = row.pop("id", None)
    if request_id is not None and not (_is_text(request_id) or type(request_id) is int):
        raise RequestError(f"`id` must be a text of at most {MAX_TEXT} characters or a whole number", "malformed")
    try:
        return _request_of(row, request_id)
    except RequestError as error:
        error.request_id = request_id
        raise


def _request_of(row: dict[str, Any], request_id: str | int | None) -> Request:
    if len(row) != 1:
        listed = ", ".join(map(str, row)) or "none"
        raise RequestError(f"expected one request a line, found {len(row)}: {listed[:100]}", "malformed")
    ((name, value),) = row.items()
    kind = REQUESTS.get(name)
    if kind is None:
        raise RequestError(f"no request is called {name[:40]!r}; there are {', '.join(REQUESTS)}", "malformed")
    if not kind.holds(value):
        raise RequestError(f"`{name}` takes {kind.words}", "malformed")
    return Request(name, value, request_id)


def _checked(line: str) -> str:
    if len(line) == MAX_LINE:
        raise RequestError(f"this line is too long: at most {MAX_LINE} characters", "too-long")
    text = line.strip().removeprefix("\ufeff").strip()
    if not text:
        raise RequestError('an empty line is no request: an id, or {"choose":ID}, or another request', "malformed")
    return text


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; raises ``RequestError`` where it has a key twice."""
    row = dict(pairs)
    if len(row) < len(pairs):
        raise RequestError("a key is given twice", "malformed")
    return row


def _loaded(text: str) -> dict[str, Any]:
    try:
        row = json.loads(text, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError):
        raise RequestError("not a JSON object", "malformed") from None
    if not isinstance(row, dict):  # pragma: no cover - a text that begins with a brace and is JSON is an object
        raise RequestError("not a JSON object", "malformed")
    return row


def _is_any_text(value: Any) -> bool:
    return isinstance(value, str)


VERSION_1: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("choose", _is_any_text),
    ("undo", lambda value: type(value) is int and value > 0),
    ("redo", lambda value: type(value) is int and value > 0),
    ("quit", TRUE.holds),
    ("lab", _is_any_text),
    ("about", _is_any_text),
    ("diff", _is_any_text),
    ("hint", lambda value: type(value) is int),
    *((name, TRUE.holds) for name in ("lens", "notes", "untaken", "skip", "hint", "picture", "tree")),
)
"""The requests of version 1, in the order in which the first was taken, with what their values may be."""


def parse_version_1(line: str) -> Request:
    """Return the first request that version 1 knew on a line; raises ``RequestError``."""
    if len(line) == MAX_LINE:
        raise RequestError(f"this line is too long: at most {MAX_LINE} characters", "too-long")
    text = line.strip()
    if not text:
        raise RequestError(EXPECTED_1, "malformed")
    if not text.startswith("{"):
        return Request("choose", text)
    row = _loaded(text)
    for name, fits in VERSION_1:
        if name in row and fits(row[name]):
            return Request(name, row[name])
    raise RequestError(EXPECTED_1, "malformed")


# -- carrying it out ------------------------------------------------------------------------------------------------------


def carry_out(session: Session, request: Request, *, only: Collection[str] = REQUESTS, version_1: bool = False) -> list[Event]:
    """Return the events that answer a request; an error is an event too. In version 1 a hint went on from the last."""
    try:
        if request.name not in only:
            raise RequestError(f"`{request.name}` is not allowed here; there are {', '.join(only)}", "forbidden")
        return _events(session, request, version_1=version_1)
    except ForwardPassError as error:
        return [Rejected(f"{error}", error.code)]


def _events(session: Session, request: Request, *, version_1: bool) -> list[Event]:
    name, value = ALIASES.get(request.name, request.name), request.value
    special: dict[str, Callable[[], list[Event]]] = {
        "choose": lambda: _choose(session, value),
        "undo": lambda: _command(session, "undo", min(value, session.run.at or 1)),
        "redo": lambda: _command(session, "redo", min(value, len(session.run.turns) or 1)),
        "quit": lambda: [session.quit_event()],
        "goto": lambda: session.go_to_digest(value[:MAX_ID]),
        "new": lambda: [event for event in _command(session, "restart") if not isinstance(event, Message)],
        "fork": lambda: session.fork_here(session.run.at if value is True else value),
        "lens": lambda: [_lens(session, {"attention": version_1} if value is True else value)],
        "tree": lambda: [_tree(session, {} if value is True else value)],
        "hint": lambda: _hint(session, value, version_1=version_1),
        "help": lambda: [Message("", {"type": "help", "requests": {name: kind.words for name, kind in REQUESTS.items()}})],
    }
    if name in special:
        return special[name]()
    return _command(session, name, "" if value is True else value)


def _command(session: Session, name: str, argument: str | int = "") -> list[Event]:
    return COMMANDS[name].run(session, f"{argument}")


def _choose(session: Session, choice: str) -> list[Event]:
    if len(choice) > MAX_ID or not choice.isprintable():
        raise RequestError(NOT_AN_ID, "malformed")
    return session.choose(choice)


def _lens(session: Session, wanted: dict[str, Any]) -> Event:
    """Return this pass inspected up to the present layer, at the layers wanted; raises ``UsageError`` at an ending."""
    if session.at_ending:
        raise UsageError("No pass is under way at an ending.")
    state = session.run.state
    beyond = [layer for layer in wanted.get("layers", ()) if layer > state.layer]
    if beyond:
        raise UsageError(f"Layer {beyond[0]} is not computed yet: this pass has come to layer {state.layer}.")
    layers, top = wanted.get("layers"), wanted.get("top")
    inspection = inspect_pass(session.world, session.inspector, state.key, state.layer, layers=layers, top=top)
    return InspectionShown(inspection, attention=bool(wanted.get("attention")))


def _tree(session: Session, wanted: dict[str, Any]) -> Event:
    """Return the tree of runs below a turn; raises ``RequestError`` where no kept run has it."""
    (shown,) = _command(session, "tree")
    assert isinstance(shown, TreeShown)  # noqa: S101 - as the command says
    digest = wanted.get("at", "")
    at = shown.run_set.tree.find(digest)
    if digest and not at:
        raise RequestError(f"no kept run has a turn with the digest {digest[:MAX_ID]!r}", "unknown")
    return shown._replace(below=at, limit=wanted.get("limit", MAX_TREE_NODES))


def _hint(session: Session, value: Any, *, version_1: bool) -> list[Event]:
    """Return a hint; but in version 1, the step that is asked for, whatever was given before."""
    if version_1:
        return _command(session, "hint", "" if value is True else value)
    number, step = (0, 1) if value is True else (value, 1) if isinstance(value, int) else (int(value[0]), int(value[1]))
    endings = list(session.world.endings)
    session.hint_steps = {}
    if 0 < number <= len(endings):
        session.hint_steps = {endings[number - 1]: min(step, glossary_help.HINT_STEPS) - 1}
    return _command(session, "hint", number or "")
