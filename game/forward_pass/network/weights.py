"""The weights file: how a network is written, and a strict reader.

Layout (all integers little-endian): magic `FPWT`, u16 version, u16 zero, u32 length of the header; the header, JSON in
UTF-8; the tensors in the order in which the header lists them; SHA-256 of everything before it. A tensor of kind `q8`
is one fp16 scale a row, then the rows in int8; `f2` and `f4` are floats. The header's list of tensors must be exactly
the one that its shape implies, and their total size the file's, before any array is allocated.

This module knows bytes and arrays. It knows no corpus, no torch, and nothing of how the numbers are used.
"""

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

# The matrices are 48 numbers wide: with a second thread a pass is up to 17 times slower on a busy machine. OpenBLAS reads
# the variable when NumPy is imported, and this is the lowest module that imports it. A value set by the user is respected.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]

NORM_EPSILON = 1e-5
ROPE_BASE = 1000.0

MAGIC, VERSION, MAX_BYTES = b"FPWT", 1, 2_000_000
_PREAMBLE = struct.Struct("<4sHHI")
_DIGEST = hashlib.sha256().digest_size
_MAX_SIZES = {
    "n_vocab": 4096,
    "n_embd": 512,
    "n_head": 16,
    "d_head": 128,
    "n_hidden": 2048,
    "n_local": 256,
    "n_global": 256,
    "n_mlp": 256,
}
_MIN_SIZES = {"n_local": 0, "n_mlp": 0}  # of the others: 1


class WeightsError(ValueError):
    """A weights file that is missing, damaged or invalid; the message is one line."""


@dataclass(frozen=True)
class Shape:
    """The network's sizes.

    The first n_local layers attend within the current question-and-answer pair, the next n_global to everything before,
    the last n_mlp have no attention.
    """

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
        """The number of layers."""
        return self.n_local + self.n_global + self.n_mlp

    @property
    def n_attend(self) -> int:
        """The number of layers with attention; also the boundary layer, after which the decoder begins."""
        return self.n_local + self.n_global

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kind of each layer, from the first: `local`, `global` or `mlp`."""
        return ("local",) * self.n_local + ("global",) * self.n_global + ("mlp",) * self.n_mlp


@dataclass(frozen=True)
class Parameters:
    """A network's parameters as trained, each stacked over its layers; h is the MLP's width, He = n_head * d_head."""

    shape: Shape
    wte: Array  # [V, d]
    ln_f: Array  # [d]
    ln_1: Array  # [A, d], gains before attention; A layers with attention
    ln_2: Array  # [L, d], gains before the MLP; L layers in all
    w_qkv: Array  # [A, 3He, d]
    w_o: Array  # [A, d, He]
    w_up: Array  # [L, h, d]
    w_down: Array  # [L, d, h]


@dataclass(frozen=True)
class Metadata:
    """A network's vocabulary, the ids that open a pair, its directions and probes by name, and how it was made."""

    vocabulary: tuple[str, ...]
    pair_marks: tuple[int, ...]
    directions: Mapping[str, Array]  # each [L, d]; row l - 1 belongs to the stream after layer l
    probes: Mapping[str, Array]  # each [L, d + 1]; the last column is the intercept
    made: Mapping[str, str]


@dataclass(frozen=True)
class Weights:
    """A network ready to run: float64, gains folded into the next matrix, all arrays read-only."""

    shape: Shape
    metadata: Metadata
    checksum: str  # of the whole file
    network: str  # checksum of what words depend on: the file without its probes and without how it was made
    wte: Array  # [V, d]
    unembed: Array  # [d, V]
    w_qkv: Array  # [A, d, 3He]
    w_o: Array  # [A, He, d]
    w_up: Array  # [L, d, h]
    w_down: Array  # [L, h, d]

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of every word of the vocabulary."""
        return {word: index for index, word in enumerate(self.metadata.vocabulary)}


def pack_weights(parameters: Parameters, metadata: Metadata) -> bytes:
    """Return the file's bytes.

    Raises `WeightsError` if they would exceed 2 MB, an array has the wrong shape, or a number is not finite.
    """
    shape = parameters.shape
    tensors = _layout(shape, tuple(metadata.directions), tuple(metadata.probes))
    header = {
        "shape": asdict(shape),
        "vocabulary": list(metadata.vocabulary),
        "pair_marks": list(metadata.pair_marks),
        "directions": list(metadata.directions),
        "probes": list(metadata.probes),
        "made": dict(metadata.made),
        "tensors": tensors,
    }
    arrays = {name: getattr(parameters, name) for name in _PARAMETERS}
    arrays |= {f"direction {name}": array for name, array in metadata.directions.items()}
    arrays |= {f"probe {name}": array for name, array in metadata.probes.items()}
    text = json.dumps(header, ensure_ascii=True, separators=(",", ":")).encode()
    body = b"".join(_encode(arrays[name], kind, tuple(size), name) for name, kind, size in tensors)
    data = _PREAMBLE.pack(MAGIC, VERSION, 0, len(text)) + text + body
    if len(data) + _DIGEST > MAX_BYTES:
        message = f"the weights file would be {len(data) + _DIGEST} bytes, more than the maximum of {MAX_BYTES}"
        raise WeightsError(message)
    return data + hashlib.sha256(data).digest()


def read_weights(path: Path) -> Weights:
    """Return the network in the file at `path`. Raises `WeightsError` if it cannot be read or is invalid."""
    try:
        size = path.stat().st_size
        _reject_if(size > MAX_BYTES, f"{size} bytes, more than the maximum of {MAX_BYTES}")
        return parse_weights(path.read_bytes())
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror or error}") from error
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error


def parse_weights(data: bytes) -> Weights:
    """Return the network in `data`. Raises `WeightsError` on the first deviation from the format."""
    header, start = _header(data)
    shape = _shape(header["shape"])
    names = _names(header["directions"], "directions"), _names(header["probes"], "probes")
    tensors = _layout(shape, *names)
    _reject_if(header["tensors"] != tensors, "the list of tensors does not match the shape")
    sizes = [_n_bytes(kind, size) for _, kind, size in tensors]
    _reject_if(start + sum(sizes) != len(data) - _DIGEST, "the tensors' sizes do not match the file's length")
    arrays: dict[str, Array] = {}
    for (name, kind, size), n_bytes in zip(tensors, sizes, strict=True):
        arrays[name] = _decode(data, start, kind, tuple(size), name)
        start += n_bytes
    metadata = Metadata(
        _vocabulary(header["vocabulary"], shape),
        _marks(header["pair_marks"], shape),
        {name: _read_only(arrays[f"direction {name}"]) for name in names[0]},
        {name: _read_only(arrays[f"probe {name}"]) for name in names[1]},
        _made(header["made"]),
    )
    named = {key: header[key] for key in ("shape", "vocabulary", "pair_marks", "directions")}
    n_probes = sum(size for size, (name, _, _) in zip(sizes, tensors, strict=True) if name.startswith("probe "))
    content = (
        json.dumps(named, sort_keys=True).encode() + data[len(data) - _DIGEST - sum(sizes) : len(data) - _DIGEST - n_probes]
    )
    return _fold(shape, metadata, (data[-_DIGEST:].hex(), hashlib.sha256(content).hexdigest()), arrays)


def quantise(parameters: Parameters, metadata: Metadata) -> Weights:
    """Return the network rounded to int8, as it is after being written and read."""
    return parse_weights(pack_weights(parameters, metadata))


def _fold(shape: Shape, metadata: Metadata, checksums: tuple[str, str], arrays: Mapping[str, Array]) -> Weights:
    def transposed(matrices: Array) -> Array:  # [L, out, in] -> [L, in, out], for x @ matrix with x [B, in]
        return _read_only(np.ascontiguousarray(matrices.transpose(0, 2, 1)))

    return Weights(
        shape,
        metadata,
        *checksums,
        wte=_read_only(arrays["wte"]),
        unembed=_read_only(np.ascontiguousarray((arrays["wte"] * arrays["ln_f"]).T)),
        w_qkv=transposed(arrays["w_qkv"] * arrays["ln_1"][:, None]),
        w_o=transposed(arrays["w_o"]),
        w_up=transposed(arrays["w_up"] * arrays["ln_2"][:, None]),
        w_down=transposed(arrays["w_down"]),
    )


def _read_only(array: Array) -> Array:
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
    n_numbers = int(np.prod(size, dtype=object))
    return {"q8": n_numbers + 2 * (n_numbers // size[-1]), "f2": 2 * n_numbers, "f4": 4 * n_numbers}[kind]


def _encode(array: Array, kind: str, size: tuple[int, ...], name: str) -> bytes:
    _reject_if(array.shape != size, f"{name} has shape {array.shape}, not {size}")
    _reject_if(not np.isfinite(array).all(), f"{name} has a number that is not finite")
    if kind != "q8":
        plain: bytes = array.astype("<" + kind).tobytes()
        return plain
    scales = (np.abs(array).max(-1) / 127).astype("<f2")
    scales[scales == 0] = 1
    rows = np.clip(np.round(array / scales.astype(np.float64)[..., None]), -127, 127).astype(np.int8)
    packed: bytes = scales.tobytes() + rows.tobytes()
    return packed


def _decode(data: bytes, start: int, kind: str, size: tuple[int, ...], name: str) -> Array:
    n_numbers = int(np.prod(size))
    if kind != "q8":
        array = np.frombuffer(data, "<" + kind, n_numbers, start).astype(np.float64).reshape(size)
        _reject_if(not np.isfinite(array).all(), f"{name} has a number that is not finite")
        return array
    n_rows = n_numbers // size[-1]
    scales = np.frombuffer(data, "<f2", n_rows, start).astype(np.float64)
    _reject_if(not (np.isfinite(scales).all() and (scales > 0).all()), f"{name} has a scale that is not a positive number")
    rows = np.frombuffer(data, np.int8, n_numbers, start + 2 * n_rows).reshape(size)
    return rows * scales.reshape(*size[:-1], 1)


# -- the header

_HEADER = {"shape", "vocabulary", "pair_marks", "directions", "probes", "made", "tensors"}


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    """Return the header, with its keys and the checksum verified, and the offset of the first tensor."""
    _reject_if(len(data) < _PREAMBLE.size + _DIGEST, "too short to be a weights file")
    _reject_if(len(data) > MAX_BYTES, f"{len(data)} bytes, more than the maximum of {MAX_BYTES}")
    magic, version, zero, length = _PREAMBLE.unpack_from(data)
    _reject_if(magic != MAGIC, "not a weights file: bad magic")
    _reject_if(
        version != VERSION or zero != 0,
        f"weights file version {version} is not supported; this program reads version {VERSION}",
    )
    start = _PREAMBLE.size + length
    _reject_if(start > len(data) - _DIGEST, "truncated in the header")
    _reject_if(hashlib.sha256(data[:-_DIGEST]).digest() != data[-_DIGEST:], "damaged or truncated: wrong checksum")
    try:
        header = json.loads(data[_PREAMBLE.size : start].decode("utf-8"))
    except (ValueError, RecursionError) as error:
        message = "the header is not JSON"
        raise WeightsError(message) from error
    _reject_if(not isinstance(header, dict) or set(header) != _HEADER, "the header does not have the expected keys")
    return header, start


def _shape(raw: Any) -> Shape:
    _reject_if(not isinstance(raw, dict) or set(raw) != set(_MAX_SIZES), "the shape does not have the expected keys")
    for name, maximum in _MAX_SIZES.items():
        size, minimum = raw[name], _MIN_SIZES.get(name, 1)
        invalid = type(size) is not int or not minimum <= size <= maximum
        _reject_if(invalid, f"{name} is {_brief(size)}; it must be a whole number from {minimum} to {maximum}")
    _reject_if(raw["d_head"] % 2 == 1, "d_head must be even")
    return Shape(**raw)


def _brief(raw: Any) -> str:
    """Return the first digits of a number, or the type's name: the value may be as long as the file."""
    return repr(raw)[:20] if isinstance(raw, int | float) else f"a {type(raw).__name__}"


def _names(raw: Any, key: str) -> tuple[str, ...]:
    valid = isinstance(raw, list) and all(isinstance(name, str) and name.isidentifier() and name.isascii() for name in raw)
    _reject_if(not valid or len(set(raw)) != len(raw), f"`{key}` is not a list of distinct identifiers")
    return tuple(raw)


def _vocabulary(raw: Any, shape: Shape) -> tuple[str, ...]:
    valid = isinstance(raw, list) and all(isinstance(word, str) and _is_word(word) for word in raw)
    _reject_if(not valid or len(set(raw)) != len(raw), "`vocabulary` is not a list of distinct words")
    words: tuple[str, ...] = tuple(raw)
    _reject_if(len(words) != shape.n_vocab, f"`vocabulary` has {len(words)} words, the shape has {shape.n_vocab}")
    return words


def _is_word(word: str) -> bool:
    return word == "\n" or (word.isascii() and word.isprintable() and " " not in word and 0 < len(word) <= 40)  # noqa: PLR2004


def _marks(raw: Any, shape: Shape) -> tuple[int, ...]:
    valid = isinstance(raw, list) and all(type(mark) is int and 0 <= mark < shape.n_vocab for mark in raw)
    _reject_if(not valid, "`pair_marks` is not a list of word ids")
    return tuple(raw)


def _made(raw: Any) -> dict[str, str]:
    valid = isinstance(raw, dict) and all(isinstance(v, str) and v.isprintable() for pair in raw.items() for v in pair)
    _reject_if(not valid, "`made` is not an object of printable strings")
    return dict(raw)


def _reject_if(invalid: bool, message: str) -> None:  # noqa: FBT001  (reads as a sentence)
    if invalid:
        raise WeightsError(message)
