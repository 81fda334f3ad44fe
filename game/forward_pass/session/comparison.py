"""Two runs compared: what makes the difference, what each did, and where their words and texts differ. Prints nothing."""

from __future__ import annotations

from itertools import zip_longest
from typing import NamedTuple

from forward_pass.session.decision import act_rows, decision, decision_object
from forward_pass.session.transcript import (
    choice_text,
    count_text,
    layers_text,
    quoted,
    scene_text,
    then_text,
    turn_distribution,
    wrap,
)
from forward_pass.story.distribution import Distribution, format_probability
from forward_pass.story.history import Run, Turn, at_turn

MAX_LIKELIEST = 4  # words of a distribution that are compared
DIGITS = 4  # of a probability in an object
ZERO_TEXT = format_probability(0.0)
MIN_SIDE_BY_SIDE_COLUMNS = 60  # in fewer columns the two bars of a word are on two lines


class TokenComparison(NamedTuple):
    """A token that two runs decoded: the word and the distribution of each."""

    token: int
    words: tuple[str, str]
    distributions: tuple[Distribution, Distribution]

    @property
    def word_probabilities(self) -> list[tuple[str, float, float]]:
        """The decoded words and the likeliest of each run, with their probabilities in the first and the second."""
        first, second = self.distributions
        likeliest = [word for distribution in self.distributions for word, _ in distribution.likeliest(MAX_LIKELIEST)]
        words = list(dict.fromkeys([*self.words, *likeliest]))[: MAX_LIKELIEST + 2]
        return [(word, first.p(word), second.p(word)) for word in words]


class RunDifference(NamedTuple):
    """How two runs differ, up to the present turn of each."""

    first: Run
    second: Run
    shared_turns: int  # turns that they have in common
    comparisons: tuple[TokenComparison, ...]  # of the tokens that both decoded after the shared turns

    @property
    def state_differences(self) -> list[str]:
        """How the states differ just after the first differing choice, or at the end of a run without one."""
        return state_differences(*(at_turn(run, min(self.shared_turns + 1, run.at)) for run in (self.first, self.second)))


class TextDifference(NamedTuple):
    """A scene that both runs met at one token, and the paragraphs that only one of them has there."""

    token: int
    scene: str
    after: str  # the words of the choice that led there in the first run
    paragraphs: tuple[tuple[str, ...], tuple[str, ...]]


def compare_runs(first: Run, second: Run) -> RunDifference:
    """Return how two runs of one world differ."""
    pairs = zip_longest(first.path, second.path)
    shared = next((turn for turn, (one, other) in enumerate(pairs) if not _is_same(one, other)), first.at)
    decoded = [
        {
            turn.state.token - 1: (turn.word or "", turn_distribution(run, turn))
            for turn in run.path[shared:]
            if turn.word is not None
        }
        for run in (first, second)
    ]
    comparisons = (
        TokenComparison(token, (decoded[0][token][0], decoded[1][token][0]), (decoded[0][token][1], decoded[1][token][1]))
        for token in sorted(decoded[0].keys() & decoded[1].keys())
    )
    return RunDifference(first, second, shared, tuple(comparisons))


def _is_same(one: Turn | None, other: Turn | None) -> bool:
    return one is not None and other is not None and one.digest == other.digest


def state_differences(first: Run, second: Run) -> list[str]:
    """Return the differences between the present states of two runs, as ``NAME: FIRST; SECOND``."""
    one, other = first.state, second.state
    rows: list[tuple[str, object, object]] = [
        ("scene", one.scene, other.scene),
        ("token", one.token, other.token),
        ("layer", one.layer, other.layer),
        ("said", " ".join(one.words) or "nothing", " ".join(other.words) or "nothing"),
    ]
    for variable, *values in zip(first.world.variables, one.variables, other.variables, strict=True):
        value, other_value = map(variable.text, values)
        rows.append((variable.name, value, other_value))
    rows.append(("interventions", _interventions_text(first), _interventions_text(second)))
    return [f"{name}: {value}; {other_value}" for name, value, other_value in rows if value != other_value]


def _interventions_text(run: Run) -> str:
    names = [f"{act.name} from {act.layer}" for acts in run.state.acts for act in acts]
    return ", ".join(names) or "none"


def difference_lines(
    difference: RunDifference, names: tuple[str, str], columns: int, *, bars: bool = False, ids: bool = False
) -> list[str]:
    """Return a difference as lines: what makes it, where the runs part, decoded words, texts that differ, and endings.

    With ``bars``, probabilities are shown as bars too; without, everything is words and numbers. With ``ids``, scenes and
    choices are named by their ids too, and the states after the first differing choice are compared.
    """
    first, second, shared = difference.first, difference.second, difference.shared_turns
    lines = wrap(f"{names[0]} and {names[1]}", columns)
    if shared == first.at == second.at:
        return [*lines, *wrap(f"They are the same run: {count_text(shared, 'turn')}, to the last digest.", columns)]
    for text in difference_verdict(difference, names):
        lines += wrap(text, columns)
    lines += ["", *wrap(f"They share {count_text(shared, 'turn')}.", columns)]
    for name, run in zip(names, (first, second), strict=True):
        lines += wrap(f"Then {name}: {_next_turn_text(run, shared, ids=ids)}", columns)
    if ids:
        lines += ["", "Just after that"]
        for row in difference.state_differences or ["nothing differs"]:
            lines += wrap(f"  {row}", columns)
    for comparison in difference.comparisons:
        lines += ["", *comparison_lines(comparison, names, columns, bars=bars)]
    lines += _text_lines(difference, names, columns, ids=ids)
    endings = [run.world.endings.get(run.state.scene, "not ended") for run in (first, second)]
    return [*lines, "", *wrap(f"Endings: {endings[0]}; {endings[1]}", columns)]


def difference_verdict(difference: RunDifference, names: tuple[str, str]) -> list[str]:
    """Return what makes the difference: the first other word, then what was done in each run, with what it was worth."""
    parted = next((one for one in difference.comparisons if one.words[0] != one.words[1]), None)
    if parted:
        one, other = (f"{quoted(word)} ({name})" for word, name in zip(parted.words, names, strict=True))
        texts = [f"They say another word first at {parted.token}: {one}, {other}."]
    else:
        texts = ["They say the same words, as far as both go."]
    found = [decision(run) for run in (difference.first, difference.second)]
    made = [{(act.act, act.token) for act in one.acts} if one else set() for one in found]
    for name, mine, others, decided in zip(names, made, made[::-1], found, strict=True):
        alone = [number for number, act in enumerate(decided.acts) if (act.act, act.token) in mine - others] if decided else []
        if decided and alone:
            texts += [f"Done in {name} alone:", *(f"  {row}" for row in act_rows(decided, alone))]
        elif decided:
            texts.append(f"Nothing was done to the pass in {name} alone.")
        shared = [number for number in range(len(decided.acts)) if number not in alone] if decided else []
        if decided and shared:
            texts += [f"Done in {name} as in the other:", *(f"  {row}" for row in act_rows(decided, shared))]
    return texts


def comparison_lines(comparison: TokenComparison, names: tuple[str, str], columns: int, *, bars: bool = False) -> list[str]:
    """Return the decoded word of each run, and the probabilities of the likeliest words in both."""
    decoded = [f"{quoted(word)} ({name})" for word, name in zip(comparison.words, names, strict=True)]
    lines = wrap(f"Token {comparison.token} said {', '.join(decoded)}", columns)
    for word, first, second in comparison.word_probabilities:
        texts = format_probability(first), format_probability(second)
        if texts == (ZERO_TEXT, ZERO_TEXT):
            continue
        if bars:
            lines += _bar_lines(quoted(word), (first, second), columns)
        else:
            change = f"({100 * (second - first):+.0f} points)".replace("-0 ", "0 ").replace("+0 ", "0 ")
            lines += wrap(f"  {quoted(word)}: {texts[0]}, then {texts[1]} {change}", columns)
    return lines


def _bar_lines(word: str, probabilities: tuple[float, float], columns: int) -> list[str]:
    """Return two probabilities of a word as bars: side by side, or one below the other in few columns."""
    wide = columns >= MIN_SIDE_BY_SIDE_COLUMNS
    width = (columns - 28) // 2 if wide else columns - 20
    bars = [f"{format_probability(p):<6} {('█' * round(width * p) or '▏'):<{width}}" for p in probabilities]
    if wide:
        return [f"  {word:<10} {bars[0]} {bars[1]}".rstrip()]
    return [f"  {word:<10} {bars[0]}".rstrip(), f"  {'':<10} {bars[1]}".rstrip()]


def comparison_object(comparison: TokenComparison) -> dict[str, object]:
    """Return the comparison of a token as an object."""
    likeliest = [[word, round(first, DIGITS), round(second, DIGITS)] for word, first, second in comparison.word_probabilities]
    return {"token": comparison.token, "words": list(comparison.words), "likeliest": likeliest}


def _next_turn_text(run: Run, shared: int, *, ids: bool) -> str:
    if run.at == shared:
        return "goes no further."
    turn = run.turns[shared]
    state = at_turn(run, shared).state
    left = layers_text(run.world.boundary - state.layer)
    position = f", at {state.token}, layer {state.layer}, {left} left" if run.world.has_pass else ""
    named = f" ({turn.choice})" if ids else ""
    return f"turn {shared + 1}{position}: {choice_text(run, turn)}{named}"


def changed_texts(difference: RunDifference) -> list[TextDifference]:
    """Return where the texts of the runs differ after their shared turns, in scenes that both met at the same token."""
    first, second = (_texts(run, difference.shared_turns) for run in (difference.first, difference.second))
    found = []
    for key, (after, paragraphs) in first.items():
        others = second.get(key, ("", ()))[1]
        only = [paragraph for paragraph in paragraphs if paragraph not in others]
        only_other = [paragraph for paragraph in others if paragraph not in paragraphs]
        if key in second and (only or only_other):
            found.append(TextDifference(key[0], key[1], after, (tuple(only), tuple(only_other))))
    return found


def _texts(run: Run, shared: int) -> dict[tuple[int, str, int], tuple[str, tuple[str, ...]]]:
    """Return by token, scene and number of visit the choice that led there, and the paragraphs of that turn."""
    texts: dict[tuple[int, str, int], tuple[str, tuple[str, ...]]] = {}
    for number in range(shared + 1, run.at + 1):
        turn, after = run.turns[number - 1], at_turn(run, number)
        visit = after.state.visits[run.world.scenes[after.state.scene].slot]
        text = "\n\n".join(filter(None, (then_text(run, turn), scene_text(after))))
        paragraphs = tuple(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
        texts[after.state.token, after.state.scene, visit] = (choice_text(run, turn), paragraphs)
    return texts


def _text_lines(difference: RunDifference, names: tuple[str, str], columns: int, *, ids: bool) -> list[str]:
    lines: list[str] = []
    for changed in changed_texts(difference):
        named = f" ({changed.scene})" if ids else ""
        after = f"after “{changed.after.rstrip('.')}”{named}, the text differs"
        where = f"At {changed.token}, {after}" if difference.first.world.has_pass else f"A{after[1:]}"
        lines += ["", *wrap(where, columns)]
        for name, paragraphs in zip(names, changed.paragraphs, strict=True):
            for paragraph in paragraphs or ("nothing more",):
                lines += wrap(f"  {name}: {paragraph}", columns)
    return lines


def difference_object(difference: RunDifference, names: tuple[str, str]) -> dict[str, object]:
    """Return a difference as an object."""
    runs, shared = (difference.first, difference.second), difference.shared_turns
    return {
        "type": "diff",
        "runs": list(names),
        "shared": shared,
        "choices": [run.turns[shared].choice if run.at > shared else None for run in runs],
        "state": difference.state_differences,
        "decided": [decision_object(decision(run)) for run in runs],
        "decodings": [comparison_object(comparison) for comparison in difference.comparisons],
        "texts": [
            {"token": text.token, "scene": text.scene, "paragraphs": [list(paragraphs) for paragraphs in text.paragraphs]}
            for text in changed_texts(difference)
        ],
        "endings": [run.state.scene if run.state.scene in run.world.endings else None for run in runs],
    }
