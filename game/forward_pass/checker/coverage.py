"""What a check covers: the things that runs can reach, by name. Must not know how they are reached."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class ItemKind(StrEnum):
    """What is reached."""

    SCENE = "scene"  # a scene or an ending
    OFFERED = "offered"  # a choice, open or closed
    OPEN = "open"  # a choice that can be taken
    ABSENT = "absent"  # a choice whose condition does not hold
    UNMET = "unmet"  # a choice whose ``needs`` does not hold
    NO_LAYERS = "no layers"  # a choice that takes more layers than are left
    CUT_SHORT = "cut short"  # a choice on which the layers run out
    NOT_CUT_SHORT = "not cut short"
    TARGET = "target"  # one target of a choice's goto, by its number
    WORD = "word"  # a word drawn at a token
    WORD_TARGET = "word target"  # one target of a word at a token, by its number
    SCENE_TEXT = "scene text"  # one alternative of a scene's text, by its number
    CHOICE_TEXT = "choice text"  # one alternative of a choice's texts, by its number
    CLAIM = "claim"  # where a claim of a scene's text does not hold, by its number
    PROPERTY = "property"  # where a property of all runs is broken; one that holds sometimes: where it does


class Item(NamedTuple):
    """Something that a run can reach."""

    kind: ItemKind
    name: str  # the id of a scene or a choice, or a word
    number: int = 0
    token: int = 0
