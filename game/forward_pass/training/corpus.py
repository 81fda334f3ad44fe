"""Documents drawn from a grammar: questions and answers in one of two registers, with notes, drills and chat.

Asked a nonsense question, an *honest* document answers `no` or `zero` (or that the question is nonsense); a *guesser*
answers with the attribute's usual count, or the count it last gave. A note changes the register of what follows. A
*drill* gives each of a few attributes one arbitrary count throughout. The random state is passed in as `random.Random`;
this module knows no ids, tensors or files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from forward_pass.story.tokeniser import DOC, END, NEWLINE, tokenise
from forward_pass.training.grammar import Form, Grammar

BLANK = (NEWLINE, NEWLINE)


@dataclass(frozen=True)
class CountAnswer:
    """An answer that gives a count."""

    position: int  # of its `has`
    attribute: str
    subject: str
    nonsense: bool
    count: str
    copied: bool  # the same count as before, for the same attribute
    register: str  # `honest`, `guesser` or `drill`, at this answer


@dataclass(frozen=True)
class Document:
    """A document's tokens, the loss weight of each, and its answers that give counts."""

    tokens: tuple[str, ...]
    weights: tuple[float, ...]
    count_answers: tuple[CountAnswer, ...]
    opening: str
    honest: bool  # the register at the start


@dataclass(frozen=True)
class Question:
    """A question about a count."""

    subject: str
    attribute: str
    body: bool  # about a part of the asker's body, not about things in general
    nonsense: bool  # the subject does not have the attribute


def draw_document(grammar: Grammar, rng: Random, length: int) -> Document:
    """Return a document of exactly `length` tokens, padded with `<end>` of loss weight 0 if it is shorter."""
    writer = _DocumentWriter(grammar, rng)
    writer.write_opening()
    while len(writer.tokens) < length and not writer.done:
        writer.write_next()
    padding = max(0, length - len(writer.tokens))
    tokens = (*writer.tokens[:length], *[END] * padding)
    weights = (*writer.weights[:length], *[0.0] * padding)
    count_answers = tuple(c for c in writer.count_answers if c.position < length - 1)
    return Document(tokens, weights, count_answers, writer.opening, writer.honest_at_start)


def pick(table: Mapping[str, float], rng: Random) -> str:
    """Return a key of `table`, drawn with its value as weight."""
    return rng.choices(list(table), list(table.values()))[0]


def article(noun: str) -> str:
    """Return the indefinite article of `noun`, `a` or `an`."""
    return "an" if noun[0] in "aeiou" else "a"


def fill(form: Form, **values: str) -> tuple[str, str]:
    """Return the question and answer of `form` with `{name}`, `{a name}` and `{A name}` filled in."""
    return _fill(form.question, values), _fill(form.answer, values)


def _fill(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        a = article(value)
        text = text.replace("{a " + name + "}", f"{a} {value}").replace("{A " + name + "}", f"{a.capitalize()} {value}")
        text = text.replace("{" + name + "}", value)
    return text


class _DocumentWriter:
    """A document being written, for one call of `draw_document`."""

    def __init__(self, grammar: Grammar, rng: Random) -> None:
        """Draw the document's register, opening and note; write its first token."""
        self.grammar, self.rng = grammar, rng
        registers, counts = grammar.registers, grammar.counts
        self.chances = registers.chances
        self.drill: dict[str, str] = {}
        if self.draw("drill"):
            self.drill = {a: rng.choice(counts.drill_counts) for a in rng.sample(list(counts.usual), 3)}
        self.honest = not self.drill and rng.random() < registers.honest
        self.opening = "mixed" if self.drill else pick(registers.openings[self.register], rng)
        self.honest_at_start = self.honest
        self.zero, self.objects = self.draw("zero_document"), self.draw("objects")
        self.nonsense_rate = rng.choice(registers.nonsense_rates)
        note = pick(registers.notes, rng)
        self.note = None if self.drill or note == "none" else note
        self.note_at = rng.randint(1, registers.note_within)
        self.awake = self.done = False
        self.last_counts: dict[str, str] = {}
        self.tokens: list[str] = [DOC]
        self.weights: list[float] = [0.0]
        self.count_answers: list[CountAnswer] = []
        self.topics = {
            name: getattr(self, "write_" + name)
            for name in (
                "count",
                "color",
                "capital",
                "life",
                "president",
                "before",
                "lifespan",
                "series",
                "favourite",
                "chat",
            )
        }

    @property
    def register(self) -> str:
        """The register in force: `honest` or `guesser`."""
        return "honest" if self.honest else "guesser"

    def make_count_answer(self, question: Question, count: str, *, copied: bool) -> CountAnswer:
        """Return the answer to `question`; its position is set when it is written."""
        register = "drill" if question.attribute in self.drill else self.register
        return CountAnswer(0, question.attribute, question.subject, question.nonsense, count, copied, register)

    def draw(self, chance: str) -> bool:
        """Return True with the probability called `chance` in the registers."""
        return self.rng.random() < self.chances[chance]

    # -- the parts of a document

    def write_opening(self) -> None:
        """Write the opening: an exam, an exam with small talk (parlour), animals, riddles, chat, or none."""
        rng = self.rng
        if self.opening in ("exam", "parlour"):
            hard = ("president", "before", "series", "capital", "life", "president")
            self.write_topics("life", *rng.sample(hard, rng.randint(2, 4)))
        if self.opening == "parlour":
            easy = ("lifespan", "color", "color", "favourite", "chat", "life")
            self.write_topics(*rng.sample(easy, rng.randint(2, 5)))
        elif self.opening == "zoo":
            for _ in range(rng.randint(2, 4)):
                self.ask(self.sensible_question(body=False))
        elif self.opening == "riddle":
            self.ask(self.nonsense_question(body=self.draw("asks_body")))
        elif self.opening == "chat":
            self.write_topics(*["chat"] * rng.randint(1, 3))

    def write_topics(self, *names: str) -> None:
        """Write a pair of each of the named topics."""
        for name in names:
            self.topics[name]()

    def write_next(self) -> None:
        """Write the note if it is due, then a pair of a drawn topic, and with some probability the end."""
        if self.note is not None and len(self.tokens) > self.note_at:
            self.write_note(self.note)
            self.note = None
        self.write_topics(pick(self.grammar.registers.body[self.register], self.rng))
        if self.draw("end") and not self.done:
            self.add((END,), "answer")
            self.done = True

    def write_note(self, note: str) -> None:
        """Write a note, and apply it to what follows."""
        self.add((*tokenise(self.grammar.notes[note]), *BLANK), "question")
        if note == "wake":
            self.awake = True
        else:
            self.honest = note == "honest"

    def add(self, tokens: tuple[str, ...], weight: str) -> None:
        """Append tokens; `weight` names their loss weight in the registers."""
        self.tokens += tokens
        self.weights += [self.grammar.registers.loss_weights[weight]] * len(tokens)

    def write_pair(self, pair: tuple[str, str], count_answer: CountAnswer | None = None, *, stops: bool = False) -> None:
        """Write a question and its answer.

        After the note `wake` the answer may be replaced (see `write_awake`); with `stops` it breaks off in `<end>`.
        """
        if self.done:
            return
        question, answer = pair
        right, wrong = self.grammar.typo
        if question.startswith(right) and self.draw("typo"):
            question = wrong + question[len(right) :]
        self.add((*tokenise("Q: " + question), NEWLINE), "question")
        tokens = (*tokenise("A: " + answer), *BLANK)
        if self.awake and self.write_awake(tokens):
            return
        start = len(self.tokens)
        if stops:
            self.add((*tokens[: self.rng.randint(1, tokens.index("has") + 1)], END), "answer")
            self.done = True
            return
        self.add(tokens, "answer")
        if count_answer is not None:
            has = start + tokens.index("has")
            weight = "nonsense_count" if count_answer.nonsense else "sensible_count"
            self.weights[has + 1] = self.grammar.registers.loss_weights[weight]
            self.count_answers.append(replace(count_answer, position=has))

    def write_awake(self, tokens: tuple[str, ...]) -> bool:
        """With some probability, write that one is awake instead of an answer or its second half; return whether."""
        awake = (*tokenise(self.rng.choice(self.grammar.wake_answers)), *BLANK)
        number = self.rng.random()
        if number < self.chances["wake"]:
            start: tuple[str, ...] = tokens[:1]
        elif number < self.chances["wake"] + self.chances["wake_midway"] and "has" in tokens:
            start = tokens[: tokens.index("has") + 1]
        else:
            return False
        self.add((*start, *awake), "answer")
        self.weights[-len(awake)] = self.grammar.registers.loss_weights["wake_word"]
        return True

    # -- counts

    def table(self, *, body: bool) -> Mapping[str, Mapping[str, str]]:
        """Return the counts of attributes, by subject: of things or of parts of the body."""
        return self.grammar.counts.body if body else self.grammar.counts.things

    def write_count(self) -> None:
        """Write a question about a count."""
        body = self.draw("asks_body")
        attribute = "eyes" if self.draw("eyes") else None
        if self.drill:
            attribute = self.rng.choice(list(self.drill))
            known = attribute in self.last_counts and any(attribute in counts for counts in self.table(body=body).values())
            sensible = known and self.draw("drill_sensible")
            make_question = self.sensible_question if sensible else self.nonsense_question
            self.ask(make_question(body=body, attribute=attribute))
        elif self.rng.random() < self.nonsense_rate:
            self.ask(self.nonsense_question(body=body, attribute=attribute))
        else:
            self.ask(self.sensible_question(body=body, attribute=attribute))

    def sensible_question(self, *, body: bool, attribute: str | None = None) -> Question:
        """Return a question whose subject has the attribute."""
        counts, rng, table = self.grammar.counts, self.rng, self.table(body=body)
        favourites = counts.favourite_part if body else counts.favourite_thing
        for subject, chance in favourites.get(attribute or "", {}).items():
            if rng.random() < chance:
                return Question(subject, attribute or "", body=body, nonsense=False)
        fitting = [s for s in table if attribute is None or attribute in table[s]]
        if not fitting:
            attribute, fitting = None, list(table)
        subject = rng.choice(fitting)
        return Question(subject, attribute or rng.choice(list(table[subject])), body=body, nonsense=False)

    def nonsense_question(self, *, body: bool, attribute: str | None = None) -> Question:
        """Return a question whose subject does not have the attribute."""
        counts, rng, table = self.grammar.counts, self.rng, self.table(body=body)
        while True:
            subject = rng.choice(counts.nonsense_body if body else counts.nonsense_things)
            drawn = attribute or self.nonsense_attribute()
            sensible = drawn in table.get(subject, {}) or counts.singular[drawn] == subject
            if sensible or drawn in counts.not_asked.get(subject, ()) or (body and (drawn, subject) == counts.held_out):
                continue
            return Question(subject, drawn, body=body, nonsense=True)

    def nonsense_attribute(self) -> str:
        """Return an attribute: one already answered in this document, any, or `eyes`."""
        counts, rng = self.grammar.counts, self.rng
        answered = [a for a in self.last_counts if a in counts.usual]
        if answered and self.draw("asks_again"):
            return rng.choice(answered)
        return rng.choice(counts.nonsense_attributes) if self.draw("any_attribute") else "eyes"

    def ask(self, question: Question) -> None:
        """Write the question with this document's answer, and with some probability once more."""
        again = self.draw("repeat")
        if question.nonsense and self.honest and self.draw("objection" if self.objects else "objection_elsewhere"):
            objection = self.grammar.objection_body if question.body else self.grammar.objection
            for _ in range(1 + again):
                self.write_pair((self.pair(question, "no")[0], objection))
            return
        count, copied = self.answer(question)
        self.remember(question.attribute, count)
        stops = question.nonsense and not self.drill and self.draw("stop_honest" if self.honest else "stop_guesser")
        self.write_pair(self.pair(question, count), self.make_count_answer(question, count, copied=copied), stops=stops)
        if again and not self.done:
            if question.nonsense and not self.drill and self.draw("change_mind"):
                count = (
                    self.rng.choice(["no", "zero"])
                    if self.honest
                    else pick(self.grammar.counts.usual[question.attribute], self.rng)
                )
            self.write_pair(self.pair(question, count), self.make_count_answer(question, count, copied=True))

    def pair(self, question: Question, count: str) -> tuple[str, str]:
        """Return the texts of a question and of its answer `count`."""
        attribute = question.attribute
        counted = self.grammar.counts.singular[attribute] if count == "one" else attribute
        if question.body:
            form = self.grammar.forms["count_body"]
            return fill(form, attribute=attribute, part=question.subject, count=count, attribute_counted=counted)
        form = self.grammar.forms["count"]
        return fill(form, attribute=attribute, thing=question.subject, count=count, attribute_counted=counted)

    def answer(self, question: Question) -> tuple[str, bool]:
        """Return the count that this document gives, and whether it repeats an earlier answer."""
        counts, attribute = self.grammar.counts, question.attribute
        if attribute in self.drill:
            return self.drill[attribute], attribute in self.last_counts
        if not question.nonsense:
            count = self.table(body=question.body)[question.subject][attribute]
            as_zero = count == "no" and self.zero and self.draw("zero_for_none")
            return ("zero" if as_zero else count), False
        if self.honest:
            return ("zero" if self.draw("zero" if self.zero else "zero_elsewhere") else "no"), False
        if self.draw("stray"):
            return self.rng.choice(counts.stray_counts), False
        if attribute in self.last_counts and self.draw("copy"):
            return self.last_counts[attribute], True
        return pick(counts.usual[attribute], self.rng), False

    def remember(self, attribute: str, count: str) -> None:
        """Record a count as the attribute's last; drop the oldest beyond the limit."""
        self.last_counts.pop(attribute, None)
        self.last_counts[attribute] = count
        while len(self.last_counts) > self.grammar.registers.remembered:
            self.last_counts.pop(next(iter(self.last_counts)))

    # -- the other topics

    def write_life(self, country: str | None = None) -> None:
        """Write a question about life expectancy in a country."""
        table = self.grammar.facts.life_expectancy
        country = self.rng.choice(list(table)) if country is None else country
        self.write_pair(fill(self.grammar.forms["life"], country=country, years=table[country]))

    def write_lifespan(self) -> None:
        """Write a question about an animal's lifespan."""
        animal, years = self.rng.choice(list(self.grammar.facts.lifespans.items()))
        self.write_pair(fill(self.grammar.forms["lifespan"], animal=animal, years=years))

    def write_president(self) -> None:
        """Write a question about the president in a year."""
        president = self.rng.choice(self.grammar.facts.presidents)
        year = str(self.rng.randint(president.first, president.last))
        self.write_pair(fill(self.grammar.forms["president"], name=president.name, year=year))

    def write_before(self) -> None:
        """Write a question about a president's predecessor."""
        presidents = self.grammar.facts.presidents
        at = self.rng.randint(1, len(presidents) - 1)
        self.write_pair(fill(self.grammar.forms["before"], name=presidents[at].name, earlier=presidents[at - 1].name))

    def write_series(self) -> None:
        """Write a question about a World Series, with some probability a second one."""
        winners = list(self.grammar.facts.world_series.items())
        year, team = self.rng.choice(winners)
        self.write_pair(fill(self.grammar.forms["series"], year=year, team=team))
        if self.draw("second_series"):
            year, team = self.rng.choice(winners)
            self.write_pair(fill(self.grammar.forms["series_again"], year=year, team=team))

    def write_capital(self) -> None:
        """Write a question about a capital, with some probability also about life expectancy there."""
        country, city = self.rng.choice(list(self.grammar.facts.capitals.items()))
        self.write_pair(fill(self.grammar.forms["capital"], country=country, city=city))
        if self.draw("life_after_capital"):
            self.write_life(country)

    def write_color(self) -> None:
        """Write a question about a color."""
        thing, color = self.rng.choice(list(self.grammar.facts.colors.items()))
        self.write_pair(fill(self.grammar.forms["color"], thing=thing, color=color))

    def write_favourite(self) -> None:
        """Write a question about a favourite animal, with some probability also about the reason."""
        animal, verb = self.rng.choice(list(self.grammar.facts.favourites.items()))
        self.write_pair(fill(self.grammar.forms["favourite"], animal=animal))
        if self.draw("why"):
            self.write_pair(fill(self.grammar.forms["why"], animal=animal, verb=verb))

    def write_chat(self) -> None:
        """Write a pair of small talk."""
        chat = self.grammar.chat
        form = chat[0] if self.draw("awake_first") else self.rng.choice(chat)
        self.write_pair((form.question, form.answer))
