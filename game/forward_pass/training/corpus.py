"""Documents drawn from a grammar: questions and answers in a hidden register, with notes, drills and chat.

A document is *honest* or a *guesser*. Told nonsense, the honest say `no` or `zero` (or that the question is nonsense),
guessers say the attribute's usual count or the count last said for it. A note changes the register of what follows.
Chance is handed in as `random.Random`; nothing here knows ids, tensors or files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from forward_pass.story.tokeniser import DOC, END, NEWLINE, tokenise
from forward_pass.training.grammar import Form, Grammar

BLANK = (NEWLINE, NEWLINE)


@dataclass(frozen=True)
class Counted:
    """One answer that gives a count: where its `has` stands, and what is known about it."""

    position: int
    attribute: str
    subject: str
    nonsense: bool
    count: str
    copied: bool
    register: str  # `honest`, `guesser` or `drill`, when it was said


@dataclass(frozen=True)
class Document:
    """A document's tokens, the weight of each in the loss, and the counts said in it."""

    tokens: tuple[str, ...]
    weights: tuple[float, ...]
    counted: tuple[Counted, ...]
    opening: str
    honest: bool


@dataclass(frozen=True)
class Question:
    """A count about to be asked: of what, and whether it makes sense."""

    subject: str
    attribute: str
    body: bool
    nonsense: bool


def draw_document(grammar: Grammar, rng: Random, length: int) -> Document:
    """Return one document of exactly `length` tokens (padded with weightless `<end>` if it ended before)."""
    writer = _Writer(grammar, rng)
    writer.write_opening()
    while len(writer.tokens) < length and not writer.done:
        writer.write_next()
    padding = max(0, length - len(writer.tokens))
    tokens = (*writer.tokens[:length], *[END] * padding)
    weights = (*writer.weights[:length], *[0.0] * padding)
    counted = tuple(c for c in writer.counted if c.position < length - 1)
    return Document(tokens, weights, counted, writer.opening, writer.began_honest)


def pick(table: Mapping[str, float], rng: Random) -> str:
    """Return a key of `table`, drawn with its chance."""
    return rng.choices(list(table), list(table.values()))[0]


def article(noun: str) -> str:
    """Return `a` or `an`, as `noun` takes it."""
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


class _Writer:
    """A document being written: the only mutable thing here, alive for one call of `draw_document`."""

    def __init__(self, grammar: Grammar, rng: Random) -> None:
        """Draw what the document is; write its first token."""
        self.grammar, self.rng = grammar, rng
        registers, counts = grammar.registers, grammar.counts
        self.chances = registers.chances
        self.drill: dict[str, str] = {}
        if self.happens("drill"):
            self.drill = {a: rng.choice(counts.drill_counts) for a in rng.sample(list(counts.usual), 3)}
        self.honest = not self.drill and rng.random() < registers.honest
        self.opening = "mixed" if self.drill else pick(registers.openings[self.register], rng)
        self.began_honest = self.honest
        self.zero, self.objects = self.happens("zero_document"), self.happens("objects")
        self.nonsense_rate = rng.choice(registers.nonsense_rates)
        note = pick(registers.notes, rng)
        self.note = None if self.drill or note == "none" else note
        self.note_at = rng.randint(1, registers.note_within)
        self.awake = self.done = False
        self.last: dict[str, str] = {}
        self.tokens: list[str] = [DOC]
        self.weights: list[float] = [0.0]
        self.counted: list[Counted] = []
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
        """The name of the present register."""
        return "honest" if self.honest else "guesser"

    def counted_as(self, question: Question, count: str, *, copied: bool) -> Counted:
        """Return what is known of an answer about to be written."""
        register = "drill" if question.attribute in self.drill else self.register
        return Counted(0, question.attribute, question.subject, question.nonsense, count, copied, register)

    def happens(self, chance: str) -> bool:
        """Draw once with the chance of that name."""
        return self.rng.random() < self.chances[chance]

    # -- what a document is made of

    def write_opening(self) -> None:
        """Write the opening: an exam, an exam that turns to talk (parlour), animals, riddles, chat, or nothing."""
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
            self.ask(self.nonsense_question(body=self.happens("asks_body")))
        elif self.opening == "chat":
            self.write_topics(*["chat"] * rng.randint(1, 3))

    def write_topics(self, *names: str) -> None:
        """Write a pair of each topic named."""
        for name in names:
            self.topics[name]()

    def write_next(self) -> None:
        """Write the note if it is due, then one pair of a drawn topic, and perhaps the end."""
        if self.note is not None and len(self.tokens) > self.note_at:
            self.write_note(self.note)
            self.note = None
        self.write_topics(pick(self.grammar.registers.body[self.register], self.rng))
        if self.happens("end") and not self.done:
            self.add((END,), "answer")
            self.done = True

    def write_note(self, note: str) -> None:
        """Write a note; from here on it holds."""
        self.add((*tokenise(self.grammar.notes[note]), *BLANK), "question")
        if note == "wake":
            self.awake = True
        else:
            self.honest = note == "honest"

    def add(self, tokens: tuple[str, ...], weight: str) -> None:
        """Append tokens, all with the loss weight of that name."""
        self.tokens += tokens
        self.weights += [self.grammar.registers.loss_weights[weight]] * len(tokens)

    def write_pair(self, pair: tuple[str, str], counted: Counted | None = None, *, stops: bool = False) -> None:
        """Write a question and its answer, or what being awake or stopping makes of the answer."""
        if self.done:
            return
        question, answer = pair
        right, wrong = self.grammar.typo
        if question.startswith(right) and self.happens("typo"):
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
        if counted is not None:
            has = start + tokens.index("has")
            weight = "nonsense_count" if counted.nonsense else "sensible_count"
            self.weights[has + 1] = self.grammar.registers.loss_weights[weight]
            self.counted.append(replace(counted, position=has))

    def write_awake(self, tokens: tuple[str, ...]) -> bool:
        """Write an answer that says it is awake, at once or midway; return whether it did."""
        awake = (*tokenise(self.rng.choice(self.grammar.wake_answers)), *BLANK)
        draw = self.rng.random()
        if draw < self.chances["wake"]:
            said: tuple[str, ...] = tokens[:1]
        elif draw < self.chances["wake"] + self.chances["wake_midway"] and "has" in tokens:
            said = tokens[: tokens.index("has") + 1]
        else:
            return False
        self.add((*said, *awake), "answer")
        self.weights[-len(awake)] = self.grammar.registers.loss_weights["wake_word"]
        return True

    # -- counts

    def table(self, *, body: bool) -> Mapping[str, Mapping[str, str]]:
        """Return what can be counted, of things or of the body, with its counts."""
        return self.grammar.counts.body if body else self.grammar.counts.things

    def write_count(self) -> None:
        """Ask how many."""
        body = self.happens("asks_body")
        attribute = "eyes" if self.happens("eyes") else None
        if self.drill:
            attribute = self.rng.choice(list(self.drill))
            known = attribute in self.last and any(attribute in counts for counts in self.table(body=body).values())
            sensible = known and self.happens("drill_sensible")
            ask_about = self.sensible_question if sensible else self.nonsense_question
            self.ask(ask_about(body=body, attribute=attribute))
        elif self.rng.random() < self.nonsense_rate:
            self.ask(self.nonsense_question(body=body, attribute=attribute))
        else:
            self.ask(self.sensible_question(body=body, attribute=attribute))

    def sensible_question(self, *, body: bool, attribute: str | None = None) -> Question:
        """Return a question that has an answer."""
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
        """Return a question whose attribute does not fit."""
        counts, rng, table = self.grammar.counts, self.rng, self.table(body=body)
        while True:
            subject = rng.choice(counts.nonsense_body if body else counts.nonsense_things)
            asked = attribute or self.nonsense_attribute()
            fits = asked in table.get(subject, {}) or counts.singular[asked] == subject
            if fits or asked in counts.not_asked.get(subject, ()) or (body and (asked, subject) == counts.held_out):
                continue
            return Question(subject, asked, body=body, nonsense=True)

    def nonsense_attribute(self) -> str:
        """Draw an attribute: one already counted, any, or eyes."""
        counts, rng = self.grammar.counts, self.rng
        said = [a for a in self.last if a in counts.usual]
        if said and self.happens("asks_again"):
            return rng.choice(said)
        return rng.choice(counts.nonsense_attributes) if self.happens("any_attribute") else "eyes"

    def ask(self, question: Question) -> None:
        """Write the question with this document's answer, and now and then the same question once more."""
        again = self.happens("repeat")
        if question.nonsense and self.honest and self.happens("objection" if self.objects else "objection_elsewhere"):
            objection = self.grammar.objection_body if question.body else self.grammar.objection
            for _ in range(1 + again):
                self.write_pair((self.asked(question, "no")[0], objection))
            return
        count, copied = self.answer(question)
        self.remember(question.attribute, count)
        stops = question.nonsense and not self.drill and self.happens("stop_honest" if self.honest else "stop_guesser")
        self.write_pair(self.asked(question, count), self.counted_as(question, count, copied=copied), stops=stops)
        if again and not self.done:
            if question.nonsense and not self.drill and self.happens("change_mind"):
                count = (
                    self.rng.choice(["no", "zero"])
                    if self.honest
                    else pick(self.grammar.counts.usual[question.attribute], self.rng)
                )
            self.write_pair(self.asked(question, count), self.counted_as(question, count, copied=True))

    def asked(self, question: Question, count: str) -> tuple[str, str]:
        """Return the pair as typed."""
        attribute = question.attribute
        counted = self.grammar.counts.singular[attribute] if count == "one" else attribute
        if question.body:
            form = self.grammar.forms["count_body"]
            return fill(form, attribute=attribute, part=question.subject, count=count, attribute_counted=counted)
        form = self.grammar.forms["count"]
        return fill(form, attribute=attribute, thing=question.subject, count=count, attribute_counted=counted)

    def answer(self, question: Question) -> tuple[str, bool]:
        """Return the count this document gives, and whether it is the one said before."""
        counts, attribute = self.grammar.counts, question.attribute
        if attribute in self.drill:
            return self.drill[attribute], attribute in self.last
        if not question.nonsense:
            count = self.table(body=question.body)[question.subject][attribute]
            says_zero = count == "no" and self.zero and self.happens("zero_for_none")
            return ("zero" if says_zero else count), False
        if self.honest:
            return ("zero" if self.happens("zero" if self.zero else "zero_elsewhere") else "no"), False
        if self.happens("stray"):
            return self.rng.choice(counts.stray_counts), False
        if attribute in self.last and self.happens("copy"):
            return self.last[attribute], True
        return pick(counts.usual[attribute], self.rng), False

    def remember(self, attribute: str, count: str) -> None:
        """Keep the last counts said, newest last."""
        self.last.pop(attribute, None)
        self.last[attribute] = count
        while len(self.last) > self.grammar.registers.remembered:
            self.last.pop(next(iter(self.last)))

    # -- the other topics

    def write_life(self, country: str | None = None) -> None:
        """Ask how long people live somewhere."""
        table = self.grammar.facts.life_expectancy
        country = self.rng.choice(list(table)) if country is None else country
        self.write_pair(fill(self.grammar.forms["life"], country=country, years=table[country]))

    def write_lifespan(self) -> None:
        """Ask how long an animal lives."""
        animal, years = self.rng.choice(list(self.grammar.facts.lifespans.items()))
        self.write_pair(fill(self.grammar.forms["lifespan"], animal=animal, years=years))

    def write_president(self) -> None:
        """Ask who was president in a year."""
        president = self.rng.choice(self.grammar.facts.presidents)
        year = str(self.rng.randint(president.first, president.last))
        self.write_pair(fill(self.grammar.forms["president"], name=president.name, year=year))

    def write_before(self) -> None:
        """Ask who was president before somebody."""
        presidents = self.grammar.facts.presidents
        at = self.rng.randint(1, len(presidents) - 1)
        self.write_pair(fill(self.grammar.forms["before"], name=presidents[at].name, earlier=presidents[at - 1].name))

    def write_series(self) -> None:
        """Ask who won a World Series, and perhaps who won it in another year."""
        winners = list(self.grammar.facts.world_series.items())
        year, team = self.rng.choice(winners)
        self.write_pair(fill(self.grammar.forms["series"], year=year, team=team))
        if self.happens("second_series"):
            year, team = self.rng.choice(winners)
            self.write_pair(fill(self.grammar.forms["series_again"], year=year, team=team))

    def write_capital(self) -> None:
        """Ask what the capital of a country is, and perhaps how long people live there."""
        country, city = self.rng.choice(list(self.grammar.facts.capitals.items()))
        self.write_pair(fill(self.grammar.forms["capital"], country=country, city=city))
        if self.happens("life_after_capital"):
            self.write_life(country)

    def write_color(self) -> None:
        """Ask what color a thing is."""
        thing, color = self.rng.choice(list(self.grammar.facts.colors.items()))
        self.write_pair(fill(self.grammar.forms["color"], thing=thing, color=color))

    def write_favourite(self) -> None:
        """Ask which animal somebody likes best, and perhaps why."""
        animal, verb = self.rng.choice(list(self.grammar.facts.favourites.items()))
        self.write_pair(fill(self.grammar.forms["favourite"], animal=animal))
        if self.happens("why"):
            self.write_pair(fill(self.grammar.forms["why"], animal=animal, verb=verb))

    def write_chat(self) -> None:
        """Write a little talk with whoever is there."""
        chat = self.grammar.chat
        form = chat[0] if self.happens("awake_first") else self.rng.choice(chat)
        self.write_pair((form.question, form.answer))
