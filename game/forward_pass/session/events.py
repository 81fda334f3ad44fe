"""What happens in a session, as values: named for what happened. Front ends show them, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from forward_pass.story.distribution import Distribution
from forward_pass.story.history import Run, Turn

if TYPE_CHECKING:
    from forward_pass.session.inspection import Inspection
    from forward_pass.storage.run_set import RunSet


class SceneEntered(NamedTuple):
    """The run is in a scene or at an ending; ``then`` is the ``then`` text of the last choice, empty where it has none.

    ``made`` where a turn was made that led here, so that its figures are told with it.
    """

    run: Run
    then: str
    made: bool = False


class TokenDecoded(NamedTuple):
    """A word was decoded: the token, its distribution, the turn that drew from it, and the ``then`` text of the choice."""

    token: int
    distribution: Distribution
    turn: Turn
    then: str


class Message(NamedTuple):
    """Text that is not part of the story: paragraphs, and the object that JSON front ends get instead."""

    text: str
    row: Mapping[str, object] | None = None


class ViewRequested(NamedTuple):
    """A view of the run was requested: ``prompt`` or ``transcript``."""

    view: str
    run: Run


class InspectionShown(NamedTuple):
    """The pass was inspected; ``attention`` says whether the share of every position is wanted too."""

    inspection: Inspection
    attention: bool = True


class Rejected(NamedTuple):
    """Input that could not be carried out, why, and of what kind that is; the run is unchanged."""

    message: str
    code: str = "refused"


class Quit(NamedTuple):
    """The player has left; ``text`` says where the run is stored and how to resume it."""

    text: str


class TreeShown(NamedTuple):
    """All runs were requested, as a ``tree`` or as a ``map``; ``node`` is the number of the node that the present run is at."""

    run_set: RunSet
    node: int
    screen: str = "tree"
    below: int = 0  # the node of which alone the branches are wanted
    limit: int | None = None  # how many nodes at most; None for all


class RunsCompared(NamedTuple):
    """Two runs were to be compared; ``names`` are how they are called."""

    first: Run
    second: Run
    names: tuple[str, str]


class PictureShown(NamedTuple):
    """The run was requested as a picture."""

    run: Run


Event = (
    SceneEntered
    | TokenDecoded
    | Message
    | ViewRequested
    | InspectionShown
    | Rejected
    | Quit
    | TreeShown
    | RunsCompared
    | PictureShown
)
