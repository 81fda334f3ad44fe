"""The forecast, what decided a word, and what acts were worth: against plain definitions, on written and computed passes."""

from __future__ import annotations

from itertools import chain, combinations
from random import Random

import pytest

from building import built, first_light
from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import ComputedPass, WrittenPass, open_computed_pass
from forward_pass.story.engine import outcome_of, retold, take
from forward_pass.story.forecast import (
    CHANCE,
    NOTHING,
    PlacedAct,
    ablated_passes,
    decided_by,
    deciding_acts,
    deciding_index,
    first_departure,
    forecast,
    leave_out,
    passes_run,
    placed_acts,
    worth,
)
from forward_pass.story.history import append, make_turn, new_run
from forward_pass.story.ports import PassPort
from forward_pass.story.state import OPENING, Act, PassKey, Prior
from forward_pass.story.world import World

HAS = ("foot", "has")
TELLING = 2


@pytest.fixture(scope="module")
def computed() -> ComputedPass:
    return open_computed_pass(open_world("forward-pass"))


def key(words: tuple[str, ...], *acts: tuple[Act, ...]) -> PassKey:
    return PassKey(words, (*acts, *((),) * (len(words) + 1 - len(acts))))


NOTE, FAINT = (Act("note-honest", 41),), (Act("note-faint", 41),)
GIRAFFE, DOUBT = Act("look-giraffe", 35), Act("doubt", 60)


# -- the forecast -----------------------------------------------------------------------------------------------------


def test_it_is_the_telling_words_distribution_run_on_with_the_likeliest_words(computed: ComputedPass) -> None:
    for made in ((), NOTE, FAINT):
        index, distribution = forecast(computed, key((), made), TELLING)
        assert index == TELLING
        assert distribution.p("two") == computed.distribution(key(HAS, made)).p("two")
    assert forecast(computed, key(("foot",), NOTE), TELLING).distribution.p("no") > 0.6


def test_off_the_template_and_past_the_telling_word_it_is_the_next_words(computed: ComputedPass) -> None:
    for one in (key(("question",)), key((*HAS, "no")), key((*HAS, "two", "eyes"))):
        index, distribution = forecast(computed, one, TELLING)
        assert index == len(one.words)
        assert distribution.best == computed.distribution(one).best
    assert first_departure(computed, (*HAS, "two")) is None
    assert first_departure(computed, (*HAS, "no")) == TELLING
    assert first_departure(computed, ("question", "has")) == 0


# -- what decided a word ----------------------------------------------------------------------------------------------


def changes(port: PassPort, said: PassKey, left_out: tuple[object, ...]) -> bool:
    """Say, by the definition, whether a word that was the likeliest no longer is without some acts."""
    without = leave_out(said, left_out)  # type: ignore[arg-type]
    likeliest = [port.distribution(said.at(index)).best == word for index, word in enumerate(said.words)]
    still = [port.distribution(without.at(index)).best == word for index, word in enumerate(said.words)]
    return any(was and not now for was, now in zip(likeliest, still, strict=True))


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (key((*HAS, "two")), (NOTHING,)),
        (key((*HAS, "no"), NOTE), ("note-honest",)),
        (key((*HAS, "no")), (CHANCE,)),
        (key((*HAS, "two"), FAINT), (NOTHING,)),
        (key((*HAS, "no"), (), (), (GIRAFFE, DOUBT)), ("look-giraffe", "doubt")),
        (key((*HAS, "no"), NOTE, (), (Act("note-honest", 33),)), ("note-honest",)),
        (key((*HAS,), NOTE), None),
    ],
)
def test_the_acts_without_which_the_word_is_another_decided_it(
    computed: ComputedPass, made: PassKey, expected: tuple[str, ...] | None
) -> None:
    assert decided_by(computed, made, TELLING) == expected


def test_neither_the_giraffe_nor_half_a_doubt_alone_and_so_each_of_them_decides(computed: ComputedPass) -> None:
    said = key((*HAS, "no"), (), (), (GIRAFFE, DOUBT))
    found = deciding_acts(computed, said, TELLING)
    assert found is not None
    assert [placed.act for placed in found] == [GIRAFFE, DOUBT]
    assert all(changes(computed, said, (placed,)) for placed in found)
    values = [worth(computed, said, TELLING, [placed]) for placed in found]
    alone = computed.distribution(key(HAS, (), (), (DOUBT,))).p("no")
    assert values[0] == pytest.approx(computed.distribution(key(HAS, (), (), (GIRAFFE, DOUBT))).p("no") - alone)


def test_where_no_act_alone_decided_it_is_the_smallest_set_and_of_those_the_latest(computed: ComputedPass) -> None:
    said = key((*HAS, "no"), NOTE, (Act("note-honest", 47),), (Act("stare-your", 33),))
    found = deciding_acts(computed, said, TELLING)
    assert found is not None
    assert len(found) > 1
    acts = placed_acts(said)
    smaller = chain.from_iterable(combinations(acts, size) for size in range(1, len(found)))
    assert not any(changes(computed, said, some) for some in smaller)
    same = [some for some in combinations(acts, len(found)) if changes(computed, said, some)]
    assert tuple(found) == max(same, key=lambda some: [(one.at, one.number) for one in reversed(some)])


def test_a_word_said_before_the_telling_one_stands_for_the_run_where_the_untouched_pass_would_not_say_it(
    computed: ComputedPass,
) -> None:
    said = key(("question", "is"), (Act("objection", 57),))
    assert deciding_index(computed, said.words, TELLING) == 0
    assert decided_by(computed, said, TELLING) == ("objection",)


@pytest.mark.parametrize("seed", range(12))
def test_random_runs_are_decided_by_the_definition(computed: ComputedPass, seed: int) -> None:
    world, rng = computed.world, Random(seed)  # noqa: S311 - a player, no secret
    run = new_run(world, computed, Prior())
    while len(run.state.words) <= TELLING and run.state.scene not in world.endings:
        choices = [choice.id for choice in world.scene(run.state.scene).choices]
        for choice in rng.sample(choices, len(choices)):
            try:
                run = append(run, make_turn(run, choice, lambda distribution, _: distribution.best))
                break
            except Exception:  # noqa: BLE001, S112 - closed: another
                continue
    state = run.state
    index = deciding_index(computed, state.words, TELLING)
    if index is None:
        return
    said = PassKey(state.words[: index + 1], state.acts[: index + 1])
    found, acts = deciding_acts(computed, said, index), placed_acts(said)
    assert found is not None
    alone = [placed for placed in acts if changes(computed, said, (placed,))]
    assert found == alone or (not alone and (not found or (len(found) > 1 and changes(computed, said, tuple(found)))))


# -- how it meets the story -------------------------------------------------------------------------------------------

WORLD = """\
format: 1
title: Decided
version: 1.0.0
layers: 12
waking: 3
boundary: 9
start: waking
prompt: Why? Because the
telling: {token: 5, words: [end]}
answers: optional

acts:
  lean: {about: a lean}
  nod: {about: a nod}

tokens:
  5:
    written:
      - {if: acted(lean), say: {end: 0.2, door: 0.8}}
      - say: {end: 0.9, door: 0.1}
    then:
      door:
        - {if: decided(lean), goto: leant}
        - {if: decided(chance), goto: lucky}
        - goto: other
      otherwise:
        - {if: drawn(5), goto: lucky}
        - goto: other

scenes:
  waking:
    text: I was there.
    choices:
      lean: {say: Lean., act: lean, goto: waking}
      nod: {say: Nod., act: nod, goto: waking}
      wait: {say: Wait., goto: decode}

endings:
  leant: {title: Leant, text: "{worth(lean)} in {passes} passes, {stopped} stopped; {p('door', 5, without lean)} without."}
  lucky: {title: Lucky, text: By chance.}
  other: {title: Other, text: "{passes} passes, {p('end', 5, only shelves)}."}
"""


def ending(world: World, *choices: str, word: str | None = None) -> tuple[str, str]:
    port = WrittenPass(world)
    run = new_run(world, port, Prior())
    for choice in (*choices, "wait"):
        run = append(run, make_turn(run, choice, lambda distribution, _: word or distribution.best))
    return run.state.scene, world.scene(run.state.scene).text(run.state, port)


def test_conditions_and_texts_ask_what_decided_the_word_and_what_acts_were_worth() -> None:
    world = built(WORLD)
    assert ending(world, "lean") == ("leant", "+0.70 in 2 passes, 1 stopped; 0.10 without.")
    assert ending(world, "nod", "lean", "nod")[0] == "leant"
    assert ending(world) == ("other", "0 passes, 0.90.")
    assert ending(world, "nod")[0] == "other"
    assert ending(world, word="door") == ("lucky", "By chance.")
    assert ending(world, "lean", word="end") == ("lucky", "By chance.")


def test_each_act_is_left_out_of_its_own_pass_and_of_those_after_it() -> None:
    both = key(HAS, NOTE, (), (GIRAFFE,))
    without_note = [leave_out(both.at(index), [PlacedAct(0, 0, NOTE[0])]) for index in range(3)]
    assert list(ablated_passes(both)) == [*without_note, leave_out(both, [PlacedAct(2, 0, GIRAFFE)])]


def test_before_the_word_is_said_the_worth_of_an_act_is_not_known() -> None:
    world = built(WORLD.replace("text: I was there.", 'text: "It is worth {worth(lean)}."'))
    state = new_run(world, WrittenPass(world), Prior()).opening
    assert world.scene("waking").text(state, WrittenPass(world)) == "It is worth …."


def test_a_world_that_does_not_ask_measures_nothing_for_it() -> None:
    text = WORLD
    for asked in ("decided(lean)", "decided(chance)", "drawn(5)"):
        text = text.replace(asked, "acted(nod)")
    world = built(text)
    waiting = take(world, WrittenPass(world), new_run(world, WrittenPass(world), Prior()).opening, "wait")
    assert outcome_of(world, WrittenPass(world), waiting, "door") == (None, False)
    assert retold(world, WrittenPass(world), waiting) is waiting


def test_the_passes_of_a_run_are_counted_once_each() -> None:
    assert list(passes_run(OPENING, TELLING)) == []
    assert len(list(passes_run(OPENING, TELLING, asked=True))) == 3
    assert len(list(passes_run(key((), NOTE), TELLING))) == 6  # the untouched chain, and that with the note
    assert len(list(passes_run(key(HAS, NOTE, (), (GIRAFFE,)), TELLING))) == 8  # two there: the look, without the note too
    assert len(list(passes_run(key((*HAS, "no"), NOTE, (), (), (DOUBT,)), TELLING))) == 7
    both = key((*HAS, "no"), NOTE, (), (GIRAFFE, DOUBT), ())
    assert len(list(passes_run(both._replace(words=HAS, acts=both.acts[:3]), TELLING))) == 9  # ... and with both
    assert len(list(passes_run(both, TELLING))) == 10  # and without the look, to find what decided the word


def test_first_light_has_a_telling_word() -> None:
    world = first_light()
    assert (world.telling_token, world.telling_index) == (11, 0)
    assert [verb.name for verb in world.story.verbs] == ["lean", "leave", "ask", "let"]
