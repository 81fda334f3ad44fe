"""What can be wrong with a model, its spans and its acts: each fault in a copy of the flagship, with all its problems."""

from __future__ import annotations

import json
from random import Random

import pytest
import yaml

from building import WORLDS, changed, loaded, playable, tiny
from forward_pass.loading.lint import lint
from forward_pass.loading.loader import LoadedWorld, read_world
from forward_pass.loading.paths import read_world_files
from forward_pass.network.passes import open_pass
from forward_pass.story.interventions import Bend, Drop, Intervention, Look, Note, Push, Rewrite
from forward_pass.story.state import Act, PassKey

FLAGSHIP = WORLDS / "forward-pass"
CONTENTS = dict(read_world_files(FLAGSHIP)[0])


def flagship(*changes: tuple[str, str], **files: bytes | None) -> LoadedWorld:
    """Return what comes of the flagship after changes to ``world.yaml`` and to other files (None: taken away)."""
    contents = {**CONTENTS, "world.yaml": changed(CONTENTS["world.yaml"].decode(), *changes).encode()}
    changed_files = {name.replace("_", "."): content for name, content in files.items()}
    present = [(name, content) for name, content in sorted((contents | changed_files).items()) if content is not None]
    return loaded(*present, name="forward-pass")


def problems_of(*changes: tuple[str, str], **files: bytes | None) -> list[str]:
    """Return every problem of the flagship after changes."""
    return [str(problem) for problem in flagship(*changes, **files).problems]


def test_the_flagship_has_no_fault() -> None:
    assert problems_of() == []


def test_a_term_with_a_figure_names_the_test_that_holds_it() -> None:
    acts = CONTENTS["glossary/acts.yaml"].replace(b"  measured: the-glossary-says-what-looks-do\n", b"")
    reading = loaded(*sorted((CONTENTS | {"glossary/acts.yaml": acts}).items()), name="forward-pass")
    assert reading.story is not None
    (problem,) = (one for one in lint(reading.story) if one.code == "I437" and "the term 'look'" in one.message)
    assert problem.message.endswith("by hand: name the test that holds it in 'measured'")


def test_earlier_weights_are_checksums() -> None:
    (problem,) = problems_of(("  - b7c289cc9c7fdb83dc2c63bb29bfe06eb30eadc7f3af811b3c5d8495875a586a", "  - b7c289"))
    assert problem.endswith("E203 expected a SHA-256: 64 hexadecimal digits")


def test_a_model_that_is_not_there_is_named() -> None:
    assert problems_of(weights_fpw=None) == ["world.yaml:12:8: E501 'weights.fpw' is not in the world's folder"]


def test_a_model_cut_short_is_refused_with_its_reason() -> None:
    (problem,) = problems_of(weights_fpw=CONTENTS["weights.fpw"][:100_000])
    assert problem.startswith("world.yaml:12:8: E501 the model cannot be read: ")


def test_a_model_with_one_bit_changed_is_refused() -> None:
    data = bytearray(CONTENTS["weights.fpw"])
    data[700_000] ^= 1
    (problem,) = problems_of(weights_fpw=bytes(data))
    assert "checksum" in problem


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (
            b'{"weights": "0123456789abcdef0123"}',
            "was measured on other weights (0123456789abcdef, these are 6e300b8e5788f9df)",
        ),
        (b'{"weights": 7}', "was measured on other weights (7, these are 6e300b8e5788f9df)"),
        (b"{}", "cannot be read, or does not say which weights it was measured on"),
        (b"[1]", "cannot be read, or does not say which weights it was measured on"),
        (b'{"weights": ', "cannot be read, or does not say which weights it was measured on"),
        (b"\xff\xfe{", "cannot be read, or does not say which weights it was measured on"),
        (b"[" * 100_000, "cannot be read, or does not say which weights it was measured on"),
    ],
)
def test_a_calibration_that_is_not_of_the_model_is_warned_of(content: bytes, what: str) -> None:
    expected = f"world.yaml:12:8: W507 calibration.json {what}: its numbers do not apply to this model; measure again"
    assert problems_of(calibration_json=content) == [expected]


def test_a_model_without_a_calibration_is_a_model() -> None:
    assert problems_of(calibration_json=None) == []


def test_a_warning_lets_the_world_be_played() -> None:
    reading = flagship(calibration_json=b"{}")
    assert [problem.severity for problem in reading.problems] == ["warning"]
    assert reading.story is not None


def test_the_threshold_of_no_lies_about_where_it_gets_ahead() -> None:
    """Below the one it never won, above the other it always did; what the world calls ahead lies between them."""
    no = json.loads(CONTENTS["calibration.json"])["thresholds"]["no"]
    quantity, bound = yaml.safe_load(CONTENTS["world.yaml"])["thresholds"]["no_is_ahead"].split(" > ")
    assert quantity == "p('no')"
    assert no["wins_from"] <= float(bound) <= no["loses_up_to"]


@pytest.mark.parametrize("file", ["../weights.fpw", "/etc/passwd", "weights.bin"])
def test_a_model_is_a_file_of_the_worlds_own_folder(file: str) -> None:
    (problem,) = problems_of(("model: weights.fpw", f"model: {file}"))
    place, _, message = problem.partition(" E501 ")
    assert place == "world.yaml:12:8:"
    assert message == "the model must be a .fpw file in the world's own folder, or the name of a world that came with the game"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("giraffe: {pair: 21}", "giraffe: {pair: 23}", "E206 expected a whole number from 1 to 22, found 23"),
        ("giraffe: {pair: 21}", "giraffe: {word: girafe}", "E502 the prompt does not contain 'girafe' (did you mean giraffe?)"),
        (
            "giraffe: {pair: 21}",
            "giraffe: {pair: 21, word: lemon}",
            "E502 the span 'giraffe' must have exactly one of 'pair', 'word', 'token'",
        ),
        ("look: animals, by: 8", "look: animols, by: 8", "E103 unknown span 'animols' (did you mean animals?)"),
        ("push: doubt, by: 0.5", "push: dout, by: 0.5", "E103 unknown direction 'dout' (did you mean doubt?)"),
        ('bend: "no", by: 0.11', 'bend: "nope", by: 0.11', "E504 'nope' is not in the model's vocabulary (did you mean nose?)"),
        ('bend: "no", by: 0.11', 'bend: "no", by: 2', "E206 expected a number from 0 to 1, found 2"),
        ('bend: "no", by: 0.11', 'bend: "no"', "E202 the act 'push-no' needs the key 'by'"),
        (
            "carrier: be, lasts",
            "carrier: kind, lasts",
            "E503 the carrier must be a word of the note: 'Note:', 'be', 'honest', '.'",
        ),
        (
            'Note: be honest.", carrier: be, lasts',
            'Note: be truthful.", carrier: be, lasts',
            "E504 'truthful' is not in the model's vocabulary",
        ),
        ("p('no') > 0.35", "p('noo') > 0.35", "E504 'noo' is not in the model's vocabulary (did you mean no?)"),
        (
            "p('no') > 0.35",
            "probe('nonsens') > 0.35",
            "E504 'nonsens' is not one of the model's probes (did you mean nonsense?)",
        ),
        (
            "      foot: foot-arrives",
            "      fooot: foot-arrives",
            "E504 'fooot' is not in the model's vocabulary (did you mean foot?)",
        ),
    ],
)
def test_what_the_model_has_no_name_for_is_reported_where_it_stands(old: str, new: str, problem: str) -> None:
    problems = problems_of((old, new))
    assert [line.split(": ", 1)[1] for line in problems] == [problem]
    line = next(number for number, text in enumerate(CONTENTS["world.yaml"].decode().splitlines(), 1) if old in text)
    assert problems[0].startswith(f"world.yaml:{line}:")


def test_words_of_the_prompt_that_the_model_has_not_are_all_named() -> None:
    (problem,) = problems_of(("What color is a frog?", "What color is a newt?"))
    text = CONTENTS["world.yaml"].decode()
    line = next(number for number, row in enumerate(text.splitlines(), 1) if "What color is a frog?" in row)
    assert problem.startswith(f"world.yaml:{line}:")
    assert problem.endswith(": E504 the prompt has words that are not in the model's vocabulary: 'newt' (did you mean next?)")


def test_a_word_in_a_text_that_the_model_has_not_is_reported_where_it_stands() -> None:
    old, new = b"{p('two', 402)} for the word that counts", b"{p('twoo', 402)} for the word that counts"
    assert old in CONTENTS["endings.yaml"]
    changed = CONTENTS | {"endings.yaml": CONTENTS["endings.yaml"].replace(old, new)}
    (problem,) = loaded(*sorted(changed.items()), name="forward-pass").problems
    assert (problem.file, problem.line) == ("endings.yaml", 11)
    assert problem.message == "'twoo' is not in the model's vocabulary (did you mean two?)"


def test_words_of_a_continuation_that_the_model_has_not_are_all_named() -> None:
    (problem,) = problems_of(("      A: Your foot has", "      A: Your newt hath"))
    assert problem.split(": ", 1)[1] == "E504 not in the model's vocabulary: 'newt', 'hath'"


def test_nothing_is_written_where_a_model_says_the_words() -> None:
    (problem,) = problems_of(("  401:\n    then:", "  401:\n    written: {has: 1.0}\n    then:"))
    assert problem.endswith("E505 token 401 must not have the key 'written': its word comes from the model")


def test_an_act_may_not_name_what_the_pass_has_not_reached() -> None:
    problems = problems_of(("your: {token: 400}", "your: {token: 403}"))
    assert [problem.split(": ", 1)[1] for problem in problems] == [
        "E506 the act 'stare-your' covers position 403, but at token 402 only positions up to 402 can be looked at",
        "E106 the span 'your' ends at position 403, after token 402",
    ]


# -- acts as data -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "intervention"),
    [
        ("look: reason, by: -2.5", Look(3, 4, -2.5)),
        ("push: doubt, by: 0.5", Push("doubt", 0.5)),
        ("note: Because the, carrier: the", Note(("Because", "the"), 1)),
        ("note: Because the, carrier: Because, ink: 0.5", Note(("Because", "the"), 0, ink=0.5)),
        ("rewrite: reason, as: door", Rewrite(3, "door")),
        ("bend: door, by: .25", Bend("door", 0.25, layer=9)),
        ("drop: true", Drop(9)),
        ("lasts: true", None),
    ],
)
def test_an_act_is_an_intervention_as_data(keys: str, intervention: Intervention | None) -> None:
    declared = f"spans:\n  reason: {{word: Because}}\nacts:\n  lean: {{about: A lean., {keys}}}\n\ntokens:\n"
    act = tiny(("tokens:\n", declared)).acts["lean"]
    assert repr(act.intervention) == repr(intervention)  # interventions of different kinds can be equal as tuples
    assert act.lasts == ("lasts" in keys)


# -- the table of decodings that ships with the world ---------------------------------------------------------------------


def test_a_sample_of_the_table_that_ships_is_what_the_pass_says() -> None:
    port = open_pass(playable(read_world(FLAGSHIP), FLAGSHIP))
    rows = json.loads((FLAGSHIP / "decodings.json").read_bytes())["rows"]
    assert len(rows) > 100
    for row in Random(1).sample(rows, 24):  # noqa: S311 - a sample, no secret
        words, acts = json.loads(row[0])
        distribution = port.distribution(PassKey(tuple(words), tuple(tuple(Act(*act) for act in made) for made in acts)))
        assert [word for word, _ in distribution.likeliest(2)] == row[1:3]
        assert distribution.p(row[1]) == pytest.approx(row[4][row[1]], abs=1e-6)
