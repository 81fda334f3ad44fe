"""Every node of a world: conditions, texts, choices, scenes, tokens and what is declared. The whole language in one place.

Plain immutable values: the loader makes them, the codec keeps them, ``visit`` walks them, ``compile`` turns them into
closures. Names are resolved: a variable, a threshold, a scene and a choice are their numbers in the state.
Whatever a check can find fault with has its place. Knows no file, no state and no pass.

(Named tuples, not dataclasses: forty frozen dataclasses cost a start 30 ms, these 5. Compare nodes by type first.)
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from forward_pass.errors import Place
from forward_pass.story.deferred import Deferred
from forward_pass.story.interventions import Intervention

FORMAT = 1
GO_ON = "goes-on"
"""The id, in its scene, of the one choice of a scene that goes on by itself."""

DECODE = "decode"
"""The target of a choice that leads to no scene: the decoder comes."""

OTHERWISE = "otherwise"
"""Among the words that a token answers: every word that is not named."""


SHOWN, SEALED, ASKED = "shown", "sealed", "asked"
GIVEN = (SHOWN, SEALED, ASKED)
"""How figures are given: as they are; withheld until they are opened; or only those heard last, when the player asked."""

NOWHERE = Place("", 0, 0)

# -- conditions and numbers: whole numbers, of which 0 and 1 are also truths -----------------------------------------


class Literal(NamedTuple):
    """A number that is written out; ``true`` and ``false`` are 1 and 0."""

    value: int


class VariableValue(NamedTuple):
    """A variable's value; for an enumeration, the index of its word."""

    variable: int


class ThresholdTruth(NamedTuple):
    """Whether a threshold held when it was last measured."""

    threshold: int


class StateNumber(NamedTuple):
    """A number of the state: ``layer``, ``token`` or ``instantiation``."""

    name: str


class LayersLeft(NamedTuple):
    """How many layers remain before the boundary."""

    boundary: int


class Visits(NamedTuple):
    """How often a scene was met."""

    scene: int


class Seen(NamedTuple):
    """Whether a scene was met."""

    scene: int


class Taken(NamedTuple):
    """Whether a choice was taken."""

    choice: int


class Found(NamedTuple):
    """Whether an ending was found in an earlier run."""

    ending: str


class Met(NamedTuple):
    """Whether a scene was met in an earlier run."""

    scene: str


class Emitted(NamedTuple):
    """Whether a word was drawn at the end of a token (0: of any)."""

    word: str
    token: int


class Acted(NamedTuple):
    """Whether an act was made at a token (0: at any)."""

    act: str
    token: int


class Decided(NamedTuple):
    """Whether an act decided the word that stands for the run; or ``nothing`` did, or ``chance``."""

    what: str


class Drawn(NamedTuple):
    """Whether the word at the end of a token was drawn by chance: it was not the likeliest."""

    token: int


class PassesRun(NamedTuple):
    """How many passes were run for the figures that the run's choices showed; ``stopped``: how many were not gone on with."""

    telling: int  # the index of the telling word
    asks: tuple[int, ...]  # the choices that ask for a figure without an act
    stopped: bool
    has_layers: bool  # whether passes differ by the layers and the order of their acts: not where words are written


class Not(NamedTuple):
    """The opposite of a truth."""

    operand: Expression


class And(NamedTuple):
    """Both of two truths."""

    left: Expression
    right: Expression


class Or(NamedTuple):
    """Either of two truths."""

    left: Expression
    right: Expression


class Compare(NamedTuple):
    """Two numbers compared by ``==``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``."""

    operator: str
    left: Expression
    right: Expression


class Arithmetic(NamedTuple):
    """Two numbers joined by ``+``, ``-`` or ``*``."""

    operator: str
    left: Expression
    right: Expression


Leaf: TypeAlias = (
    Literal
    | VariableValue
    | ThresholdTruth
    | StateNumber
    | LayersLeft
    | Visits
    | Seen
    | Taken
    | Found
    | Met
    | Emitted
    | Acted
    | Decided
    | Drawn
    | PassesRun
)
Expression: TypeAlias = Leaf | Not | And | Or | Compare | Arithmetic


class Condition(NamedTuple):
    """A condition under a key of its own."""

    place: Place
    expression: Expression


class Set(NamedTuple):
    """An effect: a variable's new value, kept within the variable's bounds."""

    variable: int
    value: Expression
    least: int
    most: int


# -- texts ------------------------------------------------------------------------------------------------------------


class At(NamedTuple):
    """Which decoding is asked about: a token's, that after a passage, or that of the pass as it stands; else the last.

    A token's may be asked about ``without`` the acts of a name, or by its ``shelves`` alone: what was done at it left out.
    """

    token: int = 0
    passage: tuple[str, ...] | None = None
    now: bool = False
    without: str = ""
    shelves: bool = False


class Pick(NamedTuple):
    """A word that is not written out: the one that was drawn (``word``) or the likeliest (``likeliest``)."""

    name: str


class Probability(NamedTuple):
    """A word's probability at a decoding, as a number below 1 or in per cent."""

    word: str | Pick
    at: At
    percent: bool


class LensProbability(NamedTuple):
    """A word's probability read off the residual stream at the present layer."""

    word: str


class ProbeScore(NamedTuple):
    """A probe's score at the present layer."""

    name: str


class Likeliest(NamedTuple):
    """The likeliest word at a decoding."""

    at: At


class DrawnWord(NamedTuple):
    """The word that was drawn at the end of a token (0: the last one)."""

    token: int


class Would(NamedTuple):
    """A word's probability, or the likeliest word (``""``), if an act were added now."""

    act: str
    fixed_layer: int  # as in ``ActDeclaration``
    word: str


class Forecasted(NamedTuple):
    """A word's probability at the telling word if nothing more is done; ``without`` an act, or without the ``last`` one."""

    word: str
    telling: int  # the index of the telling word
    without: str
    last: bool


class Worth(NamedTuple):
    """The probability of the word that stands for the run, less that without an act."""

    act: str
    telling: int


class PromptPrediction(NamedTuple):
    """The probability that the pass gave a word at a position of the prompt, counted from 1."""

    word: str
    position: int


class Attention(NamedTuple):
    """The share of attention on positions ``start`` to ``stop`` - 1 (from 0), so far or over a whole token, in per cent."""

    start: int
    stop: int
    token: int


class Continuation(NamedTuple):
    """The likeliest words that follow what was said, or a passage after it."""

    length: int
    passage: tuple[str, ...]


class PromptLine(NamedTuple):
    """A line of the prompt, as typed."""

    line: str


class Summary(NamedTuple):
    """A measurement without arguments: ``sentence``, ``likelihood``, ``untouched`` or ``twice``."""

    name: str


class NumberText(NamedTuple):
    """A number in digits, or spelled out."""

    value: Expression
    spelled: bool


class WordText(NamedTuple):
    """The word that an enumeration holds."""

    value: Expression
    words: tuple[str, ...]


class Claim(NamedTuple):
    """What the words about it claim of the run: a condition that has to hold wherever they are shown. It shows nothing."""

    place: Place
    condition: Expression


class Branch(NamedTuple):
    """One alternative of a text."""

    place: Place
    pieces: tuple[Piece, ...]


class If(NamedTuple):
    """One of two alternatives, by a condition; ``place`` is the condition's."""

    place: Place
    condition: Expression
    then: tuple[Piece, ...]
    otherwise: tuple[Piece, ...]


class Switch(NamedTuple):
    """One of several alternatives, by the word that an enumeration holds."""

    value: Expression
    branches: tuple[Branch, ...]


class ByVisit(NamedTuple):
    """One of several alternatives, by how often a scene was met; the last one stays."""

    scene: int
    branches: tuple[Branch, ...]


Measurement: TypeAlias = (
    Probability
    | LensProbability
    | ProbeScore
    | Likeliest
    | DrawnWord
    | Would
    | Forecasted
    | Worth
    | PromptPrediction
    | Attention
    | Continuation
    | PromptLine
    | Summary
)
Alternatives: TypeAlias = If | Switch | ByVisit
Piece: TypeAlias = str | Alternatives | NumberText | WordText | Claim | Measurement


class Guard(NamedTuple):
    """When a paragraph is shown: where its condition holds, or (None, ``[else]``) where those above it did not."""

    place: Place
    condition: Expression | None


class Paragraph(NamedTuple):
    """A paragraph; one that is ``preformatted`` keeps its lines."""

    guard: Guard | None
    pieces: tuple[Piece, ...]
    preformatted: bool


class Text(NamedTuple):
    """A text: its paragraphs in order; a choice's words are one paragraph."""

    paragraphs: tuple[Paragraph, ...]


EMPTY = Text(())

# -- scenes and choices -----------------------------------------------------------------------------------------------


class Target(NamedTuple):
    """Where a choice or a word leads (a scene, an ending, or ``DECODE``) if its condition holds."""

    place: Place
    condition: Expression | None
    scene: str


class Goto(NamedTuple):
    """Where something leads: the first target whose condition holds; the last one has none."""

    place: Place
    targets: tuple[Target, ...]


class Effects(NamedTuple):
    """What a choice does to the variables; each effect sees the ones before it."""

    place: Place
    sets: tuple[Set, ...]


class Choice(NamedTuple):
    """A choice as it is written."""

    place: Place
    id: str
    slot: int  # where the state counts it
    say: Text
    condition: Condition | None  # where it does not hold, the choice is not there
    needs: Condition | None  # where it does not hold, the choice is there and closed, and ``why`` says why
    why: Text
    once: bool
    cost: int  # layers; for a choice that decodes, whatever is left
    cost_place: Place
    until: int  # the layer to which it leads, whatever that costs, and above which it is not there; 0: it has a cost
    acts: tuple[str, ...]
    verb: str  # what kind of thing it does to the pass, or asks of it; empty for a thought
    measures: tuple[int, ...]  # thresholds whose truth is taken where the choice leads
    effects: Effects
    cut: Effects | None  # the effects where the layers run out on it; None: then it is closed
    then: Text | None  # what is said as the choice is carried out, before the next scene
    goto: Goto

    @property
    def decodes(self) -> bool:
        """Whether the choice lets the decoder come."""
        return self.goto.targets[0].scene == DECODE

    @property
    def has_own_condition(self) -> bool:
        """Whether its condition says more than ``until`` does by itself."""
        return self.condition is not None and not self.until

    def layer_after(self, layer: int) -> int:
        """Return the layer to which the choice leads from ``layer``; one that decodes leads to the boundary instead."""
        return self.until or layer + self.cost


class Scene(NamedTuple):
    """A scene."""

    place: Place
    id: str
    slot: int
    token: int  # the one token at which it can be met; 0 for any
    text: Text
    opens: bool  # whether what was sealed is opened here
    measured: tuple[str, ...]  # the tests that hold its written figures to the model
    effects: tuple[Set, ...]  # what arriving here does to the variables, once the arrival is counted
    choices: tuple[Choice, ...]
    goes_on: bool  # whether its one choice is only to read on


class Ending(NamedTuple):
    """An ending."""

    place: Place
    id: str
    slot: int
    token: int
    title: str
    text: Text
    holds: tuple[Condition, ...]  # what it claims of every run that ends here
    measured: tuple[str, ...]  # the tests that hold its written figures to the model


class Arrival(NamedTuple):
    """Where one word leads, or any other word (``OTHERWISE``)."""

    word: str
    goto: Goto


class WrittenCase(NamedTuple):
    """One case of a written token: its condition, and the declared probability of each word."""

    condition: Expression | None
    chances: dict[str, float]


class Token(NamedTuple):
    """A token: what a written pass says at its end, and where each word leads."""

    place: Place
    position: int
    written: tuple[WrittenCase, ...]
    arrivals: tuple[Arrival, ...]


# -- declarations -----------------------------------------------------------------------------------------------------


class Variable(NamedTuple):
    """A bounded integer, a flag (0 and 1) or an enumeration (the indices of ``words``)."""

    place: Place
    name: str
    slot: int
    least: int
    most: int
    start: int
    flag: bool = False
    words: tuple[str, ...] = ()

    def shown(self, value: int) -> int | bool | str:
        """Return a value of the variable as programs and players are told it."""
        if self.words:
            return self.words[value]
        return bool(value) if self.flag else value

    def text(self, value: int) -> str:
        """Return a value of the variable in words: as it is written in a world."""
        shown = self.shown(value)
        return str(shown).lower() if isinstance(shown, bool) else str(shown)


class Threshold(NamedTuple):
    """A named truth about a measured number: the only way in which measuring meets the story."""

    place: Place
    name: str
    quantity: str  # ``p``, ``lens`` or ``probe``
    word: str  # or the probe's name
    sign: str  # ``<`` or ``>``
    bound: float


class ActDeclaration(NamedTuple):
    """An intervention as a world declares it; in a written world it is only a name."""

    place: Place
    name: str
    about: str
    verb: str  # of choices that make it and have none of their own; may be empty
    lasts: bool  # whether it outlives its token
    intervention: Intervention | None  # its layer is 0 where it begins at the layer after the one at which it is made

    @property
    def fixed_layer(self) -> int:
        """The layer at which it always begins; 0: the one after the layer at which it is made."""
        return self.intervention.layer if self.intervention else 0


class Property(NamedTuple):
    """What a world claims of all its runs: that a condition holds always, never or sometimes."""

    place: Place
    id: str
    how: str  # ``always``, ``never`` or ``sometimes``
    condition: Expression


class Verb(NamedTuple):
    """A kind of thing that choices do to the pass, and a plain sentence about it."""

    name: str
    about: str


class Given(NamedTuple):
    """How figures are given at a token from one layer to another: one of ``GIVEN``."""

    token: int
    first: int
    last: int
    how: str


class Telling(NamedTuple):
    """The token that the story is about, the words that it turns on, and how figures are given before; else they are shown."""

    token: int
    words: tuple[str, ...]
    given: tuple[Given, ...]
    passes: PassesRun | None = None  # what is counted beside figures, where the world wants a tally there


class Term(NamedTuple):
    """A term of the glossary; ``claim`` is ``measured``, ``true`` or ``invented``."""

    name: str
    claim: str
    text: str
    source: str
    also: tuple[str, ...]  # other names
    see: tuple[str, ...]  # terms to read on
    measured: tuple[str, ...]  # the tests that hold its figures to the model
    place: Place


class Story(NamedTuple):
    """A whole world."""

    id: str
    title: str
    about: str
    version: str
    hash: str  # SHA-256 over its files, hexadecimal
    has_pass: bool  # a story without one has no layers, tokens, prompt and decoder; those below stand for them
    layers: int
    first_layer: int  # at which the story of each token begins
    boundary: int  # at which the decoder comes
    start: str  # the first scene
    prompt: tuple[str, ...]  # its tokens, the document's mark first
    model: str | None  # the file of the weights, in the world's folder
    weights: str | None  # the checksum of that file
    network: str | None  # the checksum of what words depend on, which a run's header holds
    earlier_weights: tuple[str, ...]  # further checksums in headers of runs, of weights that give the same words
    instantiations: int
    acts_per_token: int
    lasting_per_token: int
    telling: Telling | None
    verbs: tuple[Verb, ...]
    properties: tuple[Property, ...]
    decided_asked: tuple[str, ...]  # what conditions ask of the acts that decided the word: their names
    drawn_asked: tuple[int, ...]  # the tokens of which they ask whether their word was drawn by chance
    met_asked: tuple[str, ...]  # the scenes of which they ask whether an earlier run met them
    answers_required: bool  # whether every choice that lets the decoder come has to have a ``then``
    spans: dict[str, tuple[int, int]]  # by name: the first position, from 0, and the one after the last
    variables: tuple[Variable, ...]
    thresholds: tuple[Threshold, ...]
    acts: tuple[ActDeclaration, ...]
    tokens: tuple[Token, ...]
    scenes: tuple[Scene, ...] | Deferred[Scene]
    endings: tuple[Ending, ...] | Deferred[Ending]
    scene_ids: tuple[str, ...]  # of the scenes, then of the endings
    ending_titles: dict[str, str]  # by id
    choice_ids: tuple[str, ...]  # in the order of their slots
    glossary: tuple[Term, ...]
    hints: dict[str, tuple[str, ...]]  # by ending, the steps of its hint


Node: TypeAlias = (
    Expression
    | Condition
    | Set
    | Piece
    | Branch
    | Guard
    | Paragraph
    | Text
    | Target
    | Goto
    | Effects
    | Choice
    | Scene
    | Ending
    | Arrival
    | WrittenCase
    | Token
    | Variable
    | Threshold
    | ActDeclaration
    | Term
    | Property
    | Verb
    | Given
    | Telling
    | Story
)
