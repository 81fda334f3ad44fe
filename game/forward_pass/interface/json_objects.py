"""What programs get to read: the objects of scenes, decodings, endings, readings and all else, as docs/json.md describes."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from forward_pass import __version__
from forward_pass.errors import escaped
from forward_pass.session import glossary_help
from forward_pass.session.branches import tree_object
from forward_pass.session.comparison import compare_runs, difference_object
from forward_pass.session.decision import decision, decision_object
from forward_pass.session.events import (
    Event,
    InspectionShown,
    Message,
    PictureShown,
    Rejected,
    RunsCompared,
    SceneEntered,
    TokenDecoded,
    TreeShown,
    ViewRequested,
)
from forward_pass.session.inspection import DecoderTrace, Inspection
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
    transcript,
)
from forward_pass.story.engine import closed_text, is_ending, offers
from forward_pass.story.history import Run
from forward_pass.story.measurements import log_likelihood, untouched_log_likelihood
from forward_pass.story.ports import Inspector, SharpestHead
from forward_pass.story.state import Prior

LIKELIEST = 10
DIGITS = 4
TRANSCRIPT_COLUMNS = 72


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
            "ending": state.scene,
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


def lens_object(inspection: Inspection, *, attention: bool = True) -> dict[str, Any]:
    """Return the ``lens`` object of an inspection; positions count from 1, ``attention``, if wanted, has a share for each."""
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
        **({"attention": [round(share, DIGITS) for share in inspection.attention]} if attention else {}),
        "before": _trace_object(inspection.previous) if inspection.previous else None,
        "source": "model",
    }


def _sharpest_object(head: SharpestHead, word: str) -> dict[str, Any]:
    return {"head": f"{head.layer}.{head.head}", "at": head.at + 1, "word": word, "share": round(head.share, DIGITS)}


def _trace_object(trace: DecoderTrace) -> dict[str, Any]:
    chances = [[layer, round(probability, DIGITS)] for layer, probability in trace.probabilities]
    return {"token": trace.token, "word": trace.word, "chances": chances, "since": trace.likeliest_from}


def prompt_object(run: Run) -> dict[str, Any]:
    """Return the ``prompt`` object: the words of the document so far, of which the prompt is the beginning, and its spans."""
    world = run.world
    spans = {name: [start + 1, stop] for name, (start, stop) in world.spans.items()}
    return {"type": "prompt", "words": [*world.prompt, *run.state.words], "prompt": len(world.prompt), "spans": spans}


def transcript_object(run: Run) -> dict[str, Any]:
    """Return the ``transcript`` object: all that was read up to the present turn, as plain lines."""
    return {"type": "transcript", "turn": run.at, "text": "\n".join(transcript(run, TRANSCRIPT_COLUMNS))}


def hello_object(session: Session, requests: Collection[str], *, is_open: bool = False) -> dict[str, Any]:
    """Return the ``hello`` object: what this process plays, what the run knows of earlier ones, what can be asked for."""
    world, header = session.world, session.recorder.header
    return {
        "type": "hello",
        "protocol": 2,
        "game": __version__,
        "world": world.id,
        "title": world.title,
        "version": world.version,
        "hash": world.hash,
        "weights": world.network,
        "seed": header.seed if header.temperature else None,  # at temperature 0 nothing is drawn by it
        "temperature": header.temperature,
        "facts": facts_object(header.prior),
        "saving": session.recorder.is_saving,
        "open": is_open,
        "prompt": list(world.prompt),
        "layers": world.layers,
        "waking": world.first_layer,
        "boundary": world.boundary,
        "telling": world.telling.token if world.telling else None,
        "words": list(world.telling.words) if world.telling else [],
        "verbs": dict(glossary_help.verbs(world)),
        "endings": len(world.endings),
        "requests": list(requests),
    }


def facts_object(prior: Prior) -> dict[str, Any]:
    """Return what a run knows of earlier ones as an object, as ``--facts`` reads it."""
    return {"instantiation": prior.instantiation, "found": sorted(prior.found), "met": sorted(prior.met)}


def event_objects(event: Event, session: Session) -> list[Mapping[str, object]]:
    """Return the objects of an event: readings before the scene or decoding that they belong to, none for ``Quit``."""
    row = event_object(event, session)
    rows = [] if row is None else [row]
    match event:
        case SceneEntered(run, _, made=True):
            return [*figure_objects(run, run.at), *rows]
        case TokenDecoded():
            run = session.run
            return [*map(reading_object, turn_readings(run, run.at)), *rows, *opened_objects(run, run.at)]
    return rows


def figure_objects(run: Run, number: int) -> list[Mapping[str, object]]:
    """Return the readings of a turn's acts and what it opens; nothing for a turn that decoded, where they stand around that."""
    if run.turns[number - 1].word is not None:
        return []
    return [*map(reading_object, turn_readings(run, number)), *opened_objects(run, number)]


def opened_objects(run: Run, number: int) -> list[Mapping[str, object]]:
    """Return what a turn opens of what was sealed: one object, or none."""
    opening = opening_at(run, number)
    return [opening_object(opening)] if opening else []


def event_object(event: Event, session: Session) -> Mapping[str, object] | None:
    """Return the object of an event by itself, or None for ``Quit``."""
    match event:
        case SceneEntered(run, then):
            return scene_object(run, session.recorder.label, then)
        case TokenDecoded():
            return decode_object(event, session.inspector)
        case InspectionShown(inspection, attention):
            return lens_object(inspection, attention=attention)
        case Rejected(message, code):
            return {"type": "error", "code": code, "message": message, "offers": [offer.id for offer in session.open_offers]}
        case ViewRequested(view, run):
            return prompt_object(run) if view == "prompt" else transcript_object(run)
        case TreeShown(run_set, _, screen, below, limit):
            return map_object(run_set) if screen == "map" else tree_object(run_set, below=below, limit=limit)
        case RunsCompared(first, second, names):
            return difference_object(compare_runs(first, second), names)
        case PictureShown(run):
            return picture_object(run)
        case Message(text, row):
            return row or {"type": "message", "text": text}
        case _:
            return None
