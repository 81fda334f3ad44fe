"""The weights file: writing, reading, and the errors for damaged and invalid files."""

import hashlib
import json
import struct
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from building import random_network
from forward_pass.network.weights import (
    MAX_BYTES,
    Metadata,
    Parameters,
    Shape,
    WeightsError,
    pack_weights,
    parse_weights,
    read_weights,
)

SHAPE = Shape(n_vocab=7, n_embd=8, n_head=2, d_head=4, n_hidden=6, n_local=1, n_global=2, n_mlp=1)
WORDS = ("<doc>", "\n", "Q:", "A:", "two", "no", "has")
SHIPPED = Path(__file__).parents[1] / "worlds/forward-pass/weights.fpw"


def tiny_parameters(shape: Shape = SHAPE) -> Parameters:
    return random_network(shape, WORDS, norm_spread=0.1)[0]


def tiny_metadata(shape: Shape = SHAPE) -> Metadata:
    return random_network(shape, WORDS, norm_spread=0.1)[1]


def tiny_file() -> bytes:
    return pack_weights(tiny_parameters(), tiny_metadata())


def with_header(change: Callable[[dict[str, Any]], object]) -> bytes:
    """Return the tiny file with a changed header and the lengths and checksum that belong to it."""
    data = tiny_file()
    length = struct.unpack_from("<I", data, 8)[0]
    header = json.loads(data[12 : 12 + length])
    change(header)
    text = json.dumps(header).encode()
    body = data[:8] + struct.pack("<I", len(text)) + text + data[12 + length : -32]
    return body + hashlib.sha256(body).digest()


def with_checksum(data: bytes) -> bytes:
    return data[:-32] + hashlib.sha256(data[:-32]).digest()


def test_packed_weights_are_read_back_within_the_rounding_of_int8() -> None:
    parameters, metadata = tiny_parameters(), tiny_metadata()
    weights = parse_weights(pack_weights(parameters, metadata))
    assert weights.shape == SHAPE
    assert weights.metadata.vocabulary == metadata.vocabulary
    assert [weights.ids[word] for word in metadata.vocabulary] == list(range(SHAPE.n_vocab))
    assert weights.metadata.made == metadata.made == {"seed": "7"}
    step = np.abs(parameters.wte).max(-1, keepdims=True) / 127
    assert (np.abs(weights.wte - parameters.wte) <= 0.51 * step).all()
    assert np.allclose(weights.metadata.directions["doubt"], metadata.directions["doubt"], atol=1e-6)


def test_gains_are_folded_into_the_next_matrix() -> None:
    parameters = tiny_parameters()
    weights = parse_weights(tiny_file())
    expected = parameters.w_up[3].T * parameters.ln_2[3][:, None]
    assert weights.w_up[3].shape == (SHAPE.n_embd, SHAPE.n_hidden)
    assert np.allclose(weights.w_up[3], expected, atol=0.1)


def test_packing_twice_gives_the_same_bytes_and_checksum() -> None:
    data = tiny_file()
    assert tiny_file() == data
    assert parse_weights(data).checksum == hashlib.sha256(data[:-32]).hexdigest()


def test_the_checksum_of_the_network_covers_what_words_depend_on_and_nothing_else() -> None:
    weights, plain = parse_weights(tiny_file()), tiny_metadata()
    probes = {name: probe + 0.5 for name, probe in plain.probes.items()}
    other_probes = parse_weights(pack_weights(tiny_parameters(), replace(plain, probes=probes, made={"by": "hand"})))
    assert other_probes.checksum != weights.checksum
    assert other_probes.network == weights.network
    directions = {name: direction + 0.5 for name, direction in plain.directions.items()}
    assert parse_weights(pack_weights(tiny_parameters(), replace(plain, directions=directions))).network != weights.network
    parameters = tiny_parameters()
    for field in fields(parameters):
        if field.name != "shape":
            changed = replace(parameters, **{field.name: getattr(parameters, field.name) * 1.5})
            assert parse_weights(pack_weights(changed, plain)).network != weights.network, field.name


def test_the_arrays_are_read_only() -> None:
    weights = parse_weights(tiny_file())
    arrays = (weights.wte, weights.unembed, weights.w_qkv, weights.w_o, weights.w_up, weights.w_down)
    for array in (*arrays, weights.metadata.directions["doubt"], weights.metadata.probes["nonsense"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_a_file_is_read_and_errors_begin_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "weights.fpw"
    path.write_bytes(tiny_file())
    assert read_weights(path).shape == SHAPE
    path.write_bytes(tiny_file()[:-1])
    with pytest.raises(WeightsError, match=rf"^{path}: damaged or truncated: wrong checksum"):
        read_weights(path)


def test_a_missing_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No such file"):
        read_weights(tmp_path / "none.fpw")


def test_a_file_that_is_too_large_is_rejected_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.fpw"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(WeightsError, match="more than the maximum of 2000000"):
        read_weights(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "too short"),
        (b"PK\x03\x04" + tiny_file()[4:], "bad magic"),
        (tiny_file()[:4] + b"\x02\x00" + tiny_file()[6:], "version 2 is not supported"),
        (tiny_file()[:8] + b"\xff\xff\xff\xff" + tiny_file()[12:], "truncated in the header"),
        (tiny_file()[:-40], "checksum"),
        (tiny_file() + b"\0", "checksum"),
        (with_checksum(tiny_file()[:-32] + b"\0" * 40), "do not match the file's length"),
        (with_checksum(tiny_file()[:-36] + b"\0" * 32), "do not match the file's length"),
        (tiny_file()[:600] + tiny_file()[616:632] + tiny_file()[616:], "checksum"),
    ],
)
def test_a_damaged_file_is_rejected(data: bytes, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        parse_weights(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h.pop("made"), "does not have the expected keys"),
        (lambda h: h.update(code="import os"), "does not have the expected keys"),
        (lambda h: h["shape"].update(n_embd=10**9), "n_embd is 1000000000; it must be a whole number from 1 to 512"),
        (lambda h: h["shape"].update(n_vocab=-7), "n_vocab is -7"),
        (lambda h: h["shape"].update(n_vocab=True), "n_vocab is True"),
        (lambda h: h["shape"].update(n_mlp=2.0), "n_mlp is 2.0"),
        (lambda h: h["shape"].update(d_head=3), "d_head must be even"),
        (lambda h: h["shape"].pop("n_head"), "the shape does not have the expected keys"),
        (lambda h: h["shape"].update(n_mlp=2), "list of tensors"),
        (lambda h: h["tensors"][0].__setitem__(1, "f4"), "list of tensors"),
        (lambda h: h["tensors"].reverse(), "list of tensors"),
        (lambda h: h.update(vocabulary=["a"] * 7), "distinct words"),
        (lambda h: h["vocabulary"].pop(), "`vocabulary` has 6 words, the shape has 7"),
        (lambda h: h["vocabulary"].__setitem__(0, "\x1b[2J"), "distinct words"),
        (lambda h: h.update(pair_marks=[99]), "`pair_marks` is not a list of word ids"),
        (lambda h: h.update(directions=["doubt", "doubt"]), "`directions` is not a list of distinct identifiers"),
        (lambda h: h.update(directions=["../doubt"]), "`directions` is not a list of distinct identifiers"),
        (lambda h: h.update(made={"seed": 1}), "`made` is not an object of printable strings"),
    ],
)
def test_an_invalid_header_is_rejected(change: Callable[[dict[str, Any]], object], message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        parse_weights(with_header(change))


@pytest.mark.parametrize("text", [b"[" * 60_000, b"\xff\xfe", b"not json", b"[]"])
def test_a_header_that_is_not_an_object_is_rejected(text: bytes) -> None:
    data = tiny_file()[:8] + struct.pack("<I", len(text)) + text
    with pytest.raises(WeightsError, match=r"header"):
        parse_weights(data + hashlib.sha256(data).digest())


@pytest.mark.parametrize("number", [b"\x00\x7c", b"\x00\x7e", b"\x00\x00", b"\x00\xbc"])
def test_a_scale_that_is_not_positive_is_rejected(number: bytes) -> None:
    data = tiny_file()
    start = 12 + struct.unpack_from("<I", data, 8)[0]
    with pytest.raises(WeightsError, match="wte has a scale that is not a positive number"):
        parse_weights(with_checksum(data[:start] + number + data[start + 2 :]))


def test_a_probe_that_is_not_finite_is_rejected() -> None:
    data = tiny_file()
    n_probe = 4 * SHAPE.n_layer * (SHAPE.n_embd + 1)
    with pytest.raises(WeightsError, match="probe nonsense has a number that is not finite"):
        parse_weights(with_checksum(data[: -32 - n_probe] + b"\x00\x00\xc0\x7f" + data[-28 - n_probe :]))


def test_a_network_that_is_not_finite_or_of_another_size_is_not_packed() -> None:
    parameters = tiny_parameters()
    with pytest.raises(WeightsError, match="ln_f has a number that is not finite"):
        pack_weights(replace(parameters, ln_f=parameters.ln_f * np.nan), tiny_metadata())
    with pytest.raises(WeightsError, match="wte has shape"):
        pack_weights(replace(parameters, wte=parameters.wte[1:]), tiny_metadata())


def test_a_network_too_large_is_not_packed() -> None:
    shape = replace(SHAPE, n_vocab=2000, n_embd=512)
    metadata = replace(tiny_metadata(shape), vocabulary=tuple(f"w{index}" for index in range(2000)))
    with pytest.raises(WeightsError, match="more than the maximum of 2000000"):
        pack_weights(tiny_parameters(replace(shape, n_hidden=512)), metadata)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(tiny_file()) - 1), st.integers(1, 255))
def test_every_changed_byte_is_detected(at: int, difference: int) -> None:
    data = bytearray(tiny_file())
    data[at] ^= difference
    with pytest.raises(WeightsError):
        parse_weights(bytes(data))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_weights_error_only(data: bytes) -> None:
    with pytest.raises(WeightsError):
        parse_weights(b"FPWT\x01\x00\x00\x00" + data)


@pytest.mark.skipif(not SHIPPED.exists(), reason="no weights have been trained yet")
def test_the_shipped_weights_are_small_and_fast_to_read() -> None:
    assert SHIPPED.stat().st_size <= MAX_BYTES
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        weights = read_weights(SHIPPED)
        seconds.append(time.perf_counter() - start)
    assert weights.shape.n_layer == 96
    assert min(seconds) < 2  # about 10 ms on an idle machine
