r"""What a text can say of a pass in numbers and words: parsed to plain lists, compiled to closures. Knows no world.

{p('two')}, {percent('two')}  the chance of a word at the last decoding: 0.66, 66
{p('two', 402)}               ... at the decoding of a token; an ellipsis before that
{p('two', again)}             ... after a passage that the world declares under ``continuations``, with nothing done in it
{now('two')}                  its chance if the decoder came now, with the pass as it stands: 0.66
{would(bend-no, 'no')}        its chance then, if an act were added that began at the next layer
{lens('two')}                 its chance read off the residual stream at the present layer
{probe('nonsense')}           a probe's score there: +0.95
{foreseen('face', 395)}       the chance that the pass gave a word of the prompt's own, or another in its place
{heed(your)}                  per cent of the attention so far that went to a span; {heed(your, 402)}: of a whole token's
{p(word)}, {p(word, 402)}     the chance of the word that was drawn
{now(likeliest)}, {p(likeliest, again)}, {foreseen(word, 395)}   of the likeliest; of the word that stands there
{likeliest}, {likeliest(402)}, {likeliest(again)}   the likeliest word: of the pass as it stands, at a token, after a passage
{onward(14)}, {onward(14, again)}   so many words more, the likeliest each time, with nothing done in them
{word}, {word(402)}           the word drawn last, or at a token
{sentence}                    all words drawn so far
{typed(1)}, {typed(2)}        the last line of the prompt, the last but one
{twice}                       the largest difference between two runs of this pass, made now, at any layer up to the present one
{likelihood}, {untouched}     of all words drawn, in nats: under this pass, and under one that nobody touched
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from forward_pass.story.distribution import Distribution, PassPort, format_nats, format_probability, greedy
from forward_pass.story.expressions import ExpressionError, Scope, Tree
from forward_pass.story.state import Act, Acts, State
from forward_pass.story.tokeniser import END, NEWLINE, join, tokenise

Piece = Callable[[State, PassPort], str]

MAX_CONTINUATION = 60
MOST_PROBES = 10  # that are named where another was asked for
UNPREDICTED = 2  # positions of the prompt that nothing was expected at: the document's mark, and the word after it
NAMES = ("word", "likeliest", "sentence", "likelihood", "untouched", "twice")
PLACES = 16  # of a difference: about as many as the numbers have
CALL = re.compile(r"\s*(?P<form>[a-z]+)\s*\((?P<inside>.*)\)\s*", re.DOTALL)
GIVEN = re.compile(r"\s*(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<bare>[A-Za-z0-9_-]+))\s*(?P<end>,|$)")
UNKNOWN = "…"


class Argument(NamedTuple):
    """What stands between a form's brackets, once: a word in quotes, or a bare name or number, and where."""

    value: str
    quoted: bool
    start: int

    @property
    def number(self) -> int | None:
        """The number, if it is a whole one."""
        digits = not self.quoted and len(self.value) < 7 and self.value.isascii() and self.value.isdigit()  # noqa: PLR2004
        return int(self.value) if digits else None


def parse_measurement(head: str, start: int, scope: Scope) -> Tree | None:
    """Return the tree of a reading that stands in braces, None for what is none; raises ``ExpressionError``."""
    bare = head.strip()
    if bare in NAMES:
        if bare == "likeliest":
            _MeasurementParser(bare, start, scope).under_way()
            return ["likeliest", 0]
        if bare == "twice":
            reading = _MeasurementParser(bare, start, scope)
            reading.computed()
            reading.under_way()
        return [bare, 0]
    match = CALL.fullmatch(head)
    if match is None or match["form"] not in FORMS:
        return None
    reading = _MeasurementParser(match["form"], start, scope)
    given = reading.split(match["inside"], start + match.start("inside"))
    return FORMS[match["form"]](reading, given)


@lru_cache(maxsize=64)
def _as_words(passage: str) -> str:
    """Return a passage as words: in a text, the ends of lines are blanks. One string, however often it is asked for."""
    return json.dumps(tokenise(passage))


class _MeasurementParser:
    """One form with its place, and what its arguments may be."""

    def __init__(self, form: str, start: int, scope: Scope) -> None:
        self.form, self.start, self.scope = form, start, scope

    def split(self, inside: str, at: int) -> list[Argument]:
        given: list[Argument] = []
        offset = 0
        while True:
            match = GIVEN.match(inside, offset)
            if match is None:
                raise ExpressionError(at + offset, "E102", f"{self.form!r} takes {ARGUMENTS_HELP[self.form]}")
            value = next(text for text in (match["single"], match["double"], match["bare"]) if text is not None)
            given.append(Argument(value, match["bare"] is None, at + offset))
            offset = match.end()
            if not match["end"]:
                return given

    def wrong(self, at: int | None = None) -> ExpressionError:
        return ExpressionError(self.start if at is None else at, "E102", f"{self.form!r} takes {ARGUMENTS_HELP[self.form]}")

    def unknown(self, given: Argument, what: str, known: Collection[str]) -> ExpressionError:
        return ExpressionError(given.start, "E103", f"unknown {what} {given.value!r}", given.value, known)

    def counted(self, given: list[Argument], least: int, most: int) -> None:
        if not least <= len(given) <= most:
            raise self.wrong()

    def under_way(self) -> None:
        if self.scope.ending:
            raise ExpressionError(self.start, "E106", "no pass is running at an ending; use p('two') for the last decoding")

    def computed(self) -> None:
        if self.scope.probes is None:
            message = f"{self.form!r} needs a model, and this world has none"
            raise ExpressionError(self.start, "E106", message)

    def which(self, given: Argument, also: tuple[str, ...]) -> list[str | int]:
        """Return a word that was asked for, or which one is meant, and whether it is the second."""
        if given.quoted:
            return [given.value, 0]
        if given.value not in also:
            raise self.wrong(given.start)
        return [given.value, 1]

    def when(self, given: Argument) -> int | str:
        """Return the token that is meant, or the passage."""
        number = given.number
        if number is not None:
            first, last = self.scope.decoded
            if not first <= number <= last:
                message = f"the tokens of this world are {first} to {last}, not {number}"
                raise ExpressionError(given.start, "E206", message)
            return number
        return self.passage(given)

    def passage(self, given: Argument) -> str:
        known = self.scope.continuations
        if given.quoted or given.value not in known:
            raise self.unknown(given, "continuation", known)
        return _as_words(known[given.value])

    # -- the forms ------------------------------------------------------------------------------------------------

    def chance(self, given: list[Argument]) -> Tree:
        self.counted(given, 1, 2)
        asked = self.which(given[0], ("word", "likeliest"))
        if len(given) == 1:
            if asked == ["likeliest", 1]:
                self.under_way()
            return ["chance", self.form, *asked, 0]
        when = self.when(given[1])
        if asked == ["word", 1] and isinstance(when, str):
            raise ExpressionError(given[0].start, "E106", "no word is drawn after a continuation: use 'likeliest' instead")
        return ["chance", self.form, *asked, when]

    def present(self, given: list[Argument]) -> Tree:
        self.counted(given, 1, 1)
        self.under_way()
        return ["chance", self.form, *self.which(given[0], ("word", "likeliest")), 0]

    def layered(self, given: list[Argument]) -> Tree:
        self.computed()
        self.under_way()
        self.counted(given, 1, 1)
        known = () if self.scope.probes is None else self.scope.probes
        if not given[0].quoted or (self.form == "probe" and given[0].value not in known):
            some = islice(known, MOST_PROBES)
            can = ", ".join(f"probe('{name}')" for name in some) if self.form == "probe" else "lens('two')"
            raise ExpressionError(self.start, "E103", f"invalid argument of {self.form!r}; use {can}")
        return ["chance", self.form, given[0].value, 0, 0]

    def would(self, given: list[Argument]) -> Tree:
        self.computed()
        self.under_way()
        self.counted(given, 1, 2)
        acts = self.scope.ids.get("act", {})
        if given[0].quoted or given[0].value not in acts:
            raise self.unknown(given[0], "act", acts)
        if len(given) > 1 and not given[1].quoted:
            raise self.wrong(given[1].start)
        return ["would", given[0].value, given[1].value if len(given) > 1 else ""]

    def prompt_prediction(self, given: list[Argument]) -> Tree:
        self.computed()
        self.counted(given, 2, 2)
        prompt, position = self.scope.prompt, given[1].number
        if position is None or not UNPREDICTED < position <= len(prompt):
            message = f"expected a position of the prompt from 3 to {len(prompt)}, found {given[1].value}"
            raise ExpressionError(given[1].start, "E206", message)
        word, which = self.which(given[0], ("word",))
        return ["foreseen", prompt[position - 1] if which else word, position]

    def attention(self, given: list[Argument]) -> Tree:
        self.computed()
        self.counted(given, 1, 2)
        known = self.scope.spans
        if given[0].quoted or given[0].value not in known:
            raise self.unknown(given[0], "span", known)
        if len(given) == 1:
            self.under_way()
            return ["heed", *known[given[0].value], 0]
        when = given[1].number
        if when is None:
            raise self.wrong(given[1].start)
        self.when(given[1])
        if known[given[0].value][1] > when:
            message = f"the span {given[0].value!r} ends at position {known[given[0].value][1]}, after token {when}"
            raise ExpressionError(given[0].start, "E106", message)
        return ["heed", *known[given[0].value], when]

    def continuation(self, given: list[Argument]) -> Tree:
        self.computed()
        self.counted(given, 1, 2)
        count = given[0].number
        if count is None or not 1 <= count <= MAX_CONTINUATION:
            raise ExpressionError(
                given[0].start, "E206", f"expected a number of words from 1 to {MAX_CONTINUATION}, found {given[0].value}"
            )
        return ["onward", count, self.passage(given[1]) if len(given) > 1 else ""]

    def likeliest(self, given: list[Argument]) -> Tree:
        self.counted(given, 1, 1)
        return ["likeliest", self.when(given[0])]

    def typed(self, given: list[Argument]) -> Tree:
        self.counted(given, 1, 1)
        lines = [line for line in join(self.scope.prompt[1:]).split(NEWLINE) if line]
        number = given[0].number
        if number is None or not 1 <= number <= len(lines):
            raise ExpressionError(given[0].start, "E206", f"the prompt has lines 1 to {len(lines)}, not {given[0].value}")
        return ["typed", lines[-number]]

    def word(self, given: list[Argument]) -> Tree:
        self.counted(given, 1, 1)
        if given[0].number is None:
            raise self.wrong(given[0].start)
        return ["word", given[0].number]


FORMS: dict[str, Callable[[_MeasurementParser, list[Argument]], Tree]] = {
    "p": _MeasurementParser.chance,
    "percent": _MeasurementParser.chance,
    "now": _MeasurementParser.present,
    "lens": _MeasurementParser.layered,
    "probe": _MeasurementParser.layered,
    "would": _MeasurementParser.would,
    "foreseen": _MeasurementParser.prompt_prediction,
    "heed": _MeasurementParser.attention,
    "onward": _MeasurementParser.continuation,
    "likeliest": _MeasurementParser.likeliest,
    "typed": _MeasurementParser.typed,
    "word": _MeasurementParser.word,
}
ARGUMENTS_HELP = {
    "p": (
        "a word in quotes, word or likeliest, then optionally a token or a continuation: "
        "p('two'), p('two', 402), p('two', again)"
    ),
    "percent": "the same arguments as p: percent('two'), percent('two', 402), percent('two', again)",
    "now": "a word in quotes, word or likeliest: now('two')",
    "lens": "a word in quotes: lens('two')",
    "probe": "a probe's name in quotes: probe('nonsense')",
    "would": "an act, then optionally a word in quotes: would(bend-no, 'no')",
    "foreseen": "a word in quotes, or word, and a position of the prompt: foreseen('face', 395)",
    "heed": "a span, then optionally a token: heed(your), heed(your, 402)",
    "onward": "a number of words, then optionally a continuation: onward(14), onward(14, again)",
    "likeliest": "a token or a continuation: likeliest(402), likeliest(again)",
    "typed": "the number of a line of the prompt, counted from its end: typed(1)",
    "word": "a token: word(402)",
}
NOT_NAMES = frozenset((*FORMS, *NAMES))


# -- compiled ---------------------------------------------------------------------------------------------------------


def last_distribution(state: State, measure: PassPort) -> Distribution:
    """Return the distribution at the last decoding of ``state``, or of the pass as it stands where there was none yet."""
    if not state.words:
        return measure.distribution((), state.acts)
    return measure.distribution(state.words[:-1], state.acts[: len(state.words)])


def _at(state: State, measure: PassPort, when: int | str) -> Distribution | None:
    """Return the distribution at the decoding of a token, None where it is not yet decoded; or that after a passage."""
    if isinstance(when, str):
        return measure.distribution(*_after(state, when))
    index = _index(state, when)
    return None if index is None else measure.distribution(state.words[:index], state.acts[: index + 1])


def _after(state: State, passage: str) -> tuple[tuple[str, ...], Acts]:
    """Return the words and interventions of a pass that goes on through a passage in which nothing is done."""
    words = json.loads(passage) if passage else ()
    return (*state.words, *words), (*state.acts[: len(state.words) + 1], *((),) * len(words))


def _index(state: State, position: int) -> int | None:
    """Return which of the drawn words was drawn at the end of a token, None where none was yet."""
    index = position - (state.token - len(state.words))
    return index if 0 <= index < len(state.words) else None


def _chance(form: str, asked: str, which: int, when: int | str) -> Piece:
    def chance(state: State, measure: PassPort) -> str:
        if form == "probe":
            return f"{measure.probe(state.words, state.acts, state.layer, asked):+.2f}"
        if form == "lens":
            distribution = measure.lens(state.words, state.acts, state.layer)
        elif form == "now":
            distribution = measure.distribution(state.words, state.acts)
        elif when:
            known = _at(state, measure, when)
            if known is None:
                return UNKNOWN
            distribution = known
        else:
            distribution = last_distribution(state, measure)
        word = _which(asked, state, measure, distribution, when) if which else asked
        probability = distribution.p(word)
        return f"{100 * probability:.0f}" if form == "percent" else format_probability(probability)

    return chance


def _which(asked: str, state: State, measure: PassPort, distribution: Distribution, when: int | str) -> str:
    """Return the word drawn, last or at a token; or the likeliest, of what was asked or of the pass as it stands."""
    if asked == "likeliest":
        return _likeliest_of(distribution if when else measure.distribution(state.words, state.acts))
    if isinstance(when, int) and when:
        return state.words[_index(state, when) or 0]
    return state.words[-1] if state.words else UNKNOWN


def _likeliest_of(distribution: Distribution) -> str:
    return distribution.words[greedy(distribution.logits)]


def _would(act: str, word: str) -> Piece:
    def would(state: State, measure: PassPort) -> str:
        acts = (*state.acts[:-1], (*state.acts[-1], Act(act, state.layer + 1)))
        distribution = measure.distribution(state.words, acts)
        return format_probability(distribution.p(word)) if word else _likeliest_of(distribution)

    return would


def _prompt_prediction(word: str, position: int) -> Piece:
    return lambda _state, measure: format_probability(measure.prompt_prediction(position).p(word))


def _attention(start: int, stop: int, when: int) -> Piece:
    def heed(state: State, measure: PassPort) -> str:
        if when:
            index = when - (state.token - len(state.words))
            if not 0 <= index <= len(state.words):
                return UNKNOWN
            shares = measure.attention(state.words[:index], state.acts[: index + 1], WHOLE)
        else:
            shares = measure.attention(state.words, state.acts, state.layer)
        return f"{100 * sum(shares[start:stop]):.1f}"

    return heed


WHOLE = 1_000_000
"""A layer above any that looks: attention up to there is all that there is."""


def _continuation(count: int, passage: str) -> Piece:
    def onward(state: State, measure: PassPort) -> str:
        words, acts = _after(state, passage)
        begun = len(words)
        while len(words) < begun + count and (not words[begun:] or words[-1] != END):
            words = (*words, _likeliest_of(measure.distribution(words, acts)))
            acts = (*acts, ())
        return _set(words[begun:])

    return onward


def _set(words: tuple[str, ...]) -> str:
    """Return words in one line, as they would be typed."""
    return join(words).replace(NEWLINE, " ").strip()


def _typed(line: str) -> Piece:
    return lambda _state, _measure: line


def _word(position: int) -> Piece:
    def word(state: State, _: PassPort) -> str:
        index = _index(state, position) if position else len(state.words) - 1
        return state.words[index] if index is not None and index >= 0 else UNKNOWN

    return word


def _likeliest(when: int | str) -> Piece:
    def likeliest(state: State, measure: PassPort) -> str:
        distribution = _at(state, measure, when) if when else measure.distribution(state.words, state.acts)
        return UNKNOWN if distribution is None else _likeliest_of(distribution)

    return likeliest


def log_likelihood(measure: PassPort, words: tuple[str, ...], acts: Acts) -> float:
    """Return the log-likelihood in nats of the words that came out, each scored by the pass that drew it."""
    return sum(measure.distribution(words[:at], acts[: at + 1]).logprob(word) for at, word in enumerate(words))


def unmodified_log_likelihood(measure: PassPort, words: tuple[str, ...]) -> float:
    """Return the log-likelihood in nats of the same words under a pass in which nothing was done."""
    return log_likelihood(measure, words, ((),) * len(words))


def _likelihood(_: int) -> Piece:
    return lambda state, measure: format_nats(log_likelihood(measure, state.words, state.acts))


def _untouched(_: int) -> Piece:
    return lambda state, measure: format_nats(unmodified_log_likelihood(measure, state.words))


def _recompute_error(_: int) -> Piece:
    return lambda state, measure: f"{measure.recompute_error(state.words, state.acts, state.layer):.{PLACES}f}"


def _sentence(_: int) -> Piece:
    return lambda state, _measure: _set(state.words)


COMPILED: dict[str, Callable[..., Piece]] = {
    "chance": _chance,
    "word": _word,
    "likeliest": _likeliest,
    "sentence": _sentence,
    "twice": _recompute_error,
    "likelihood": _likelihood,
    "untouched": _untouched,
    "would": _would,
    "foreseen": _prompt_prediction,
    "heed": _attention,
    "onward": _continuation,
    "typed": _typed,
}
"""How the tree of each reading becomes a closure."""
