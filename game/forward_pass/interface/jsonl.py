"""Play through JSON lines, for programs: one request a line in, one object a line out, as docs/json.md describes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from forward_pass.errors import ForwardPassError, UsageError, escaped
from forward_pass.session.branches import tree_object
from forward_pass.session.commands import COMMANDS
from forward_pass.session.comparison import compare_runs, difference_object
from forward_pass.session.decision import decision, decision_object
from forward_pass.session.events import (
    Event,
    InspectionShown,
    Message,
    PictureShown,
    Quit,
    Rejected,
    RunsCompared,
    SceneEntered,
    TokenDecoded,
    TreeShown,
)
from forward_pass.session.inspection import DecoderTrace, Inspection
from forward_pass.session.plain_text import MAX_LINE, read_line
from forward_pass.session.readings import (
    forecast_object,
    opening_at,
    opening_object,
    reading_object,
    shown_forecast,
    turn_readings,
)
from forward_pass.session.run_map import map_object
from forward_pass.session.run_picture import picture_object
from forward_pass.session.session import Session
from forward_pass.session.transcript import (
    current_word,
    run_log_likelihood,
    scene_text,
    then_text,
    turn_distribution,
)
from forward_pass.storage.replay import ReplayResult
from forward_pass.story.engine import closed_text, is_ending, offers
from forward_pass.story.history import Run, at_turn
from forward_pass.story.measurements import log_likelihood, untouched_log_likelihood
from forward_pass.story.ports import Inspector, SharpestHead

LIKELIEST = 10
MAX_ID = 60
DIGITS = 4
EXPECTED = (
    'expected {"choose":ID}, {"undo":1}, {"redo":1}, {"lens":true}, {"lab":LINE}, {"notes":true}, {"about":TERM}, '
    '{"hint":true}, {"untaken":true}, {"skip":true}, {"tree":true}, {"diff":RUN}, {"quit":true}, or an id'
)


def json_line(row: Mapping[str, object]) -> str:
    """Return an object as one line of JSON; unprintable characters are escaped, so that none acts on a terminal."""
    line = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    return escaped(line, lambda character: json.dumps(character)[1:-1])


def scene_object(run: Run, label: str | None, then: str = "") -> dict[str, Any]:
    """Return the ``scene`` or ``ending`` object of a run's present state."""
    world, state = run.world, run.state
    text = "\n\n".join(part for part in (then, scene_text(run)) if part)
    if is_ending(world, state):
        return {
            "type": "ending",
            "run": label,
            "id": state.scene,
            "title": world.scene(state.scene).title,
            "text": text,
            "words": list(state.words),
            "logprob": round(run_log_likelihood(run), DIGITS),
            "decided": decision_object(decision(run)),
            "turn": run.at,
            "digest": run.digest,
        }
    return {
        "type": "scene",
        "run": label,
        "turn": run.at,
        "digest": run.digest,
        "scene": state.scene,
        "token": state.token,
        "word": current_word(world, state),
        "layer": state.layer,
        "layers": world.layers,
        "left": world.boundary - state.layer,
        "words": list(state.words),
        **_likelihoods(run),
        "forecast": forecast_object(shown_forecast(run)),
        "then": then,
        "text": text,
        "variables": variables(run),
        "offers": offer_objects(run),
    }


def _likelihoods(run: Run) -> dict[str, float]:
    """Return the log-likelihoods of the words so far, under the passes that drew them and, of a model, under untouched ones."""
    row = {"total": round(float(run_log_likelihood(run)), DIGITS)}
    if run.inspector.source == "model":
        row["untouched"] = round(untouched_log_likelihood(run.inspector, run.state.words), DIGITS)
    return row


def variables(run: Run) -> dict[str, int | bool | str]:
    """Return the values of the variables by name."""
    by_name: dict[str, int | bool | str] = {}
    for variable, value in zip(run.world.variables, run.state.variables, strict=True):
        by_name[variable.name] = variable.shown(value)
    return by_name


def offer_objects(run: Run) -> list[dict[str, Any]]:
    """Return the offers, open and closed, in the order of the world's file."""
    objects = []
    for offer in offers(run.world, run.state):
        common = {
            "id": offer.id,
            "say": offer.choice.say(run.state, run.inspector),
            "open": offer.is_open,
            **({"verb": offer.choice.node.verb} if offer.choice.node.verb else {}),
            **({"act": _acts_value(offer.choice.node.acts)} if offer.choice.node.acts else {}),
            "cost": offer.cost,
            "cut": offer.cut_short,
        }
        why = closed_text(run.world, run.inspector, run.state, offer)
        objects.append({**common, "taken": offer.taken, **({"why": why} if why else {})})
    return objects


def _acts_value(acts: tuple[str, ...]) -> str | list[str]:
    """Return the name of the one act that a choice makes; a list where it makes several."""
    return acts[0] if len(acts) == 1 else list(acts)


def decode_object(event: TokenDecoded, inspector: Inspector) -> dict[str, Any]:
    """Return the ``decode`` object: the ten likeliest words of a model, or all words that a written token declares."""
    distribution, word = event.distribution, event.turn.word or ""
    count = LIKELIEST if inspector.source == "model" else len(distribution.words)
    row = {
        "type": "decode",
        "token": event.token,
        "distribution": [[word, round(probability, DIGITS)] for word, probability in distribution.likeliest(count)],
        "drawn": word,
        "logprob": round(distribution.logprob(word), DIGITS),
        "source": inspector.source,
    }
    if inspector.source == "model":
        state = event.turn.state
        row["total"] = round(log_likelihood(inspector, state.key), DIGITS)
        row["untouched"] = round(untouched_log_likelihood(inspector, state.words), DIGITS)
    return {**row, "text": event.then} if event.then else row


def lens_object(inspection: Inspection) -> dict[str, Any]:
    """Return the ``lens`` object of an inspection; positions count from 1, and ``attention`` has a share for each."""
    return {
        "type": "lens",
        "token": inspection.token,
        "word": inspection.word,
        "layer": inspection.layer,
        "layers": inspection.layers,
        "lens": [
            {
                "layer": lens.layer,
                "entropy": round(lens.entropy, DIGITS),
                "likeliest": [[word, round(probability, DIGITS)] for word, probability in lens.likeliest],
                **({} if lens.rank is None else {"rank": lens.rank}),
            }
            for lens in inspection.lenses
        ],
        "most_entropy": round(inspection.max_entropy, DIGITS),
        "outcome": inspection.outcome and {"word": inspection.outcome[0], "since": inspection.outcome[1]},
        "probes": {name: round(score, DIGITS) for name, score in inspection.probes},
        "probes_at": inspection.probes_at,
        "looks": [[look.position, look.word, round(look.share, DIGITS)] for look in inspection.top_attention],
        "sharpest": _sharpest_object(*inspection.sharpest) if inspection.sharpest else None,
        "attention": [round(share, DIGITS) for share in inspection.attention],
        "before": _trace_object(inspection.previous) if inspection.previous else None,
        "source": "model",
    }


def _sharpest_object(head: SharpestHead, word: str) -> dict[str, Any]:
    return {"head": f"{head.layer}.{head.head}", "at": head.at + 1, "word": word, "share": round(head.share, DIGITS)}


def _trace_object(trace: DecoderTrace) -> dict[str, Any]:
    chances = [[layer, round(probability, DIGITS)] for layer, probability in trace.probabilities]
    return {"token": trace.token, "word": trace.word, "chances": chances, "since": trace.likeliest_from}


def event_objects(event: Event, session: Session) -> list[Mapping[str, object]]:
    """Return the objects of an event: readings before the scene or decoding that they belong to, none for ``Quit``."""
    row = event_object(event, session)
    rows = [] if row is None else [row]
    match event:
        case SceneEntered(run, _, made=True):
            return [*figure_objects(run, run.at), *rows]
        case TokenDecoded():
            run = session.run
            return [*map(reading_object, turn_readings(run, run.at)), *rows, *_opened(run, run.at)]
    return rows


def figure_objects(run: Run, number: int) -> list[Mapping[str, object]]:
    """Return the readings of a turn's acts and what it opens; nothing for a turn that decoded, where they stand around that."""
    if run.turns[number - 1].word is not None:
        return []
    return [*map(reading_object, turn_readings(run, number)), *_opened(run, number)]


def _opened(run: Run, number: int) -> list[Mapping[str, object]]:
    opening = opening_at(run, number)
    return [opening_object(opening)] if opening else []


def event_object(event: Event, session: Session) -> Mapping[str, object] | None:
    """Return the object of an event by itself, or None for ``Quit``."""
    match event:
        case SceneEntered(run, then):
            return scene_object(run, session.recorder.label, then)
        case TokenDecoded():
            return decode_object(event, session.inspector)
        case InspectionShown(inspection):
            return lens_object(inspection)
        case Rejected(message):
            return {"type": "error", "message": message, "offers": [offer.id for offer in session.open_offers]}
        case TreeShown(run_set, _, screen):
            return map_object(run_set) if screen == "map" else tree_object(run_set)
        case RunsCompared(first, second, names):
            return difference_object(compare_runs(first, second), names)
        case PictureShown(run):
            return picture_object(run)
        case Message(_, row):
            return row
        case _:
            return None


def handle_request(session: Session, line: str) -> list[Event]:
    """Return the events that answer one request; an invalid request is answered with ``Rejected``."""
    try:
        if len(line) == MAX_LINE:
            raise UsageError(f"this line is too long: at most {MAX_LINE} characters")
        return _handle_line(session, line.strip())
    except ForwardPassError as error:
        return [Rejected(f"{error}")]


def _handle_line(session: Session, line: str) -> list[Event]:
    if not line:
        raise UsageError(EXPECTED)
    if not line.startswith("{"):
        return _choose(session, line)
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        raise UsageError("not a JSON object") from None
    match request:
        case {"choose": str(choice)}:
            return _choose(session, choice)
        case {"undo": int(count)} if type(count) is int and count > 0:
            return _command(session, "undo", str(min(count, session.run.at or 1)))
        case {"redo": int(count)} if type(count) is int and count > 0:
            return _command(session, "redo", str(min(count, len(session.run.turns))))
        case {"quit": True}:
            return [session.quit_event()]
    return _handle_query(session, request)


QUERIES = ("lens", "notes", "untaken", "skip", "hint", "picture", "tree")
"""The commands that are asked for by ``{NAME: true}``."""


def _handle_query(session: Session, request: Any) -> list[Event]:
    """Return the events that answer a request for a command."""
    match request:
        case {"lab": str(line_of_lab)}:
            return _command(session, "lab", line_of_lab)
        case {"about": str(term)}:
            return _command(session, "about", term[:MAX_ID])
        case {"diff": str(run)}:
            return _command(session, "diff", run[:MAX_ID])
        case {"hint": int(number)} if type(number) is int:
            return _command(session, "hint", f"{number}")
        case dict():
            asked = [name for name in QUERIES if request.get(name) is True]
            if asked:
                return _command(session, asked[0])
    raise UsageError(EXPECTED)


def _command(session: Session, name: str, argument: str = "") -> list[Event]:
    return COMMANDS[name].run(session, argument)


def _choose(session: Session, choice: str) -> list[Event]:
    if len(choice) > MAX_ID or not choice.isprintable():
        raise UsageError(f"not an id: small letters, digits and -, at most {MAX_ID} characters")
    return session.choose(choice)


def show(events: Iterable[Event], session: Session) -> bool:
    """Print events, an object a line; return False after ``Quit``."""
    playing = True
    for event in events:
        for row in event_objects(event, session):
            print(json_line(row))
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
                *_opened(run, number),
            ]:
                print(json_line(row))
            then = ""
        print(json_line({**scene_object(present, None, then), "digest": turn.digest}))
    summary = {"type": "replayed", "turns": result.requested_turns, "identical": result.identical_turns}
    for difference in result.differences[:1]:
        summary["message"] = f"{result.summary}: {difference.what}"
    print(json_line(summary))


def run(session: Session) -> None:
    """Play until standard input ends or a request quits."""
    show(session.opening(), session)
    session.inspector.warm_up()
    while line := read_line():
        if not show(handle_request(session, line), session):
            return
