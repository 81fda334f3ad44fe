"""The Python API: what its pages show is so, block by block, and what it refuses."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import forward_pass as fp
from building import ROOT

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = ("api", "notebook", "agents")


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_a_page_runs_after_those_before_it(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [f"{ROOT / 'bench'}", *sys.path])
    names: dict[str, object] = {}
    blocks = BLOCK.findall((ROOT / "docs" / f"{page}.md").read_text(encoding="utf8"))
    assert blocks
    for number, block in enumerate(blocks, 1):
        exec(compile(block, f"docs/{page}.md, block {number}", "exec"), names)  # noqa: S102 - our own page


def test_everything_public_is_documented() -> None:
    for name in fp.__all__:
        value = getattr(fp, name)
        assert isinstance(value, str) or value.__doc__, name
    for kind in (fp.Session, fp.Pass):
        for name, member in vars(kind).items():
            assert name.startswith("_") or member.__doc__, name


def test_two_sessions_with_the_same_choices_are_equal_and_share_nothing() -> None:
    world = fp.load_world("first-light")
    one, other = fp.Session(world, temperature=1.0, seed=3), fp.Session(world, temperature=1.0, seed=3)
    for choice in ("read-question", "stop-reading"):
        one.choose(choice)
        other.choose(choice)
        assert (one.digest, one.state, one.text) == (other.digest, other.state, other.text)
    copy = one.copy()
    copy.undo()
    assert one.turn == 2
    assert copy.turn == 1


def test_what_there_is_not_is_refused_with_what_there_is() -> None:
    world = fp.load_world()
    passes = fp.Pass(world)
    with pytest.raises(fp.UsageError, match="the model has no word 'xyzzy'"):
        passes.run(("xyzzy",))
    with pytest.raises(fp.UsageError, match="declares no act 'jump'; there are "):
        passes.run((), {400: [("jump", 40)]})
    with pytest.raises(fp.UsageError, match="an act at token 402: this pass has tokens 400 to 400"):
        passes.run((), {402: [("doubt", 60)]})
    with pytest.raises(fp.UsageError, match="a hook at token 399"):
        passes.run((), hooks={399: [fp.Silence(40, 0)]})
    with pytest.raises(fp.UsageError, match=r"given as a sequence: \('foot', 'has'\)"):
        passes.run("foot has")
    with pytest.raises(fp.UsageError, match=r"given by token, \{400: \[\(name, layer\)\]\}"):
        passes.run((), [("doubt", 60)])  # type: ignore[arg-type]
    with pytest.raises(fp.UsageError, match="cannot begin at layer 90"):
        passes.run((), {400: [("doubt", 90)]})
    with pytest.raises(fp.UsageError, match="no head 9; the heads are 0 to 1"):
        passes.run(hooks=fp.Silence(40, 9))
    with pytest.raises(fp.UsageError, match="the source is the sites of a pass, not a PassResult"):
        passes.run(hooks=[fp.Patch("stream", 40, None, passes.run())])  # type: ignore[arg-type]
    with pytest.raises(fp.UsageError, match="there is no layer 97"):
        passes.lens(passes.run(), 97)
    with pytest.raises(fp.UsageError, match="at least 0"):
        fp.Session(world, temperature=-1.0)
    with pytest.raises(fp.ForwardPassError, match="no model"):
        fp.Pass("first-light")
    with pytest.raises(fp.UsageError):
        fp.Session(world).goto("0" * 16)


def test_a_pass_is_that_of_play() -> None:
    session, passes = fp.Session("forward-pass"), fp.Pass("forward-pass")  # names, as for ``check``
    while not session.at_ending:
        session.choose(session.open_ids[0])
    for turn in session.turns:
        if turn.word is not None:
            result = passes.run(turn.decoding.words, turn.decoding.acts)
            assert (result.distribution.best, round(result.p(turn.word), 4)) == (turn.word, turn.probability)


def test_a_check_takes_a_name_a_folder_or_a_world(tmp_path: Path) -> None:
    world = fp.load_world("first-light")
    assert fp.check(world).summary.split(":")[0] == fp.check(world.folder).summary.split(":")[0] == "first-light"
    (tmp_path / "world.yaml").write_text("format: 1\n")
    with pytest.raises(fp.WorldError):
        fp.load_world(tmp_path)


def test_the_baselines_find_endings_and_print_their_table() -> None:
    arguments = [sys.executable, "bench/agents.py", "--world", "first-light", "--runs", "30", "--seconds", "5"]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, encoding="utf8", check=True)
    assert "random: 3 of 4 endings" in done.stdout or "random: 4 of 4 endings" in done.stdout
    assert "best-first: 4 of 4 endings" in done.stdout
