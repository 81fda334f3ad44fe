"""The table of passes: its rows are what the pass says, and a file that is not a table of the world's passes is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures_checker import modelled_world
from forward_pass.checker.pass_table import TABLE_FILE, KnownPasses, Missing, NotMeasuredError, PassTable
from forward_pass.network.passes import open_pass
from forward_pass.story.state import Act, PassKey
from forward_pass.story.world import World

OPENING = PassKey((), ((),))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world with a tiny network, and keep its table out of the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return modelled_world(tmp_path / "modelled")


def table_of(world: World, most: int = 10) -> PassTable:
    return PassTable(world, open_pass(world), most)


@pytest.mark.parametrize(
    "key",
    [
        OPENING,
        PassKey((), ((Act("stare", 4),),)),
        PassKey(("two",), ((Act("push", 5),), (Act("force", 4),))),
    ],
)
def test_a_row_is_what_the_pass_says(world: World, key: PassKey) -> None:
    inspector, table = open_pass(world), table_of(world)
    row, distribution = table.row(key), inspector.distribution(key)
    assert [word for word, _ in distribution.likeliest(2)] == [row.word, row.second]
    assert row.margin == pytest.approx(distribution.logprob(row.word) - distribution.logprob(row.second), abs=1e-5)
    for word, probability in row.probabilities.items():
        assert table.distribution(key).p(word) == probability == pytest.approx(distribution.p(word), abs=1e-6)
    assert table.lens(key, 9).p("two") == pytest.approx(inspector.lens(key, 9).p("two"), abs=1e-6)
    assert table.probe(key, 6, "odd") == pytest.approx(inspector.probe(key, 6, "odd"), abs=1e-6)
    assert table.distribution(key).p("night") == 0.0, "no word that the world asks about"


def test_what_is_missing_can_be_measured_together_as_far_as_there_is_room(world: World) -> None:
    table = table_of(world, most=1)
    missing = []
    for key in (OPENING, PassKey((), ((Act("stare", 4),),))):
        with pytest.raises(NotMeasuredError) as caught:
            KnownPasses(table).distribution(key)
        missing.append(caught.value.missing)
    table.measure(missing)
    assert [table.is_known(one) for one in missing] == [True, False]
    assert (table.measured, table.room) == (1, 0)
    assert KnownPasses(table).row(OPENING) == table.rows[OPENING]


def test_a_reading_is_missing_until_its_layer_is_measured(world: World) -> None:
    table = table_of(world)
    with pytest.raises(NotMeasuredError) as caught:
        KnownPasses(table).probe(OPENING, 6, "odd")
    assert not table.is_known(caught.value.missing)
    assert not table.is_known(Missing(OPENING))
    table.measure([caught.value.missing])
    assert KnownPasses(table).probe(OPENING, 6, "odd") == table.probe(OPENING, 6, "odd")


# -- files ------------------------------------------------------------------------------------------------------------

BAD_FILES = {
    "cut short": "[",
    "of other weights": '{"format": 1, "of": "another", "rows": [], "readings": []}',
    "a list": "[1]",
    "with an empty row": '{"format": 1, "of": "DIGEST", "rows": [[]], "readings": []}',
    "with a word that is an object": '{"format": 1, "of": "DIGEST", "rows": [["[[],[[]]]", [], {}, "x", 3]], "readings": []}',
    "with a key that is an object": '{"format": 1, "of": "DIGEST", "rows": [["{}", "a", "b", 1, {}]], "readings": []}',
    "with acts that are none": '{"format": 1, "of": "DIGEST", "rows": [["[[],[1]]", "a", "b", 1, {}]], "readings": []}',
    "with half an act": '{"format": 1, "of": "DIGEST", "rows": [["[[],[[[\\"a\\"]]]]", "a", "b", 1, {}]], "readings": []}',
    "with an empty reading": '{"format": 1, "of": "DIGEST", "rows": [], "readings": [[null]]}',
    "nested too deep": "[" * 100_000,
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_left_out(world: World, name: str) -> None:
    table = table_of(world)
    (world.folder / TABLE_FILE).write_text(BAD_FILES[name].replace("DIGEST", table.digest))
    assert table.read_table() == 0
    assert not table.rows
    assert not table.readings


def test_what_is_written_is_read_again_unless_it_is_too_large(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(world)
    table.row(OPENING)
    table.write_beside_world()
    again = table_of(world)
    assert again.read_table() == 1
    assert again.row(OPENING).word == table.row(OPENING).word
    assert again.readings == table.readings
    monkeypatch.setattr("forward_pass.checker.table_file.MAX_BYTES", 10)
    assert table_of(world).read_table() == 0


def test_the_digest_depends_on_the_interventions_and_not_on_prose(world: World, tmp_path: Path) -> None:
    text = (world.folder / "world.yaml").read_text()
    prose = modelled_world(tmp_path / "prose", text.replace("A stare.", "Another stare.").replace("Sure.", "Certain."))
    act = modelled_world(tmp_path / "act", text.replace("by: 8", "by: 9"))
    assert table_of(prose).digest == table_of(world).digest != table_of(act).digest
