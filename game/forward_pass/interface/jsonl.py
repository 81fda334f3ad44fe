"""Play through JSON lines, for programs: one request a line in, one object a line out, as docs/json.md describes."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, NamedTuple

from forward_pass.errors import RequestError
from forward_pass.interface.json_objects import (
    decode_object,
    event_objects,
    figure_objects,
    hello_object,
    json_line,
    opened_objects,
    scene_object,
)
from forward_pass.interface.json_requests import REQUESTS, carry_out, parse, parse_version_1
from forward_pass.session.events import Event, Message, Quit, Rejected, TokenDecoded
from forward_pass.session.plain_text import read_line
from forward_pass.session.readings import reading_object, turn_readings
from forward_pass.session.transcript import then_text, turn_distribution
from forward_pass.story.history import at_turn

if TYPE_CHECKING:
    from forward_pass.session.session import Session
    from forward_pass.storage.replay import ReplayResult

LATEST = 2  # version of the protocol


class Seat(NamedTuple):
    """How a program plays: by which version of the protocol, what it may ask for, and whether nothing is sealed."""

    protocol: int = LATEST
    only: Collection[str] = REQUESTS
    is_open: bool = False


def answer_line(session: Session, line: str, seat: Seat = Seat()) -> tuple[list[Event], str | int | None]:  # noqa: B008 - a value
    """Return the events that answer a line, and the id that their objects are to have; what is no request is ``Rejected``."""
    is_first = seat.protocol == 1
    try:
        request = parse_version_1(line) if is_first else parse(line)
    except RequestError as error:
        return [Rejected(f"{error}", error.code)], error.request_id
    events = carry_out(session, request, only=seat.only, version_1=is_first)
    return [event for event in events if not (is_first and isinstance(event, Message) and not event.row)], request.id


def show(events: Iterable[Event], session: Session, request_id: str | int | None = None) -> bool:
    """Print events, an object a line, each with the id of its request; return False after ``Quit``."""
    playing = True
    for event in events:
        for row in event_objects(event, session):
            print(json_line(row if request_id is None else {**row, "id": request_id}))
        playing = playing and not isinstance(event, Quit)
    sys.stdout.flush()
    return playing


def show_replay(result: ReplayResult) -> None:
    """Print a replay: the objects of its scenes and decodings, then a ``replayed`` object with the count of identical turns."""
    run = result.run
    print(json_line(scene_object(at_turn(run, 0), None)))
    for number, turn in enumerate(run.turns, 1):
        present, then = at_turn(run, number), then_text(run, turn)
        for row in figure_objects(run, number):
            print(json_line(row))
        if turn.word is not None:
            event = TokenDecoded(turn.state.token - 1, turn_distribution(run, turn), turn, then)
            for row in [
                *map(reading_object, turn_readings(run, number)),
                decode_object(event, run.inspector),
                *opened_objects(run, number),
            ]:
                print(json_line(row))
            then = ""
        print(json_line({**scene_object(present, None, then), "digest": turn.digest}))
    summary = {"type": "replayed", "turns": result.requested_turns, "identical": result.identical_turns}
    for difference in result.differences[:1]:
        summary["message"] = f"{result.summary}: {difference.what}"
    print(json_line(summary))


def run(session: Session, seat: Seat = Seat()) -> None:  # noqa: B008 - a value
    """Play until standard input ends or a request quits."""
    if seat.protocol > 1:
        print(json_line(hello_object(session, seat.only, is_open=seat.is_open)))
    show(session.opening(), session)
    session.inspector.warm_up()
    while line := read_line():
        if not show(*_answered(session, line, seat)):
            return


def _answered(session: Session, line: str, seat: Seat) -> tuple[list[Event], Session, str | int | None]:
    events, request_id = answer_line(session, line, seat)
    return events, session, request_id
