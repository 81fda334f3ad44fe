"""Every mistake of one edit, at every line of the story of docs/ink.md: told once or twice, near the line, or accepted."""

from __future__ import annotations

import re

import pytest

from building import ROOT, loaded
from forward_pass.errors import Problem
from forward_pass.loading.lint import lint
from one_edit_mistakes import Mistake, mistakes

STORY = re.findall(
    r"^```yaml world\n(.*?)^```$", (ROOT / "docs" / "ink.md").read_text(encoding="utf8"), re.MULTILINE | re.DOTALL
)[0]
MISTAKES = list(mistakes(STORY))
KINDS = sorted({mistake.kind for mistake in MISTAKES})
MOST_TOLD = 2
NEAR = 6  # lines: a missing key is told where its choice or its scene begins
KEY_GONE = ("commented out", "a key without a value")  # of a section: what stood in it is taken for something else


def problems_of(mistake: Mistake) -> list[Problem]:
    reading = loaded(("world.yaml", mistake.text), name="ferry")
    return [*reading.problems, *(lint(reading.story) if reading.story else ())]


def names_the_line(mistake: Mistake, problems: list[Problem]) -> bool:
    """Return whether a problem is at the line of a mistake or near it, or says the line's number or its first word."""
    word = re.sub(r"[^\w-]", "", mistake.text.split("\n")[mistake.line - 1].split(":")[0].strip().lower())
    return any(
        abs(one.line - mistake.line) <= NEAR
        or any(abs(int(number) - mistake.line) <= NEAR for number in re.findall(r"line (\d+)", one.message))
        or (word and word in one.message.lower())
        or one.message.startswith("the world needs the key")
        for one in problems
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_mistake_is_told_once_or_twice_and_where_it_is(kind: str) -> None:
    for mistake in (one for one in MISTAKES if one.kind == kind):
        problems = problems_of(mistake)
        errors = [problem for problem in problems if problem.severity == "error"]
        told = [f"{problem.line}:{problem.column} {problem.code} {problem.message}" for problem in errors]
        is_section = not STORY.split("\n")[mistake.line - 1].startswith(" ")
        assert len(errors) <= MOST_TOLD or (is_section and kind in KEY_GONE), (mistake.line, told)
        assert not errors or names_the_line(mistake, errors), (mistake.line, told)
        assert all(problem.code != "E005" or "YAML:" not in problem.message for problem in errors) or len(errors) == 1


def test_most_mistakes_are_told_in_an_authors_words() -> None:
    """Of what the YAML parser refuses, nearly all has its cause told; the parser's own words are the rest."""
    refused = [problem for mistake in MISTAKES for problem in problems_of(mistake) if problem.code == "E005"]
    plain = [problem for problem in refused if problem.message.startswith("YAML:")]
    assert len(refused) > 200
    assert len(plain) < len(refused) / 10


def test_what_is_accepted_is_shown_as_it_is_written() -> None:
    accepted = [mistake for mistake in MISTAKES if not problems_of(mistake)]
    marks = [mistake for mistake in accepted if mistake.kind in ("a semicolon behind it", "a comma behind it", "curly quotes")]
    assert len(marks) > 20
    for mistake in marks:
        written = mistake.text.split("\n")[mistake.line - 1].strip()
        shown = (written.partition(": ")[2] or written).rpartition("] ")[2]
        assert shown in repr(loaded(("world.yaml", mistake.text), name="ferry").story) or "{" in shown, mistake
