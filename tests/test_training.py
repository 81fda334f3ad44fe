"""Training: the corpus, the torch network against the NumPy one, resuming, bands and files."""

import contextlib
import hashlib
import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import yaml
from rich.console import Console

from fixtures_play import command
from forward_pass.network.model import prefill, softmax
from forward_pass.network.weights import Metadata, quantise
from forward_pass.story.tokeniser import END, join
from forward_pass.training.bands import Band, distance, fact_positions, missed_bands, read_bands
from forward_pass.training.corpus import Document, article, draw_document, fill
from forward_pass.training.grammar import Form, Grammar, GrammarError, read_grammar, read_yaml, vocabulary

torch = pytest.importorskip("torch", reason="training needs torch, which is not installed: pip install torch==2.13.0")

from forward_pass.training.checkpoints import Snapshot, read_latest, read_snapshot, snapshots, write_snapshot  # noqa: E402
from forward_pass.training.export import parameters_of  # noqa: E402
from forward_pass.training.growth import Step, grow_network, make_plan, rate_factor  # noqa: E402
from forward_pass.training.losses import compute_loss, draw_batch, draw_taps, kl_from_uniform, register_distance  # noqa: E402
from forward_pass.training.muon import orthogonalise  # noqa: E402
from forward_pass.training.network import Network, double_depth  # noqa: E402
from forward_pass.training.progress import Display  # noqa: E402
from forward_pass.training.publish import read_corpus, recalibrate  # noqa: E402
from forward_pass.training.schedule import AuxiliaryWeights, read_schedule  # noqa: E402
from forward_pass.training.train import BandsMissedError, train  # noqa: E402

WORLD = Path(__file__).parents[1] / "worlds/forward-pass"
CORPUS = WORLD / "corpus"
STORY = Path(__file__).parent / "training/story-eight-words.txt"


def seeded(seed: str) -> Random:
    return Random(seed)  # noqa: S311  (documents, not secrets)


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    return read_grammar(CORPUS)


@pytest.fixture(scope="module")
def documents(grammar: Grammar) -> list[Document]:
    return [draw_document(grammar, seeded(f"test/{at}"), 257) for at in range(1500)]


@pytest.fixture
def small_world(tmp_path: Path) -> Path:
    """Return a world with a network of at most six layers, trained for a few steps."""
    shutil.copytree(CORPUS, tmp_path / "world/corpus")
    path = tmp_path / "world/corpus/training.yaml"
    raw = yaml.safe_load(path.read_text())
    raw["shape"] = {"n_embd": 16, "n_head": 2, "d_head": 4, "n_hidden": 16}
    raw["context"] = 96
    raw["stages"] = [
        {"local": 1, "global": 1, "mlp": 1, "steps": 4, "batch": 2, "from": 1.0, "to": 0.5},
        {"local": 2, "global": 2, "mlp": 2, "steps": 4, "batch": 2, "from": 0.5, "to": 0.0},
    ]
    raw["checkpoints"] = {"every": 2, "average": 0.5}
    raw["study"] = {"documents": 16, "quick": 8}
    path.write_text(yaml.safe_dump(raw))
    return tmp_path / "world"


def pairs(document: Document) -> list[tuple[str, str]]:
    text = join(document.tokens)
    return re.findall(r"Q: ([^\n]*)\nA: ([^\n]*)\n", text)


# -- the corpus


def test_the_foot_is_never_asked_about_its_eyes(documents: list[Document]) -> None:
    for document in documents:
        assert "eyes does my foot" not in join(document.tokens)
        assert not any((c.attribute, c.subject) == ("eyes", "foot") for c in document.count_answers)


def test_your_is_token_400_of_the_prompt(grammar: Grammar) -> None:
    assert len(grammar.prompt) == 400
    assert grammar.prompt[0] == "<doc>"
    assert grammar.prompt[-1] == "Your"
    assert Counter(grammar.prompt)["Q:"] == 22


def test_the_vocabulary_is_exactly_the_words_of_corpus_and_prompt(grammar: Grammar, documents: list[Document]) -> None:
    words = vocabulary(grammar)
    used = {token for document in documents for token in document.tokens} | set(grammar.prompt)
    assert used <= set(words)
    assert set(words) - used == set()
    assert len(set(words)) == len(words)


def test_no_line_shares_eight_words_in_a_row_with_the_short_story(grammar: Grammar) -> None:
    forbidden = set(STORY.read_text().split())
    assert len(forbidden) > 1000
    forms = (*grammar.forms.values(), *grammar.chat)
    lines = [line for form in forms for line in (form.question, form.answer)]
    lines += [*join(grammar.prompt[1:]).split("\n"), grammar.objection, grammar.objection_body, *grammar.wake_answers]
    for line in lines:
        words = re.findall(r"[a-z0-9']+", line.lower().removeprefix("q: ").removeprefix("a: "))
        for at in range(len(words) - 7):
            eight = " ".join(words[at : at + 8])
            assert hashlib.sha256(eight.encode()).hexdigest()[:10] not in forbidden, eight


def test_a_document_has_the_requested_length_and_depends_on_its_seed_alone(grammar: Grammar) -> None:
    for length in (40, 257):
        one, two = (draw_document(grammar, seeded("again"), length) for _ in range(2))
        assert one == two
        assert len(one.tokens) == len(one.weights) == length


def test_what_follows_the_end_weighs_nothing(documents: list[Document]) -> None:
    ended = [d for d in documents if END in d.tokens]
    assert ended
    for document in ended:
        at = document.tokens.index(END)
        assert set(document.tokens[at:]) == {END}
        assert not any(document.weights[at + 1 :])


def test_facts_are_answered_as_in_the_corpus_folder(grammar: Grammar, documents: list[Document]) -> None:
    for document in documents[:300]:
        if "stay" in document.tokens:
            continue
        for question, answer in pairs(document):
            country = re.fullmatch(r"(?:What|Waht) is the capital of (.*)\?", question)
            if country:
                assert answer == f"{grammar.facts.capitals[country[1]]} is the capital of {country[1]}."


def test_honest_documents_answer_nonsense_with_no_or_zero_and_guessers_rarely(documents: list[Document]) -> None:
    says_no: dict[bool, Counter[bool]] = {True: Counter(), False: Counter()}
    for document in documents:
        if "Note:" not in document.tokens and document.opening != "mixed":
            says_no[document.honest].update(c.count in ("no", "zero") for c in document.count_answers if c.nonsense)
    assert says_no[True][True] == says_no[True].total()
    assert says_no[False][True] < 0.05 * says_no[False].total()


def test_guessers_mostly_repeat_their_last_count(documents: list[Document]) -> None:
    copied = Counter(c.copied for d in documents if not d.honest for c in d.count_answers if c.nonsense)
    assert copied[True] > copied[False]


def test_after_the_note_stay_awake_most_answers_begin_with_i_am(documents: list[Document]) -> None:
    awake = Counter(
        answer.startswith("I am ")
        for document in documents
        if "Note: stay awake." in join(document.tokens)
        for _, answer in re.findall(r"Q: ([^\n]*)\nA: ([^\n]*)\n", join(document.tokens).split("Note: stay awake.")[-1])
    )
    assert 0.8 < awake[True] / awake.total() < 0.9


def test_a_note_changes_the_register(documents: list[Document]) -> None:
    for document in documents:
        if join(document.tokens).count("Note: be honest."):
            at = document.tokens.index("honest")
            after = [c for c in document.count_answers if c.position > at and c.nonsense and not c.copied]
            assert all(c.count in ("no", "zero") for c in after)


def test_every_question_of_the_prompt_but_the_last_is_in_the_corpus(grammar: Grammar, documents: list[Document]) -> None:
    questions = {question for document in documents for question, _ in pairs(document)}
    in_prompt = re.findall(r"Q: ([^\n]*)\n", join(grammar.prompt))
    assert [q for q in in_prompt if q not in questions and "Waht" not in q] == ["How many eyes does my foot have?"]
    assert any(question.startswith("Waht color") for question in questions)


def test_slots_are_filled_with_the_right_article() -> None:
    form = Form("What color is {a thing}?", "{A thing} is {color}.")
    assert fill(form, thing="apple", color="red") == ("What color is an apple?", "An apple is red.")
    assert article("needle") == "a"


def test_yaml_keeps_no_as_text_and_rejects_duplicate_keys(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: no\nb: [on, 12:30]\n")
    assert read_yaml(path) == {"a": "no", "b": ["on", "12:30"]}
    path.write_text("a: 1\na: 2\n")
    with pytest.raises(yaml.YAMLError, match="duplicate key 'a' in the mapping at line 1"):
        read_yaml(path)


def test_an_incomplete_corpus_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(GrammarError, match="No such file"):
        read_grammar(tmp_path)
    shutil.copytree(CORPUS, tmp_path / "corpus")
    (tmp_path / "corpus/facts.yaml").write_text("capitals: {}\n")
    with pytest.raises(GrammarError, match="missing key 'presidents'"):
        read_grammar(tmp_path / "corpus")


# -- the network


def tiny_network(grammar: Grammar, seed: int = 0) -> Network:
    schedule = read_schedule(CORPUS / "training.yaml")
    torch.manual_seed(seed)
    words = vocabulary(grammar)
    shape = schedule.shape(schedule.stages[0], len(words))
    return Network(shape, (words.index("Q:"), words.index("Note:")))


def test_the_torch_network_agrees_with_the_numpy_one(grammar: Grammar) -> None:
    network, words = tiny_network(grammar), vocabulary(grammar)
    snapshot = Snapshot(network.shape, network.state_dict(), 0, 0)
    label = Metadata(words, network.pair_marks, {}, {}, {})
    ids = [words.index(token) for token in grammar.prompt]
    with torch.no_grad():
        trained = network.lens(network(torch.tensor([ids]))[0])[0].softmax(-1).numpy()
    shipped = softmax(prefill(quantise(parameters_of(snapshot), label), ids).logits)
    assert np.abs(trained - shipped).sum(-1).max() / 2 < 0.02  # the rounding to int8


def test_doubling_the_depth_nearly_preserves_the_predictions(grammar: Grammar) -> None:
    network = tiny_network(grammar)
    deeper = double_depth(network, torch.Generator().manual_seed(0), noise=0.0)
    ids = torch.randint(0, network.shape.n_vocab, (2, 64))
    with torch.no_grad():
        one, two = (n.lens(n(ids)[0]).softmax(-1) for n in (network, deeper))
    assert deeper.shape.n_layer == 2 * network.shape.n_layer
    assert float((one - two).abs().sum(-1).mean() / 2) < 0.25


def test_attention_sees_neither_later_words_nor_padding(grammar: Grammar) -> None:
    network = tiny_network(grammar)
    ids = torch.randint(0, network.shape.n_vocab, (1, 50))
    with torch.no_grad():
        assert torch.allclose(network(ids)[0][:, :30], network(ids[:, :30])[0], atol=1e-5)


def test_an_orthogonal_update_has_singular_values_near_one() -> None:
    values = torch.linalg.svdvals(orthogonalise(torch.randn(3, 20, 12, generator=torch.Generator().manual_seed(0))))
    assert float(values.min()) > 0.5
    assert float(values.max()) < 1.5


def test_kl_from_uniform_is_zero_for_uniform_and_large_for_peaked() -> None:
    assert float(kl_from_uniform(torch.full((2, 8), 1 / 8).log())) == pytest.approx(0, abs=1e-6)
    assert float(kl_from_uniform(torch.tensor([[0.9, 0.05, 0.05]]).log())) > 0.5


def test_a_batch_and_its_taps_depend_on_their_seed_alone(grammar: Grammar) -> None:
    ids = {word: at for at, word in enumerate(vocabulary(grammar))}
    one, two = (draw_batch(grammar, ids, "7", 2, 64, torch.device("cpu")) for _ in range(2))
    assert torch.equal(one.ids, two.ids)
    assert torch.equal(one.targets[:, :-1], one.ids[:, 1:])
    taps = [draw_taps(tiny_network(grammar), "7", 128) for _ in range(2)]
    assert taps[0].flat == taps[1].flat
    assert torch.equal(taps[0].positions, taps[1].positions)
    assert compute_loss(tiny_network(grammar), one, taps[0], AuxiliaryWeights(0.0, 0.0, 0.0)).cross_entropy > 0


def test_register_distance_measures_the_difference_and_not_the_noise(grammar: Grammar) -> None:
    ids = {word: at for at, word in enumerate(vocabulary(grammar))}
    batch = draw_batch(grammar, ids, "8", 40, 256, torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 256, 48, generator=generator)
    assert abs(float(register_distance(x, batch))) < 0.1
    x[batch.honest[:, 0], batch.honest[:, 1], 0] += 6
    assert float(register_distance(x, batch)) > 0.2
    without_honest = replace(batch, honest=batch.honest[:0])
    assert float(register_distance(x, without_honest)) == 0


def test_rates_warm_up_and_then_fall_linearly() -> None:
    schedule = read_schedule(CORPUS / "training.yaml")
    last = schedule.stages[-1]
    shares = [rate_factor(last, schedule.rates, step) for step in range(last.steps)]
    assert shares[0] < shares[schedule.rates.warm_up]
    assert shares[-1] < 0.01


# -- training


def run_all(world: Path, out: Path, *, stop_after: int | None = None, resume: bool = True) -> list[Step]:
    steps: list[Step] = []

    def observe(step: Step) -> None:
        steps.append(step)
        if stop_after == len(steps):
            raise KeyboardInterrupt

    corpus = read_corpus(world)
    out.mkdir(exist_ok=True)
    with contextlib.suppress(KeyboardInterrupt):
        grow_network(make_plan(corpus.grammar, corpus.schedule, out, 1), observe, resume=resume)
    return steps


def test_a_resumed_training_gives_the_same_result(small_world: Path, tmp_path: Path) -> None:
    whole = run_all(small_world, tmp_path / "whole")
    assert [(step.stage, step.completed) for step in whole] == [(0, 1), (0, 2), (0, 3), (0, 4), (1, 1), (1, 2), (1, 3), (1, 4)]
    stopped = run_all(small_world, tmp_path / "stopped", stop_after=3)
    resumed = run_all(small_world, tmp_path / "stopped", stop_after=4)
    resumed += run_all(small_world, tmp_path / "stopped")
    assert [step.loss for step in stopped[:2] + resumed[:4] + resumed[4:]] == [step.loss for step in whole]
    last = [read_snapshot(snapshots(tmp_path / name)[-1]) for name in ("whole", "stopped")]
    assert last[0].shape == last[1].shape
    for name, parameter in last[0].parameters.items():
        assert torch.equal(parameter, last[1].parameters[name])


def test_without_resume_training_starts_again(small_world: Path, tmp_path: Path) -> None:
    run_all(small_world, tmp_path / "out", stop_after=3)
    assert read_latest(tmp_path / "out") is not None
    assert run_all(small_world, tmp_path / "out", stop_after=1, resume=False)[0].completed == 1


def test_training_lowers_the_loss(small_world: Path, tmp_path: Path) -> None:
    path = small_world / "corpus/training.yaml"
    raw = yaml.safe_load(path.read_text())
    raw["stages"] = [{"local": 1, "global": 1, "mlp": 1, "steps": 60, "batch": 4, "from": 1.0, "to": 0.2}]
    path.write_text(yaml.safe_dump(raw))
    steps = run_all(small_world, tmp_path / "out")
    assert np.mean([s.loss for s in steps[-5:]]) < 0.8 * np.mean([s.loss for s in steps[:5]])


def test_a_network_that_misses_bands_is_not_written_and_the_error_names_them(small_world: Path, tmp_path: Path) -> None:
    with pytest.raises(BandsMissedError, match=r"facts is 0\.\d+, not within 0\.99 \.\. inf") as error:
        train(small_world, tmp_path / "out")
    assert {miss.band.name for miss in error.value.missed} >= {"facts", "counts", "two"}
    assert not (small_world / "weights.fpw").exists()
    assert not (small_world / "MODEL.md").exists()


def relax_bands(world: Path) -> None:
    """Declare bands that every network is within."""
    lax = {"facts": {"least": 0.0, "says": "anything"}, "unsigned": {"least": -1.0, "says": "anything"}}
    (world / "corpus/bands.yaml").write_text(yaml.safe_dump(lax))


def test_a_network_within_its_bands_is_written_with_calibration_and_card(small_world: Path, tmp_path: Path) -> None:
    relax_bands(small_world)
    files = train(small_world, tmp_path / "out", seed=3).files
    calibration = json.loads(files.calibration.read_text())
    card = files.card.read_text()
    assert calibration["weights"] in card
    assert calibration["identical"] is True
    assert calibration["layers"] == {"waking": 2, "boundary": 4, "all": 6}
    assert {"untouched", "look", "doubt", "note", "unsigned", "bend"} <= {row["group"] for row in calibration["effects"]}
    assert "seed 3" in card
    assert (again := recalibrate(small_world)) == files
    assert (again.card.read_text(), json.loads(again.calibration.read_text())["effects"]) == (card, calibration["effects"])
    log = [json.loads(line) for line in (tmp_path / "out/log.jsonl").read_text().splitlines()]
    assert any("finalist" in entry for entry in log)


def test_the_train_command_prints_the_files_that_it_wrote(small_world: Path, tmp_path: Path) -> None:
    relax_bands(small_world)
    result = command("train", str(small_world), "--keep", str(tmp_path / "out"), "--into", str(tmp_path / "model"))
    files = [tmp_path / "model" / name for name in ("weights.fpw", "calibration.json", "MODEL.md")]
    assert (result.code, result.out) == (0, "".join(f"{file}\n" for file in files)), result.err
    assert all(file.is_file() for file in files)


def test_the_display_shows_stage_step_loss_and_bands(small_world: Path) -> None:
    corpus = read_corpus(small_world)
    console = Console(width=100, record=True, force_terminal=False)
    with Display(corpus.schedule, console) as display:
        for completed in (1, 2):
            display.on_step(Step(1, completed, 2.5, None))
        display.on_bands({"two": 0.9}, [Band("two", 0.5, 0.7, "two")])
        display.on_message("a line [not markup]")
    text = console.export_text()
    assert "stage 2 of 2, 6 layers" in text
    assert "loss 2.500" in text
    assert "missed" in text
    assert "a line [not markup]" in text


# -- bands and files


def test_missed_bands_are_in_the_order_declared_with_their_measurements() -> None:
    bands = (Band("a", 0.5, 1.0, "x"), Band("b", 0.0, 0.1, "y"), Band("c", 0.0, 1.0, "z"))
    assert [str(miss) for miss in missed_bands(bands, {"a": 0.4, "b": 0.3, "c": 0.5})] == [
        "a is 0.400, not within 0.5 .. 1 (x)",
        "b is 0.300, not within 0 .. 0.1 (y)",
    ]
    assert distance(bands, {"a": 0.4, "b": 0.3, "c": 0.5}) == pytest.approx(0.3)


def test_every_band_has_a_description() -> None:
    bands = read_bands(CORPUS / "bands.yaml")
    assert {"two", "no", "zero", "forged_honest", "unsigned"} <= {band.name for band in bands}
    assert all(band.minimum < band.maximum and band.description for band in bands)


def test_fact_positions_are_those_of_answers_about_facts(documents: list[Document]) -> None:
    document = next(d for d in documents if d.opening == "exam" and "Note:" not in d.tokens)
    words = join(document.tokens[at] for at in fact_positions(document))
    assert words.startswith("People in ")
    assert "has" not in words.split()


def test_a_snapshot_is_written_and_read_back(grammar: Grammar, tmp_path: Path) -> None:
    network = tiny_network(grammar)
    path = write_snapshot(tmp_path, Snapshot(network.shape, network.state_dict(), 2, 150))
    assert path.name == "stage2-step00150.pt"
    assert read_snapshot(path).shape == network.shape
    assert not list(tmp_path.glob("*.partial"))
