"""One JSON object a line for programs: a language model can play the model. The objects are described in docs/json.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from forward_pass.errors import ForwardPassError, UsageError
from forward_pass.session.branches import compare_runs, difference_object, tree_object
from forward_pass.session.inspection import DecoderTrace, Inspection
from forward_pass.session.plain_text import MAX_LINE, read_line
from forward_pass.session.session import (
    Event,
    InspectionShown,
    Message,
    Quit,
    Rejected,
    RunsCompared,
    SceneEntered,
    Session,
    TokenDecoded,
    TreeShown,
)
from forward_pass.session.transcript import (
    current_word,
    run_log_likelihood,
    running_likelihoods,
    scene_text,
    then_text,
    turn_distribution,
)
from forward_pass.storage.replay import ReplayResult
from forward_pass.story.distribution import PassPort
from forward_pass.story.engine import is_ending, offers
from forward_pass.story.history import Run, at_turn

LIKELIEST = 10
LONGEST_ID = 60
DIGITS = 4
EXPECTED = (
    'expected {"choose":ID}, {"undo":1}, {"redo":1}, {"lens":true}, {"notes":true}, {"about":TERM}, {"hint":true}, '
    '{"tree":true}, {"diff":RUN}, {"quit":true}, or an id'
)


def json_line(row: dict[str, Any]) -> str:
    """Return an object as one line, in which whatever would act on a terminal is an escape."""
    line = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    if line.isprintable():
        return line
    return "".join(character if character.isprintable() else json.dumps(character)[1:-1] for character in line)


def scene_object(run: Run, label: str | None, then: str = "") -> dict[str, Any]:
    """Return the object of a scene or an ending."""
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
            "turn": run.at,
        }
    return {
        "type": "scene",
        "run": label,
        "turn": run.at,
        "scene": state.scene,
        "token": state.token,
        "word": current_word(world, state),
        "layer": state.layer,
        "layers": world.layers,
        "text": text,
        "variables": variables(run),
        "offers": offer_objects(run),
    }


def variables(run: Run) -> dict[str, int | bool | str]:
    """Return the variables by name: numbers, truths and words."""
    shown: dict[str, int | bool | str] = {}
    for variable, value in zip(run.world.variables, run.state.variables, strict=True):
        shown[variable.name] = variable.words[value] if variable.words else bool(value) if variable.flag else value
    return shown


def offer_objects(run: Run) -> list[dict[str, Any]]:
    """Return what is on offer, open or closed, in the order in which it was written."""
    rows = []
    for offer in offers(run.world, run.measure, run.state):
        row = {
            "id": offer.choice.id,
            "say": offer.choice.say(run.state, run.measure),
            "open": offer.open,
            "cost": offer.cost,
            "cut": offer.cut,
        }
        rows.append({**row, "taken": offer.taken} if offer.open else {**row, "taken": offer.taken, "why": offer.why})
    return rows


def decode_object(event: TokenDecoded, measure: PassPort) -> dict[str, Any]:
    """Return the object of a decoding: the ten likeliest words, or all that a written token declares."""
    distribution, word = event.distribution, event.turn.word or ""
    count = LIKELIEST if measure.source == "model" else len(distribution.words)
    row = {
        "type": "decode",
        "token": event.token,
        "distribution": [[word, round(chance, DIGITS)] for word, chance in distribution.likeliest(count)],
        "drawn": word,
        "logprob": round(distribution.logprob(word), DIGITS),
        "source": measure.source,
    }
    if measure.source == "model":
        own, untouched = running_likelihoods(event.turn, measure)
        row |= {"total": round(own, DIGITS), "untouched": round(untouched, DIGITS)}
    return {**row, "text": event.then} if event.then else row


def lens_object(read: Inspection) -> dict[str, Any]:
    """Return the object of a pass laid open; positions count from 1, and attention stands for each of them."""
    return {
        "type": "lens",
        "token": read.token,
        "word": read.word,
        "layer": read.layer,
        "layers": read.layers,
        "lens": [
            {
                "layer": lens.layer,
                "entropy": round(lens.entropy, DIGITS),
                "likeliest": [[word, round(chance, DIGITS)] for word, chance in lens.likeliest],
            }
            for lens in read.lenses
        ],
        "most_entropy": round(read.most_entropy, DIGITS),
        "probes": {name: round(score, DIGITS) for name, score in read.probes},
        "looks": [[look.position, look.word, round(look.share, DIGITS)] for look in read.strongest],
        "attention": [round(share, DIGITS) for share in read.attention],
        "before": _settling_object(read.before) if read.before else None,
        "source": "model",
    }


def _settling_object(before: DecoderTrace) -> dict[str, Any]:
    chances = [[layer, round(chance, DIGITS)] for layer, chance in before.chances]
    return {"token": before.token, "word": before.word, "chances": chances, "since": before.since}


def event_object(event: Event, play: Session) -> dict[str, Any] | None:
    """Return the object of an event; leaving says nothing."""
    match event:
        case SceneEntered(run, then):
            return scene_object(run, play.store.label, then)
        case TokenDecoded():
            return decode_object(event, play.pass_port)
        case InspectionShown(read):
            return lens_object(read)
        case Rejected(message):
            return {"type": "error", "message": message, "offers": [offer.choice.id for offer in play.open_offers]}
        case TreeShown(shelf, _):
            return tree_object(shelf)
        case RunsCompared(first, second, names):
            return difference_object(compare_runs(first, second), names)
        case Message(_, row):
            return row
        case _:
            return None


def handle_request(play: Session, line: str) -> list[Event]:
    """Return what came of one request; whatever is wrong with it is an event too."""
    try:
        if len(line) == MAX_LINE:
            raise UsageError(f"this line is too long: at most {MAX_LINE} characters")
        return _carried_out(play, line.strip())
    except ForwardPassError as error:
        return [Rejected(f"{error}")]


def _carried_out(play: Session, line: str) -> list[Event]:
    if not line:
        raise UsageError(EXPECTED)
    if not line.startswith("{"):
        return _chosen(play, line)
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        raise UsageError("this line is no JSON object") from None
    match request:
        case {"choose": str(choice)}:
            return _chosen(play, choice)
        case {"undo": int(count)} if type(count) is int and count > 0:
            return play.undo(str(min(count, play.run.at or 1)))
        case {"redo": int(count)} if type(count) is int and count > 0:
            return play.redo(str(min(count, len(play.run.turns))))
        case {"quit": True}:
            return [play.quit_event()]
    return _asked(play, request)


def _asked(play: Session, request: Any) -> list[Event]:
    """Return the answer to a request that changes nothing."""
    match request:
        case {"lens": True}:
            return play.lens("")
        case {"notes": True}:
            return play.notes("")
        case {"about": str(term)}:
            return play.about(term[:LONGEST_ID])
        case {"tree": True}:
            return play.tree("")
        case {"diff": str(run)}:
            return play.diff(run[:LONGEST_ID])
        case {"hint": True}:
            return play.hint("")
        case {"hint": int(number)} if type(number) is int:
            return play.hint(f"{number}")
    raise UsageError(EXPECTED)


def _chosen(play: Session, choice: str) -> list[Event]:
    if len(choice) > LONGEST_ID or not choice.isprintable():
        raise UsageError("an id is small letters, digits and -, at most 60")
    return play.choose(choice)


def show(events: Iterable[Event], play: Session) -> bool:
    """Print events, an object a line; return whether play goes on."""
    goes_on = True
    for event in events:
        row = event_object(event, play)
        if row is not None:
            print(json_line(row))
        goes_on = goes_on and not isinstance(event, Quit)
    sys.stdout.flush()
    return goes_on


def show_replay(outcome: ReplayResult) -> None:
    """Print a replay: the objects of its scenes and decodings, and a last one that counts the turns that were identical."""
    run = outcome.run
    print(json_line(scene_object(at_turn(run, 0), None)))
    for number, turn in enumerate(run.turns, 1):
        here, then = at_turn(run, number), then_text(run, number)
        if turn.word is not None:
            decoded = TokenDecoded(turn.state.token - 1, turn_distribution(run, turn), turn, then)
            print(json_line(decode_object(decoded, run.measure)))
            then = ""
        print(json_line({**scene_object(here, None, then), "digest": turn.digest}))
    row = {"type": "replayed", "turns": outcome.asked, "identical": outcome.identical}
    for first in outcome.differences[:1]:
        row["message"] = f"{outcome.proof}: {first.what}"
    print(json_line(row))


def run(play: Session) -> None:
    """Play until standard input ends or a request quits."""
    show(play.opening(), play)
    play.pass_port.warm_up()
    while line := read_line():
        if not show(handle_request(play, line), play):
            return
