"""Claims of mechanism: what the texts say of *why*, each with an id, its words, and an experiment that could refute it.

An outcome alone proves no cause. Each claim here is held by an ablation, a freeze or a patch under which it would be false, and
by a control under which it should not be. Its words must stand where they are said, so that neither moves without the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from building import ROOT
from forward_pass.loading.worlds import open_world
from forward_pass.network.bench import Settings
from forward_pass.network.hooks import Patch
from forward_pass.network.model import PassRequest, observe, prefill
from forward_pass.network.passes import open_pass
from forward_pass.session.laboratory import Laboratory
from forward_pass.session.laboratory_input import ask
from forward_pass.session.laboratory_text import open_laboratory
from forward_pass.session.launch import open_store
from forward_pass.story.history import new_run
from forward_pass.story.interventions import Look, Push
from forward_pass.story.state import PassKey, Prior

COPY_HEADS = tuple(f"silence {layer}.0" for layer in (58, 59, 61, 62, 63, 64))
NOTE_HEADS = tuple(f"silence {layer}.0" for layer in range(65, 71))
OTHER_HEADS = tuple(f"silence {layer}.1" for layer in range(65, 71))
NOTE = ("at 400", "note honest from 33", "at 402")
LEFT_DOUBT = ("at 400", "push doubt 1 from 57")
STARE = ("at 402", "look your 8 from 33")


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    world = open_world("forward-pass")
    store = open_store(world, tmp_path_factory.mktemp("saves"))
    return open_laboratory(new_run(world, open_pass(world), Prior()), store.inspector, store)


def chance(laboratory: Laboratory, word: str, *lines: str) -> float:
    """Return the probability of a word at *has* with some settings and no others."""
    for line in ("clear", *lines):
        ask(laboratory, line)
    bench = laboratory.bench
    settings = laboratory.settings()
    return bench.distribution(bench.run(settings, laboratory.telling)[laboratory.telling]).p(word)


# -- the experiments --------------------------------------------------------------------------------------------------


def a_note_is_read_by_six_heads(lab: Laboratory) -> None:
    read = chance(lab, "no", *NOTE)
    assert chance(lab, "no", *NOTE, *NOTE_HEADS) < read - 0.2
    assert chance(lab, "no", *NOTE, *OTHER_HEADS) > read - 0.1  # other heads of the same layers do not matter so
    assert chance(lab, "no", *NOTE, "silence 53.1", "silence 56.1") == pytest.approx(read, abs=0.05)


def everything_after_a_note_goes_through_its_keys_and_values(lab: Laboratory) -> None:
    untouched = chance(lab, "no")
    assert chance(lab, "no", *NOTE) > untouched + 0.4
    assert chance(lab, "no", *NOTE, "freeze 33-72") == pytest.approx(untouched, abs=1e-9)
    assert chance(lab, "no", *NOTE, "freeze 33-72 mlps") > untouched + 0.4  # it is by attention, not by the MLPs


def no_head_carries_a_doubt_up(lab: Laboratory) -> None:
    doubt = ("push doubt 0.5 from 60",)
    moved = chance(lab, "no", *doubt)
    assert moved > chance(lab, "no") + 0.1
    assert chance(lab, "no", *doubt, "freeze 61-72") == pytest.approx(moved, abs=0.02)


def a_left_doubt_works_by_its_values(lab: Laboratory) -> None:
    whole = chance(lab, "two", *LEFT_DOUBT, *STARE)
    bare = chance(lab, "two", *STARE)
    assert whole > bare + 0.2
    assert chance(lab, "two", *LEFT_DOUBT, "values", *STARE) == pytest.approx(whole, abs=0.05)
    assert chance(lab, "two", *LEFT_DOUBT, "keys", *STARE) < bare + 0.1


def the_heads_that_read_notes_look_at_a_faint_one(lab: Laboratory) -> None:
    heads = {(layer, 0) for layer in range(65, 71)}

    def looks(*lines: str) -> tuple[float, float]:
        for line in ("clear", *lines):
            ask(lab, line)
        result = lab.bench.run(lab.settings(), lab.telling)[lab.telling]
        shares = {head: row[lab.world.first_token - 1] for head, row in lab.bench.attention(result)}
        return sum(shares[head] for head in heads) / len(heads), sum(shares.values()) / len(shares)

    faint = looks("at 400", "note honest from 33 ink 0.25", "at 402")
    none = looks()
    assert faint[0] > 0.03
    assert none[0] < 0.003
    assert faint[1] < none[1]  # on the average of all heads it is the other way about


def six_heads_bring_the_giraffes_number(lab: Laboratory) -> None:
    untouched = chance(lab, "two")
    others = tuple(line.replace(".0", ".1") for line in COPY_HEADS)
    assert chance(lab, "two", *COPY_HEADS) == pytest.approx(0.56, abs=0.005)  # as *copying* says: still ahead without them
    assert untouched > 0.7
    assert chance(lab, "two", *others) > chance(lab, "two", *COPY_HEADS) + 0.05


def an_early_doubt_is_another_direction_and_a_late_one_is_read_by_nobody(lab: Laboratory) -> None:
    short, long = (lab.bench.lengths(Push("doubt", 1.0, layer), lab.telling).added for layer in (37, 57))
    assert long / short == pytest.approx(40, abs=3)
    untouched = chance(lab, "no")
    assert chance(lab, "no", "push doubt 1 from 37") == pytest.approx(untouched, abs=0.02)
    assert chance(lab, "no", f"push doubt {long / short:.4f} from 37") < untouched + 0.02  # drawn out, it still is another
    for layer in (33, 37, 57):
        ask(lab, "clear")
        stream = lab.bench.lengths(Push("doubt", 1.0, layer), lab.telling).stream
        borrowed = Push("doubt", long / stream, layer, 57)  # the direction of 57, at its own length
        assert _after(lab, borrowed, "no") == pytest.approx(0.46, abs=0.02)
        ask(lab, f"freeze {layer + 1}-72")
        assert _after(lab, borrowed, "no") == pytest.approx(0.45, abs=0.02)


def _after(lab: Laboratory, push: Push, word: str) -> float:
    lab.set("a borrowed doubt", push)
    result = lab.bench.run(lab.settings(), lab.telling)[lab.telling]
    lab.entries.pop()
    return lab.bench.distribution(result).p(word)


def what_was_settled_at_your_decides(lab: Laboratory) -> None:
    model, weights, prompt = lab.bench.computed.computation.model, lab.bench.computed.weights, list(lab.world.prompt)
    question = len(prompt) - prompt[::-1].index("Q:") - 1
    document = [*prompt[:question], *("face" if word == "foot" else word for word in prompt[question:])]
    ids = [weights.ids[word] for word in document]
    cache = prefill(weights, ids[:-1]).cache
    _, face = observe(model, PassRequest(cache, ids[-1]))
    for index, expected in ((0, 0.998), (1, 0.722)):  # at *Your* it decides, at *foot* the same patch of *foot* does nothing
        source = face if index == 0 else lab.bench.sites(1)
        settings = {index: Settings(hooks=(Patch("stream", 32, None, source),))}
        result = lab.bench.run(settings, lab.telling)[lab.telling]
        assert lab.bench.distribution(result).p("two") == pytest.approx(expected, abs=0.005)


# -- the claims -------------------------------------------------------------------------------------------------------


class Claim(NamedTuple):
    """What is said, where, and the experiment that could refute it."""

    where: str  # from the root of the checkout
    words: str
    experiment: Callable[[Laboratory], None]


GLOSSARY, PAGE = "worlds/forward-pass/glossary/", "docs/laboratory.md"
CLAIMS = {
    "note-heads": Claim(PAGE, "A note is read mostly by head 0 of layers 65 to 70", a_note_is_read_by_six_heads),
    "note-cache": Claim(
        f"{GLOSSARY}machine.yaml",
        "as far as a key or a value carries it, stays on the stairs",
        everything_after_a_note_goes_through_its_keys_and_values,
    ),
    "doubt-rides": Claim(PAGE, "No head carries a doubt up from the layer where it is pushed in.", no_head_carries_a_doubt_up),
    "unsigned-values": Claim(
        f"{GLOSSARY}acts.yaml",
        "It is done by the values: with those alone *two* has 60",
        a_left_doubt_works_by_its_values,
    ),
    "readers": Claim(
        f"{GLOSSARY}machine.yaml",
        "with their stream of *my face* put in at *Your*, at layer 32, the foot has *two*, at 998 in the thousand",
        what_was_settled_at_your_decides,
    ),
    "ink-readers": Claim(
        f"{GLOSSARY}acts.yaml",
        "The six heads that read notes do look at a faint one, and hardly at none",
        the_heads_that_read_notes_look_at_a_faint_one,
    ),
    "copy-heads": Claim(
        f"{GLOSSARY}machine.yaml",
        "bring the number back: the first head of layers 58, 59 and 61 to 64",
        six_heads_bring_the_giraffes_number,
    ),
    "window": Claim(
        f"{GLOSSARY}acts.yaml",
        "It was the wrong thing to push with.",
        an_early_doubt_is_another_direction_and_a_late_one_is_read_by_nobody,
    ),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_of_mechanism_survives_what_would_refute_it(laboratory: Laboratory, claim: str) -> None:
    CLAIMS[claim].experiment(laboratory)


@pytest.mark.parametrize("claim", CLAIMS)
def test_the_words_of_a_claim_stand_where_it_says(claim: str) -> None:
    text = (ROOT / CLAIMS[claim].where).read_text(encoding="utf8")
    assert " ".join(CLAIMS[claim].words.split()) in re.sub(r"\s+", " ", text)


def test_the_glossary_says_what_a_note_is_made_of(laboratory: Laboratory) -> None:
    note = ("at 400", "note honest from 41")
    (term,) = (term for term in open_world("forward-pass").glossary if term.name == "value")
    text = " ".join(term.text.split())
    four, no_by_keys = chance(laboratory, "four", *note, "values"), chance(laboratory, "no", *note, "keys")
    assert f"(from layer 41 up), the foot has *four* eyes, at {100 * four:.0f} in the hundred" in text
    assert (
        f"with its keys alone *no* has {100 * no_by_keys:.0f}; with both, *no* has {100 * chance(laboratory, 'no', *note):.0f}"
        in text
    )


def test_ten_doubts_are_four_streams_long(laboratory: Laboratory) -> None:
    ask(laboratory, "clear")
    lengths = laboratory.bench.lengths(Push("doubt", 10.0, 59), 0)
    assert 4 < lengths.added / lengths.stream < 5


def test_one_layer_of_foot_is_worse_than_none(laboratory: Laboratory) -> None:
    ask(laboratory, "clear")
    ask(laboratory, "at 401")
    said = {}
    for layer in (33, 34):
        ask(laboratory, f"drop from {layer}")
        said[layer] = laboratory.bench.distribution(laboratory.bench.run(laboratory.settings(), 1)[1])
        laboratory.entries.pop()
    assert (said[33].best, said[34].best) == ("has", ".")
    assert said[33].p("has") == pytest.approx(0.56, abs=0.005)


def test_half_a_doubt_lies_along_what_was_refused(laboratory: Laboratory) -> None:
    note = ("at 400", "note honest from 41", "at 402")
    refused = (*note, "look start 8 from 42")
    told, without, leaned = (_stream(laboratory, 60, *lines) for lines in (note, refused, (*refused, "push doubt 0.5 from 60")))
    given_up, added = told - without, leaned - without
    lengths = [float(one @ one) ** 0.5 for one in (given_up, added)]
    assert float(given_up @ added) / (lengths[0] * lengths[1]) == pytest.approx(0.86, abs=0.005)
    assert lengths[1] / lengths[0] == pytest.approx(0.75, abs=0.02)  # *three quarters as long*


def _stream(laboratory: Laboratory, layer: int, *lines: str) -> Any:
    for line in ("clear", *lines):
        ask(laboratory, line)
    return laboratory.bench.run(laboratory.settings(), laboratory.telling)[laboratory.telling].streams[layer]


def test_thirteen_places_stared_at_make_no_win(laboratory: Laboratory) -> None:
    document = [*laboratory.world.prompt, "foot", "has"]
    places = []
    for at, word in enumerate(document):
        ask(laboratory, "clear")
        laboratory.set("a stare", Look(at, at + 1, 8.0, 42))
        result = laboratory.bench.run(laboratory.settings(), laboratory.telling)[laboratory.telling]
        places += [word] if laboratory.bench.distribution(result).best == "no" else []
    assert len(places) == 13
    assert {"Your", "A:", "\n"} <= set(places)  # *the colon would have done it, and so would the end of a line*


def test_the_ground_floor_has_by_the_twentieth_layer_that_the_question_is_nonsense(laboratory: Laboratory) -> None:
    score = laboratory.bench.computed.probe(PassKey(("foot", "has"), ((), (), ())), 20, "nonsense")
    assert score == pytest.approx(0.5, abs=0.05)  # fitted to +1 for nonsense, -1 for sense


def test_every_figure_that_names_its_test_has_one() -> None:
    sources = [*(ROOT / "tests").glob("test_*.py"), *(ROOT / "tests" / "claims").glob("test_*.py")]
    written = "".join(path.read_text(encoding="utf8") for path in sources)
    named = set(CLAIMS) | {name.replace("_", "-") for name in re.findall(r"^def test_(\w+)", written, re.MULTILINE)}
    story = open_world("forward-pass").story
    told = [(one.name, one.measured) for one in story.glossary]
    told += [(one.id, one.measured) for one in story.scenes]
    told += [(one.id, one.measured) for one in story.endings]
    assert sum(bool(measured) for _, measured in told) > 5
    assert {(name, test) for name, measured in told for test in measured if test not in named} == set()
