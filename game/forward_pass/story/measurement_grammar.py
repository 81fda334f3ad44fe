r"""What a text can show of a pass, in braces, from characters to nodes.

{p('two')}, {percent('two')}  the probability of a word at the last decoding: 0.66, 66
{p('two', 402)}               ... at the decoding of a token; an ellipsis before that
{p('two', again)}             ... after a passage that the world declares under ``continuations``, with nothing done in it
{now('two')}                  its probability if the decoder came now, with the pass as it stands: 0.66
{would(bend-no, 'no')}        its probability then, if an act were added that began at the next layer
{p('two', 402, without note)} at a token's decoding without the acts of a name; {p('two', 402, only shelves)}: by the
                              cache alone, with nothing that was done at that token
{forecast('two')}             its probability at the telling word if nothing more is done; {forecast('two', without note)}
{before('two')}, {after('two')}   the same without the act that was made last, and with it
{worth(note)}                 the probability of the word that stands for the run, less that without an act: +0.22
{lens('two')}                 its probability read off the residual stream at the present layer
{probe('nonsense')}           a probe's score there: +0.95
{foreseen('face', 395)}       the probability that the pass gave a word of the prompt's own, or another in its place
{heed(your)}                  per cent of the attention so far on a span; {heed(your, 402)}: of a whole token's
{p(word)}, {p(word, 402)}     the probability of the word that was drawn
{now(likeliest)}, {p(likeliest, again)}, {foreseen(word, 395)}   of the likeliest word; of the word that stands there
{likeliest}, {likeliest(402)}, {likeliest(again)}   the likeliest word: of the pass as it stands, at a token, after a passage
{onward(14)}, {onward(14, again)}   the next 14 words, the likeliest each time, with nothing done in them
{word}, {word(402)}           the word drawn last, or at a token
{sentence}                    all words drawn so far
{typed(1)}, {typed(2)}        the last line of the prompt, the last but one
{twice}                       the largest difference between two runs of this pass, at any layer up to the present one
{likelihood}, {untouched}     the log-likelihood in nats of the words drawn: under this pass, and under the unmodified one
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from forward_pass.story import nodes
from forward_pass.story.grammar import ExpressionError, Scope
from forward_pass.story.tokeniser import NEWLINE, join, tokenise

MAX_CONTINUATION = 60
MAX_PROBES_LISTED = 10
UNPREDICTED = 2  # positions of the prompt without a prediction: the document's mark, and the word after it
NAMES = ("word", "likeliest", "sentence", "likelihood", "untouched", "twice")
CALL = re.compile(r"\s*(?P<form>[a-z]+)\s*\((?P<arguments>.*)\)\s*", re.DOTALL)
ARGUMENT = re.compile(
    r"\s*(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<bare>(?:(?:without|only)\s+)?[A-Za-z0-9_-]+))\s*(?P<end>,|$)"
)
NOW, LAST = nodes.At(now=True), nodes.At()
DRAWN, LIKELIEST = nodes.Pick("word"), nodes.Pick("likeliest")

TAKES = {
    "p": (
        "a word in quotes, word or likeliest, then optionally a token or a continuation, and after a token what is left out: "
        "p('two'), p('two', 402), p('two', again), p('two', 402, without note), p('two', 402, only shelves)"
    ),
    "percent": "the same arguments as p: percent('two'), percent('two', 402), percent('two', again)",
    "forecast": "a word in quotes, then optionally an act that is left out: forecast('two'), forecast('two', without note)",
    "before": "a word in quotes: before('two')",
    "after": "a word in quotes: after('two')",
    "worth": "an act: worth(note)",
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


class _Argument(NamedTuple):
    value: str
    quoted: bool
    start: int

    @property
    def number(self) -> int | None:
        digits = not self.quoted and len(self.value) < 7 and self.value.isascii() and self.value.isdigit()  # noqa: PLR2004
        return int(self.value) if digits else None


class _Call(NamedTuple):
    form: str
    arguments: tuple[_Argument, ...]
    start: int
    scope: Scope

    def wrong_arguments(self, start: int | None = None) -> ExpressionError:
        return ExpressionError(self.start if start is None else start, "E102", f"{self.form!r} takes {TAKES[self.form]}")

    def expect_arguments(self, least: int, most: int) -> None:
        if not least <= len(self.arguments) <= most:
            raise self.wrong_arguments()

    def needs_pass_under_way(self) -> None:
        if self.scope.ending:
            raise ExpressionError(self.start, "E106", "no pass is running at an ending; use p('two') for the last decoding")

    def needs_model(self) -> None:
        if self.scope.probes is None:
            message = f"{self.form!r} needs a model, and this world has none"
            raise ExpressionError(self.start, "E106", message)


def parse_measurement(head: str, start: int, scope: Scope) -> nodes.Measurement | None:
    """Return the measurement that stands in braces, None for anything else; raises ``ExpressionError``."""
    name = head.strip()
    if name in NAMES:
        return _named(_Call(name, (), start, scope))
    match = CALL.fullmatch(head)
    if match is None or match["form"] not in FORMS:
        return None
    arguments = _arguments(match["form"], match["arguments"], start + match.start("arguments"))
    return FORMS[match["form"]](_Call(match["form"], arguments, start, scope))


def _named(call: _Call) -> nodes.Measurement:
    if call.form == "word":
        return nodes.DrawnWord(0)
    if call.form == "likeliest":
        call.needs_pass_under_way()
        return nodes.Likeliest(NOW)
    if call.form == "twice":
        call.needs_model()
        call.needs_pass_under_way()
    return nodes.Summary(call.form)


def _arguments(form: str, text: str, start: int) -> tuple[_Argument, ...]:
    arguments: list[_Argument] = []
    at = 0
    while True:
        match = ARGUMENT.match(text, at)
        if match is None:
            raise ExpressionError(start + at, "E102", f"{form!r} takes {TAKES[form]}")
        value = next(value for value in (match["single"], match["double"], match["bare"]) if value is not None)
        arguments.append(_Argument(value, match["bare"] is None, start + at))
        at = match.end()
        if not match["end"]:
            return tuple(arguments)


# -- the forms --------------------------------------------------------------------------------------------------------


def _probability(call: _Call) -> nodes.Measurement:
    call.expect_arguments(1, 3)
    word, percent = _word(call, call.arguments[0], (DRAWN, LIKELIEST)), call.form == "percent"
    if len(call.arguments) == 1:
        if word == LIKELIEST:
            call.needs_pass_under_way()
        return nodes.Probability(word, LAST, percent)
    at = _decoding(call, call.arguments[1])
    if len(call.arguments) > 2:  # noqa: PLR2004 - what is left out at a token
        if at.passage is not None:
            raise call.wrong_arguments(call.arguments[2].start)
        at = _left_out(call, call.arguments[2], at)
    if word == DRAWN and at.passage is not None:
        message = "no word is drawn after a continuation: use 'likeliest' instead"
        raise ExpressionError(call.arguments[0].start, "E106", message)
    return nodes.Probability(word, at, percent)


def _left_out(call: _Call, argument: _Argument, at: nodes.At) -> nodes.At:
    """Return a decoding without what an argument leaves out: ``without ACT``, or all but the shelves."""
    if not argument.quoted and argument.value.split() == ["only", "shelves"]:
        return at._replace(shelves=True)
    return at._replace(without=_act_left_out(call, argument))


def _act_left_out(call: _Call, argument: _Argument) -> str:
    words = [] if argument.quoted else argument.value.split()
    if len(words) != 2 or words[0] != "without":  # noqa: PLR2004 - the word and the act
        raise call.wrong_arguments(argument.start)
    if words[1] not in call.scope.acts:
        raise ExpressionError(argument.start, "E103", f"unknown act {words[1]!r}", words[1], call.scope.acts)
    return words[1]


def _forecast(call: _Call) -> nodes.Measurement:
    call.expect_arguments(1, 2 if call.form == "forecast" else 1)
    call.needs_pass_under_way()
    word = _word(call, call.arguments[0], ())
    assert isinstance(word, str)  # noqa: S101 - no pick is known
    without = _act_left_out(call, call.arguments[1]) if len(call.arguments) > 1 else ""
    return nodes.Forecasted(word, call.scope.telling, without, last=call.form == "before")


def _worth(call: _Call) -> nodes.Measurement:
    call.expect_arguments(1, 1)
    (act,) = call.arguments
    if act.quoted or act.value not in call.scope.acts:
        raise _unknown(act, "act", call.scope.acts)
    return nodes.Worth(act.value, call.scope.telling)


def _now(call: _Call) -> nodes.Measurement:
    call.expect_arguments(1, 1)
    call.needs_pass_under_way()
    return nodes.Probability(_word(call, call.arguments[0], (DRAWN, LIKELIEST)), NOW, percent=False)


def _at_present_layer(call: _Call) -> nodes.Measurement:
    call.needs_model()
    call.needs_pass_under_way()
    call.expect_arguments(1, 1)
    known, (argument,) = () if call.scope.probes is None else call.scope.probes, call.arguments
    if not argument.quoted or (call.form == "probe" and argument.value not in known):
        probes = ", ".join(f"probe('{name}')" for name in islice(known, MAX_PROBES_LISTED))
        readable = probes if call.form == "probe" else "lens('two')"
        message = f"invalid argument of {call.form!r}; use {readable}"
        raise ExpressionError(call.start, "E103", message)
    if call.form == "probe":
        return nodes.ProbeScore(argument.value)
    return nodes.LensProbability(_known_word(call, argument))


def _would(call: _Call) -> nodes.Measurement:
    call.needs_model()
    call.needs_pass_under_way()
    call.expect_arguments(1, 2)
    act, *word = call.arguments
    if act.quoted or act.value not in call.scope.acts:
        raise _unknown(act, "act", call.scope.acts)
    if word and not word[0].quoted:
        raise call.wrong_arguments(word[0].start)
    return nodes.Would(act.value, call.scope.acts[act.value], _known_word(call, word[0]) if word else "")


def _prompt_prediction(call: _Call) -> nodes.Measurement:
    call.needs_model()
    call.expect_arguments(2, 2)
    prompt, position = call.scope.prompt, call.arguments[1].number
    if position is None or not UNPREDICTED < position <= len(prompt):
        message = f"expected a position of the prompt from 3 to {len(prompt)}, found {call.arguments[1].value}"
        raise ExpressionError(call.arguments[1].start, "E206", message)
    word = _word(call, call.arguments[0], (DRAWN,))
    return nodes.PromptPrediction(word if isinstance(word, str) else prompt[position - 1], position)


def _attention(call: _Call) -> nodes.Measurement:
    call.needs_model()
    call.expect_arguments(1, 2)
    spans, span = call.scope.spans, call.arguments[0]
    if span.quoted or span.value not in spans:
        raise _unknown(span, "span", spans)
    if len(call.arguments) == 1:
        call.needs_pass_under_way()
        return nodes.Attention(*spans[span.value], token=0)
    token = call.arguments[1].number
    if token is None:
        raise call.wrong_arguments(call.arguments[1].start)
    _decoding(call, call.arguments[1])
    start, stop = spans[span.value]
    if stop > token:
        message = f"the span {span.value!r} ends at position {stop}, after token {token}"
        raise ExpressionError(span.start, "E106", message)
    return nodes.Attention(start, stop, token)


def _continuation(call: _Call) -> nodes.Measurement:
    call.needs_model()
    call.expect_arguments(1, 2)
    count = call.arguments[0].number
    if count is None or not 1 <= count <= MAX_CONTINUATION:
        message = f"expected a number of words from 1 to {MAX_CONTINUATION}, found {call.arguments[0].value}"
        raise ExpressionError(call.arguments[0].start, "E206", message)
    return nodes.Continuation(count, _passage(call, call.arguments[1]) if len(call.arguments) > 1 else ())


def _likeliest(call: _Call) -> nodes.Measurement:
    call.expect_arguments(1, 1)
    return nodes.Likeliest(_decoding(call, call.arguments[0]))


def _prompt_line(call: _Call) -> nodes.Measurement:
    call.expect_arguments(1, 1)
    lines = [line for line in join(call.scope.prompt[1:]).split(NEWLINE) if line]
    number = call.arguments[0].number
    if number is None or not 1 <= number <= len(lines):
        message = f"the prompt has lines 1 to {len(lines)}, not {call.arguments[0].value}"
        raise ExpressionError(call.arguments[0].start, "E206", message)
    return nodes.PromptLine(lines[-number])


def _drawn_word(call: _Call) -> nodes.Measurement:
    call.expect_arguments(1, 1)
    token = call.arguments[0].number
    if token is None:
        raise call.wrong_arguments(call.arguments[0].start)
    return nodes.DrawnWord(token)


FORMS: dict[str, Callable[[_Call], nodes.Measurement]] = {
    "p": _probability,
    "percent": _probability,
    "forecast": _forecast,
    "before": _forecast,
    "after": _forecast,
    "worth": _worth,
    "now": _now,
    "lens": _at_present_layer,
    "probe": _at_present_layer,
    "would": _would,
    "foreseen": _prompt_prediction,
    "heed": _attention,
    "onward": _continuation,
    "likeliest": _likeliest,
    "typed": _prompt_line,
    "word": _drawn_word,
}
RESERVED = frozenset((*FORMS, *NAMES))
"""The words of this grammar, so that no variable and no threshold may be called by them."""


# -- their arguments --------------------------------------------------------------------------------------------------


def _word(call: _Call, argument: _Argument, picks: tuple[nodes.Pick, ...]) -> str | nodes.Pick:
    """Return the word that is asked about: written out in quotes, or one of ``picks`` by its name."""
    if argument.quoted:
        return _known_word(call, argument)
    pick = nodes.Pick(argument.value)
    if pick not in picks:
        raise call.wrong_arguments(argument.start)
    return pick


def _known_word(call: _Call, argument: _Argument) -> str:
    """Return a word that the model has, or any where none runs."""
    known = call.scope.vocabulary
    if known is not None and argument.value not in known:
        message = f"{argument.value!r} is not in the model's vocabulary"
        raise ExpressionError(argument.start, "E504", message, argument.value, known)
    return argument.value


def _decoding(call: _Call, argument: _Argument) -> nodes.At:
    """Return the decoding that is asked about: a token's, or the one after a passage."""
    number = argument.number
    if number is None:
        return nodes.At(passage=_passage(call, argument))
    first, last = call.scope.decoded
    if not first <= number <= last:
        message = f"the tokens of this world are {first} to {last}, not {number}"
        raise ExpressionError(argument.start, "E206", message)
    return nodes.At(token=number)


def _passage(call: _Call, argument: _Argument) -> tuple[str, ...]:
    known = call.scope.continuations
    if argument.quoted or argument.value not in known:
        raise _unknown(argument, "continuation", known)
    return _tokenised(known[argument.value])


@lru_cache(maxsize=64)
def _tokenised(passage: str) -> tuple[str, ...]:
    """Return a passage as words: one tuple, however often a world asks about it."""
    return tokenise(passage)


def _unknown(argument: _Argument, what: str, known: Collection[str]) -> ExpressionError:
    if argument.quoted and argument.value in known:
        message = f"the {what} {argument.value} stands without quotes: only words of the pass have them"
        return ExpressionError(argument.start, "E103", message)
    return ExpressionError(argument.start, "E103", f"unknown {what} {argument.value!r}", argument.value, known)
