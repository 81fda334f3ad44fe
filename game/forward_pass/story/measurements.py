"""What a text shows of a pass: measurement nodes to closures over a state and an inspector of its pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch

from forward_pass.story import nodes
from forward_pass.story.distribution import Distribution, format_nats, format_probability, format_worth
from forward_pass.story.forecast import acts_named, deciding_index, forecast, leave_out, placed_acts, worth
from forward_pass.story.interventions import start_layer
from forward_pass.story.ports import Inspector, PassPort
from forward_pass.story.state import Act, PassKey, State
from forward_pass.story.tokeniser import END, NEWLINE, join

Piece = Callable[[State, Inspector], str]

UNKNOWN = "…"
DIFFERENCE_DIGITS = 16  # about as many as a float64 has
ALL_LAYERS = 1_000_000  # a layer above any with attention


def log_likelihood(inspector: PassPort, key: PassKey) -> float:
    """Return the log-likelihood in nats of a key's words at temperature 1, each scored by the pass that drew it."""
    return sum(inspector.distribution(key.at(index)).logprob(word) for index, word in enumerate(key.words))


def untouched_log_likelihood(inspector: PassPort, words: tuple[str, ...]) -> float:
    """Return the log-likelihood in nats of the same words under passes in which nothing was done."""
    return log_likelihood(inspector, PassKey(words, ()).without_acts())


def _decoding(state: State, inspector: Inspector, at: nodes.At) -> Distribution | None:
    """Return the distribution at a decoding, None where that token is not decoded yet."""
    if at.passage is not None:
        return inspector.distribution(state.key.followed_by(*at.passage))
    if at.token:
        index = state.drawn_at(at.token)
        return None if index is None else inspector.distribution(_left_out(state.key.at(index), at))
    return inspector.distribution(state.key if at.now else state.last_decoding)


def _left_out(key: PassKey, at: nodes.At) -> PassKey:
    """Return a pass without what is left out of it."""
    if at.shelves:
        return PassKey(key.words, (*key.acts[:-1], ()))
    return leave_out(key, acts_named(key, at.without)) if at.without else key


@singledispatch
def compile_measurement(node: object) -> Piece:
    """Return the closure that gives what a measurement shows; raises ``TypeError`` for a node that is none."""
    raise TypeError(type(node))


@compile_measurement.register(nodes.Probability)
def _probability(node: nodes.Probability) -> Piece:
    def probability(state: State, inspector: Inspector) -> str:
        distribution = _decoding(state, inspector, node.at)
        if distribution is None:
            return UNKNOWN
        word = node.word if isinstance(node.word, str) else _picked(node.word, node.at, state, inspector, distribution)
        value = distribution.p(word)
        return f"{100 * value:.0f}" if node.percent else format_probability(value)

    return probability


def _picked(pick: nodes.Pick, at: nodes.At, state: State, inspector: Inspector, distribution: Distribution) -> str:
    """Return the word drawn last or at a token; or the likeliest at a decoding, by default of the pass as it stands."""
    if pick.name == "likeliest":
        named = at.token or at.passage is not None
        return (distribution if named else inspector.distribution(state.key)).best
    if at.token:
        return state.words[state.drawn_at(at.token) or 0]
    return state.words[-1] if state.words else UNKNOWN


@compile_measurement.register(nodes.LensProbability)
def _lens(node: nodes.LensProbability) -> Piece:
    word = node.word
    return lambda state, inspector: format_probability(inspector.lens(state.key, state.layer).p(word))


@compile_measurement.register(nodes.ProbeScore)
def _probe(node: nodes.ProbeScore) -> Piece:
    name = node.name
    return lambda state, inspector: f"{inspector.probe(state.key, state.layer, name):+.2f}"


@compile_measurement.register(nodes.Likeliest)
def _likeliest(node: nodes.Likeliest) -> Piece:
    def likeliest(state: State, inspector: Inspector) -> str:
        distribution = _decoding(state, inspector, node.at)
        return UNKNOWN if distribution is None else distribution.best

    return likeliest


@compile_measurement.register(nodes.DrawnWord)
def _drawn_word(node: nodes.DrawnWord) -> Piece:
    def drawn_word(state: State, _: Inspector) -> str:
        if not node.token:
            return state.words[-1] if state.words else UNKNOWN
        index = state.drawn_at(node.token)
        return UNKNOWN if index is None else state.words[index]

    return drawn_word


@compile_measurement.register(nodes.Would)
def _would(node: nodes.Would) -> Piece:
    def would(state: State, inspector: Inspector) -> str:
        act = Act(node.act, start_layer(node.fixed_layer, state.layer))
        distribution = inspector.distribution(state.key.adding(act))
        return format_probability(distribution.p(node.word)) if node.word else distribution.best

    return would


@compile_measurement.register(nodes.Forecasted)
def _forecasted(node: nodes.Forecasted) -> Piece:
    def forecasted(state: State, inspector: Inspector) -> str:
        key = state.key
        left_out = placed_acts(key)[-1:] if node.last else acts_named(key, node.without)
        return format_probability(forecast(inspector, leave_out(key, left_out), node.telling).distribution.p(node.word))

    return forecasted


@compile_measurement.register(nodes.Worth)
def _worth(node: nodes.Worth) -> Piece:
    def act_worth(state: State, inspector: Inspector) -> str:
        index = deciding_index(inspector, state.words, node.telling)
        if index is None:
            return UNKNOWN
        return format_worth(worth(inspector, state.key, index, acts_named(state.key, node.act)))

    return act_worth


@compile_measurement.register(nodes.PromptPrediction)
def _prompt_prediction(node: nodes.PromptPrediction) -> Piece:
    return lambda _state, inspector: format_probability(inspector.prompt_prediction(node.position).p(node.word))


@compile_measurement.register(nodes.Attention)
def _attention(node: nodes.Attention) -> Piece:
    def attention(state: State, inspector: Inspector) -> str:
        key, layer = state.key, state.layer
        if node.token:
            index = node.token - (state.token - len(state.words))
            if not 0 <= index <= len(state.words):
                return UNKNOWN
            key, layer = key.at(index), ALL_LAYERS
        return f"{100 * sum(inspector.attention(key, layer)[node.start : node.stop]):.1f}"

    return attention


@compile_measurement.register(nodes.Continuation)
def _continuation(node: nodes.Continuation) -> Piece:
    guess: tuple[str, ...] = ()  # what followed last: it often follows again

    def continuation(state: State, inspector: Inspector) -> str:
        nonlocal guess
        key = state.key.followed_by(*node.passage)
        inspector.read_ahead(key, guess)
        words: tuple[str, ...] = ()
        while len(words) < node.length and words[-1:] != (END,):
            words = (*words, inspector.distribution(key.followed_by(*words)).best)
        guess = words
        return _one_line(words)

    return continuation


def _one_line(words: tuple[str, ...]) -> str:
    """Return words in one line, as they would be typed."""
    return join(words).replace(NEWLINE, " ").strip()


@compile_measurement.register(nodes.PromptLine)
def _prompt_line(node: nodes.PromptLine) -> Piece:
    line = node.line
    return lambda _state, _inspector: line


@compile_measurement.register(nodes.Summary)
def _summary(node: nodes.Summary) -> Piece:
    return SUMMARIES[node.name]


SUMMARIES: dict[str, Piece] = {
    "sentence": lambda state, _: _one_line(state.words),
    "likelihood": lambda state, inspector: format_nats(log_likelihood(inspector, state.key)),
    "untouched": lambda state, inspector: format_nats(untouched_log_likelihood(inspector, state.words)),
    "twice": lambda state, inspector: f"{inspector.recompute_error(state.key, state.layer):.{DIFFERENCE_DIGITS}f}",
}
"""The measurements without arguments, by their names in the grammar."""
