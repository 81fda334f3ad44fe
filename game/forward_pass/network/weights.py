"""The weights file: a network small enough to carry, and a loader that refuses whatever is odd.

Layout (all integers little-endian): magic `FPWT`, u16 version, u16 zero, u32 length of the header; the header, JSON in
UTF-8; the tensors one behind another in the order the header lists them; SHA-256 of everything before it. A tensor of
kind `q8` is fp16 scales, one a row, then int8 rows; `f2` and `f4` are floats. The header's list of tensors has to be
the one that its shape implies, to the letter, so no size is ever believed before the file's length confirms it.

This module knows bytes and arrays. It knows no corpus, no torch, and not what the numbers are for.
"""

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeAlias

# Matrices here are 48 numbers wide: a second thread only waits for the first (17 times slower on a busy machine). This
# is the lowest module that loads NumPy, and the setting counts only before it is loaded; who sets it himself is heard.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]

NORM_EPSILON = 1e-5
ROPE_BASE = 1000.0

MAGIC, VERSION, MAX_BYTES = b"FPWT", 1, 2_000_000
_PREAMBLE = struct.Struct("<4sHHI")
_DIGEST = hashlib.sha256().digest_size
_LIMITS = {
    "n_vocab": 4096,
    "n_embd": 512,
    "n_head": 16,
    "d_head": 128,
    "n_hidden": 2048,
    "n_local": 256,
    "n_global": 256,
    "n_mlp": 256,
}
_LEAST = {"n_local": 0, "n_mlp": 0}


class WeightsError(ValueError):
    """A file that is not a network this program can trust; the message is one line."""


@dataclass(frozen=True)
class Shape:
    """The network's sizes. Layers 1 .. n_local see their own pair, the next n_global everything, the last n_mlp nothing."""

    n_vocab: int
    n_embd: int
    n_head: int
    d_head: int
    n_hidden: int
    n_local: int
    n_global: int
    n_mlp: int

    @property
    def n_layer(self) -> int:
        """The depth."""
        return self.n_local + self.n_global + self.n_mlp

    @property
    def n_attend(self) -> int:
        """The number of layers with attention; also the layer where the decoder begins."""
        return self.n_local + self.n_global

    @property
    def kinds(self) -> tuple[str, ...]:
        """What each layer is, from the first: `local`, `global` or `mlp`."""
        return ("local",) * self.n_local + ("global",) * self.n_global + ("mlp",) * self.n_mlp


@dataclass(frozen=True)
class Parameters:
    """A network as it was trained, one stack of layers a name; what `pack_weights` takes."""

    shape: Shape
    wte: Array  # [V, d]
    ln_f: Array  # [d]
    ln_1: Array  # [A, d]       gains before attention, A layers that attend
    ln_2: Array  # [L, d]
    w_qkv: Array  # [A, 3He, d]
    w_o: Array  # [A, d, He]
    w_up: Array  # [L, h, d]
    w_down: Array  # [L, d, h]


@dataclass(frozen=True)
class Metadata:
    """What goes with a network: its words, marks that open a pair, named directions and probes, how it was made."""

    vocabulary: tuple[str, ...]
    pair_marks: tuple[int, ...]
    directions: Mapping[str, Array]  # each [L, d]: row l - 1 is added after layer l
    probes: Mapping[str, Array]  # each [L, d + 1]: the last column is the constant
    made: Mapping[str, str]


@dataclass(frozen=True)
class Weights:
    """A network ready to run in float64, the gains folded into the matrices behind them. Nothing in it is writable."""

    shape: Shape
    label: Metadata
    checksum: str
    wte: Array  # [V, d]
    unembed: Array  # [d, V]
    w_qkv: Array  # [A, d, 3He]
    w_o: Array  # [A, He, d]
    w_up: Array  # [L, d, h]
    w_down: Array  # [L, h, d]


def pack_weights(parameters: Parameters, label: Metadata) -> bytes:
    """Return the file's bytes. Raises `WeightsError` if they would be over 2 MB or a number is not finite."""
    shape = parameters.shape
    tensors = _layout(shape, tuple(label.directions), tuple(label.probes))
    header = {
        "shape": asdict(shape),
        "vocabulary": list(label.vocabulary),
        "pair_marks": list(label.pair_marks),
        "directions": list(label.directions),
        "probes": list(label.probes),
        "made": dict(label.made),
        "tensors": tensors,
    }
    arrays = {name: getattr(parameters, name) for name in _PARAMETERS}
    arrays |= {f"direction {name}": array for name, array in label.directions.items()}
    arrays |= {f"probe {name}": array for name, array in label.probes.items()}
    text = json.dumps(header, ensure_ascii=True, separators=(",", ":")).encode()
    body = b"".join(_encode(arrays[name], kind, tuple(size), name) for name, kind, size in tensors)
    data = _PREAMBLE.pack(MAGIC, VERSION, 0, len(text)) + text + body
    if len(data) + _DIGEST > MAX_BYTES:
        message = f"the weights would take {len(data) + _DIGEST} bytes, more than {MAX_BYTES}"
        raise WeightsError(message)
    return data + hashlib.sha256(data).digest()


def read_weights(path: Path) -> Weights:
    """Return the network in the file at `path`. Raises `WeightsError` if there is none to trust."""
    try:
        size = path.stat().st_size
        _refuse(size > MAX_BYTES, f"{size} bytes, more than the {MAX_BYTES} a weights file may have")
        return parse_weights(path.read_bytes())
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror or error}") from error
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error


def parse_weights(data: bytes) -> Weights:
    """Return the network in `data`. Raises `WeightsError` on the first thing that is not as documented."""
    header, start = _header(data)
    shape = _shape(header["shape"])
    names = _names(header["directions"], "directions"), _names(header["probes"], "probes")
    tensors = _layout(shape, *names)
    _refuse(header["tensors"] != tensors, "the list of tensors is not the one its shape implies")
    sizes = [_n_bytes(kind, size) for _, kind, size in tensors]
    _refuse(start + sum(sizes) != len(data) - _DIGEST, "the tensors do not fill the file exactly")
    arrays: dict[str, Array] = {}
    for (name, kind, size), n_bytes in zip(tensors, sizes, strict=True):
        arrays[name] = _decode(data, start, kind, tuple(size), name)
        start += n_bytes
    label = Metadata(
        _vocabulary(header["vocabulary"], shape),
        _marks(header["pair_marks"], shape),
        {name: _locked(arrays[f"direction {name}"]) for name in names[0]},
        {name: _locked(arrays[f"probe {name}"]) for name in names[1]},
        _made(header["made"]),
    )
    return _fold(shape, label, data[-_DIGEST:].hex(), arrays)


def quantise(parameters: Parameters, label: Metadata) -> Weights:
    """Return the network as it will be once written and read: rounded to int8."""
    return parse_weights(pack_weights(parameters, label))


def _fold(shape: Shape, label: Metadata, checksum: str, arrays: Mapping[str, Array]) -> Weights:
    def turned(matrices: Array) -> Array:  # rows and columns changed, so that a row of words multiplies from the left
        return _locked(np.ascontiguousarray(matrices.transpose(0, 2, 1)))

    return Weights(
        shape,
        label,
        checksum,
        wte=_locked(arrays["wte"]),
        unembed=_locked(np.ascontiguousarray((arrays["wte"] * arrays["ln_f"]).T)),
        w_qkv=turned(arrays["w_qkv"] * arrays["ln_1"][:, None]),
        w_o=turned(arrays["w_o"]),
        w_up=turned(arrays["w_up"] * arrays["ln_2"][:, None]),
        w_down=turned(arrays["w_down"]),
    )


def _locked(array: Array) -> Array:
    array.flags.writeable = False
    return array


# -- tensors

_PARAMETERS = tuple(field.name for field in fields(Parameters) if field.name != "shape")


def _layout(shape: Shape, directions: tuple[str, ...], probes: tuple[str, ...]) -> list[list[Any]]:
    """Return `[name, kind, size]` of every tensor, in the order of the file."""
    s, n_layer, n_attend, width = shape, shape.n_layer, shape.n_attend, shape.n_head * shape.d_head
    sizes: dict[str, tuple[str, list[int]]] = {
        "wte": ("q8", [s.n_vocab, s.n_embd]),
        "ln_f": ("f2", [s.n_embd]),
        "ln_1": ("f2", [n_attend, s.n_embd]),
        "ln_2": ("f2", [n_layer, s.n_embd]),
        "w_qkv": ("q8", [n_attend, 3 * width, s.n_embd]),
        "w_o": ("q8", [n_attend, s.n_embd, width]),
        "w_up": ("q8", [n_layer, s.n_hidden, s.n_embd]),
        "w_down": ("q8", [n_layer, s.n_embd, s.n_hidden]),
    }
    tensors: list[list[Any]] = [[name, *sizes[name]] for name in _PARAMETERS]
    tensors += [[f"direction {name}", "f4", [n_layer, s.n_embd]] for name in directions]
    return tensors + [[f"probe {name}", "f4", [n_layer, s.n_embd + 1]] for name in probes]


def _n_bytes(kind: str, size: list[int]) -> int:
    numbers = int(np.prod(size, dtype=object))
    return {"q8": numbers + 2 * (numbers // size[-1]), "f2": 2 * numbers, "f4": 4 * numbers}[kind]


def _encode(array: Array, kind: str, size: tuple[int, ...], name: str) -> bytes:
    _refuse(array.shape != size, f"{name} is {array.shape}, not {size}")
    _refuse(not np.isfinite(array).all(), f"{name} holds a number that is not finite")
    if kind != "q8":
        plain: bytes = array.astype("<" + kind).tobytes()
        return plain
    scales = (np.abs(array).max(-1) / 127).astype("<f2")
    scales[scales == 0] = 1
    rows = np.clip(np.round(array / scales.astype(np.float64)[..., None]), -127, 127).astype(np.int8)
    packed: bytes = scales.tobytes() + rows.tobytes()
    return packed


def _decode(data: bytes, start: int, kind: str, size: tuple[int, ...], name: str) -> Array:
    numbers = int(np.prod(size))
    if kind != "q8":
        array = np.frombuffer(data, "<" + kind, numbers, start).astype(np.float64).reshape(size)
        _refuse(not np.isfinite(array).all(), f"{name} holds a number that is not finite")
        return array
    n_rows = numbers // size[-1]
    scales = np.frombuffer(data, "<f2", n_rows, start).astype(np.float64)
    _refuse(not (np.isfinite(scales).all() and (scales > 0).all()), f"{name} has a scale that is not a positive number")
    rows = np.frombuffer(data, np.int8, numbers, start + 2 * n_rows).reshape(size)
    return rows * scales.reshape(*size[:-1], 1)


# -- the header

_HEADER = {"shape", "vocabulary", "pair_marks", "directions", "probes", "made", "tensors"}


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    """Return the header and where the tensors start, the checksum having been found right."""
    _refuse(len(data) < _PREAMBLE.size + _DIGEST, "too short to be a weights file")
    _refuse(len(data) > MAX_BYTES, f"more than {MAX_BYTES} bytes")
    magic, version, zero, length = _PREAMBLE.unpack_from(data)
    _refuse(magic != MAGIC, "not a weights file (it begins otherwise)")
    _refuse(version != VERSION or zero != 0, f"a weights file of version {version}; this program reads version {VERSION}")
    start = _PREAMBLE.size + length
    _refuse(start > len(data) - _DIGEST, "cut short in the header")
    _refuse(hashlib.sha256(data[:-_DIGEST]).digest() != data[-_DIGEST:], "damaged or cut short: the checksum is not right")
    try:
        header = json.loads(data[_PREAMBLE.size : start].decode("utf-8"))
    except (ValueError, RecursionError) as error:
        message = "the header is not JSON"
        raise WeightsError(message) from error
    _refuse(not isinstance(header, dict) or set(header) != _HEADER, "the header has not the parts it should have")
    return header, start


def _shape(raw: Any) -> Shape:
    _refuse(not isinstance(raw, dict) or set(raw) != set(_LIMITS), "the shape has not the parts it should have")
    for name, limit in _LIMITS.items():
        size = raw[name]
        _refuse(type(size) is not int or not _LEAST.get(name, 1) <= size <= limit, f"{name} is {_short(size)}, which is absurd")
    _refuse(raw["d_head"] % 2 == 1, "d_head is odd")
    return Shape(**raw)


def _short(raw: Any) -> str:
    """Return how something reads where it is a number, otherwise what it is: it may be as long as the file."""
    return repr(raw)[:20] if isinstance(raw, int | float) else f"a {type(raw).__name__}"


def _names(raw: Any, what: str) -> tuple[str, ...]:
    fine = isinstance(raw, list) and all(isinstance(name, str) and name.isidentifier() and name.isascii() for name in raw)
    _refuse(not fine or len(set(raw)) != len(raw), f"the names of {what} are not distinct names")
    return tuple(raw)


def _vocabulary(raw: Any, shape: Shape) -> tuple[str, ...]:
    fine = isinstance(raw, list) and all(isinstance(word, str) and _is_word(word) for word in raw)
    _refuse(not fine or len(set(raw)) != len(raw), "the vocabulary is not a list of distinct words")
    words: tuple[str, ...] = tuple(raw)
    _refuse(len(words) != shape.n_vocab, f"{len(words)} words where the shape has {shape.n_vocab}")
    return words


def _is_word(word: str) -> bool:
    return word == "\n" or (word.isascii() and word.isprintable() and " " not in word and 0 < len(word) <= 40)  # noqa: PLR2004


def _marks(raw: Any, shape: Shape) -> tuple[int, ...]:
    fine = isinstance(raw, list) and all(type(mark) is int and 0 <= mark < shape.n_vocab for mark in raw)
    _refuse(not fine, "the marks of a pair are not ids of words")
    return tuple(raw)


def _made(raw: Any) -> dict[str, str]:
    fine = isinstance(raw, dict) and all(isinstance(v, str) and v.isprintable() for pair in raw.items() for v in pair)
    _refuse(not fine, "how it was made is not told in plain text")
    return dict(raw)


def _refuse(odd: bool, message: str) -> None:  # noqa: FBT001  (reads as a sentence: refuse if odd)
    if odd:
        raise WeightsError(message)
