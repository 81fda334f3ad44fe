"""Answers of the laboratory as lines of text, as objects, and as messages in play."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from forward_pass.errors import UsageError
from forward_pass.network.passes import ComputedPass
from forward_pass.session.events import Message
from forward_pass.session.laboratory import Answer, BenchAnswer, Comparison, HeadLook, HeadsFound, HeadsShown, Laboratory
from forward_pass.session.laboratory_input import USAGE, ask
from forward_pass.session.transcript import quoted
from forward_pass.storage.store import RunStore
from forward_pass.story.distribution import format_probability
from forward_pass.story.history import Run, at_turn
from forward_pass.story.ports import Inspector
from forward_pass.story.tokeniser import join

DIGITS = 4


def open_laboratory(run: Run, inspector: Inspector, store: RunStore) -> Laboratory:
    """Return a bench at the state of a run; raises ``UsageError`` where its words are written."""
    if not isinstance(inspector, ComputedPass):
        raise UsageError(f"{run.world.title} has no model: its words are written, and there is nothing to set")

    return Laboratory(run, inspector, lambda reference, turn: turn_of(store.view(reference), reference, turn))


def turn_of(run: Run, reference: str, turn: int) -> Run:
    """Return a run at one of its turns; raises ``UsageError`` where it has no such turn."""
    if not 0 <= turn <= len(run.turns):
        raise UsageError(f"run {reference} has turns 0 to {len(run.turns)}, not {turn}")
    return at_turn(run, turn)


def answer_message(laboratory: Laboratory, line: str) -> Message:
    """Return the answer to a line; to an empty one, what can be typed. Raises ``UsageError``."""
    if line.strip() in ("", "help", "?"):
        return Message(usage_text(), {"type": "lab", "lines": [usage for usage, _ in USAGE]})
    answer = ask(laboratory, line)
    return Message("\n".join(answer_lines(answer)), answer_object(answer))


def usage_text() -> str:
    """Return what can be typed into the laboratory."""
    rows = "\n".join(f"  {usage:<30} {text}" for usage, text in USAGE)
    return (
        "The laboratory sets things in the passes of this document and says what comes out. It never touches the run. "
        f"Layers and positions count from 1, heads from 0.\n\n{rows}"
    )


def answer_lines(answer: Answer) -> list[str]:
    """Return an answer as lines of text, not wrapped: front ends do that."""
    match answer:
        case HeadsFound(token, (first, second), (one, other), heads):
            title = f"At {token}: {quoted(first)} {_p(one)}, {quoted(second)} {_p(other)}. With one head silenced:"
            return [title, *(f"  {row.layer}.{row.head}  {_both(row.probabilities)}" for row in heads)]
        case HeadsShown(token, heads, document):
            rows = (f"  {row.layer}.{row.head}  {_p(row.share):<6} at {row.position:<4} {quoted(row.word)}" for row in heads)
            page = f"The page at {token}; after a word, in brackets, how many of the {len(heads)} heads look most at it:"
            return [page, "", *_painted_page(heads, document), "", "Each head, its largest share and where that goes:", *rows]
        case BenchAnswer():
            return _bench_lines(answer)


def _painted_page(heads: Sequence[HeadLook], document: Sequence[str]) -> list[str]:
    """Return the lines of the document at which a head looks most; skipped lines are dots."""
    looks = Counter(row.position for row in heads)
    lines: list[str] = []
    start = 0
    for end in [*(at for at, word in enumerate(document) if word == "\n"), len(document)]:
        found = [at for at in range(start, min(end + 1, len(document))) if looks[at + 1]]
        if found:
            words = [f"{document[at]}[{looks[at + 1]}]" if at in found else document[at] for at in range(start, end)]
            closing = f" (line end)[{looks[end + 1]}]" if end in found else ""
            lines.append(re.sub(r" ([?.,]\[)", r"\1", f"  {join(words)}{closing}"))
        elif lines[-1:] != ["  …"]:
            lines.append("  …")
        start = end + 1
    return lines


def _bench_lines(answer: BenchAnswer) -> list[str]:
    lines = [f"  {number}. {text}" for number, text in enumerate(answer.settings, 1)] or ["No settings."]
    if answer.here.token != answer.telling.token:
        lines.append(_comparison_text(answer.here))
    lines.append(_comparison_text(answer.telling))
    if answer.lengths and answer.control:
        added, stream = answer.lengths
        control = answer.control
        text = f"The push is {added:.1f} long, the stream there {stream:.1f}. Of {control.n} random pushes of its length "
        lines.append(f"{text}{control.as_far} move {quoted(control.word)} at {control.token} as far.")
    return lines


def _comparison_text(comparison: Comparison) -> str:
    words = ", ".join(f"{quoted(word)} {_p(before)} → {_p(after)}" for word, before, after in comparison.words)
    return f"At {comparison.token}: {words}."


def _both(probabilities: tuple[float, float]) -> str:
    return f"{_p(probabilities[0]):<6} {_p(probabilities[1])}"


def _p(probability: float) -> str:
    return format_probability(probability)


def answer_object(answer: Answer) -> dict[str, object]:
    """Return an answer as an object; probabilities to four places."""
    match answer:
        case HeadsFound(token, words, base, heads):
            rows = [{"head": f"{row.layer}.{row.head}", "p": _rounded(row.probabilities)} for row in heads]
            return {"type": "heads-found", "token": token, "words": list(words), "p": _rounded(base), "heads": rows}
        case HeadsShown(token, heads, _):
            looks = [
                {"head": f"{row.layer}.{row.head}", "at": row.position, "word": row.word, "share": round(row.share, DIGITS)}
                for row in heads
            ]
            return {"type": "heads", "token": token, "heads": looks}
        case BenchAnswer(settings, telling, here, lengths, control):
            return {
                "type": "bench",
                "settings": list(settings),
                "token": telling.token,
                "before": [[word, round(before, DIGITS)] for word, before, _ in telling.words],
                "after": [[word, round(after, DIGITS)] for word, _, after in telling.words],
                "here": {
                    "token": here.token,
                    "words": [[word, *_rounded((before, after))] for word, before, after in here.words],
                },
                "length": round(lengths.added, DIGITS) if lengths else None,
                "stream": round(lengths.stream, DIGITS) if lengths else None,
                "random": {"n": control.n, "more": control.as_far, "token": control.token} if control else None,
            }


def _rounded(probabilities: tuple[float, float]) -> list[float]:
    return [round(probability, DIGITS) for probability in probabilities]
