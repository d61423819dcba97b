"""Stored bytes as numbers: every element type of the formats, GGUF's blocks included, as 32-bit floats.

Block layouts are those of https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from airworthy.artifacts.encodings.datatypes import GGML, PLAIN

Array = np.ndarray[Any, np.dtype[Any]]
Decode = Callable[[Array], Array]

_HALF_SCALE = np.float32(2.0**112)


def decode_half(raw: Array, out: Array | None = None) -> Array:
    """16-bit floats as 32-bit ones by shifting bits, which is quicker than the conversion; infinities become 65536.

    Args:
        raw: their bytes.
        out: room for as many 32-bit integers; taken anew where None.
    """
    codes = raw.view(np.int16)
    wide = np.empty(codes.shape, np.int32) if out is None else out
    np.copyto(wide, codes)
    np.left_shift(wide, np.int32(13), out=wide)
    np.bitwise_and(wide, np.int32(-0x70000001), out=wide)  # 0x8FFFFFFF: the sign was carried over three bits too many
    floats = wide.view(np.float32)
    np.multiply(floats, _HALF_SCALE, out=floats)
    return floats


def decode_brain(raw: Array, out: Array | None = None) -> Array:
    """bfloat16 as 32-bit floats: the upper half of their bits.

    Args:
        raw: their bytes.
        out: room for as many 32-bit unsigned integers; taken anew where None.
    """
    codes = raw.view(np.uint16)
    wide = np.empty(codes.shape, np.uint32) if out is None else out
    np.copyto(wide, codes)
    np.left_shift(wide, np.uint32(16), out=wide)
    return wide.view(np.float32)


def _small_floats(exponent_bits: int, mantissa_bits: int, bias: int, *, finite: bool, nuz: bool = False) -> Array:
    """The values of all codes of an 8-bit float.

    Args:
        exponent_bits: width of the exponent.
        mantissa_bits: width of the mantissa.
        bias: what the exponent is shifted by.
        finite: whether there are no infinities, and only the highest code is no number.
        nuz: whether negative zero stands for NaN, and nothing else does.
    """
    values = np.zeros(256, dtype=np.float32)
    top = (1 << exponent_bits) - 1
    for code in range(256):
        sign = -1.0 if code & 0x80 else 1.0
        exponent, mantissa = (code & 0x7F) >> mantissa_bits, code & ((1 << mantissa_bits) - 1)
        if nuz and code == 0x80:
            value = float("nan")
        elif not nuz and exponent == top and not finite:
            value = float("nan") if mantissa else sign * float("inf")
        elif not nuz and finite and (code & 0x7F) == 0x7F:
            value = float("nan")
        elif exponent == 0:
            value = sign * mantissa * 2.0 ** (1 - bias - mantissa_bits)
        else:
            value = sign * (1 + mantissa / (1 << mantissa_bits)) * 2.0 ** (exponent - bias)
        values[code] = value
    return values


def _table(values: Array) -> Decode:
    return lambda raw: values[raw.view(np.uint8)]


def _exponents() -> Array:
    values = np.exp2(np.arange(256, dtype=np.float64) - 127)
    values[255] = np.nan
    return values.astype(np.float32)


def _cast(kind: str) -> Decode:
    return lambda raw: raw.view(kind).astype(np.float32)


_E4M3, _E5M2 = _small_floats(4, 3, 7, finite=True), _small_floats(5, 2, 15, finite=False)
_E4M3_NUZ, _E5M2_NUZ = _small_floats(4, 3, 8, finite=True, nuz=True), _small_floats(5, 2, 16, finite=True, nuz=True)

PLAIN_TYPES: dict[str, tuple[int, Decode]] = {
    "FP32": (4, lambda raw: raw.view(np.float32)),
    "FP16": (2, decode_half),
    "BF16": (2, decode_brain),
    "FP64": (8, lambda raw: raw.view(np.float64)),
    "INT8": (1, _cast("i1")),
    "UINT8": (1, _cast("u1")),
    "INT16": (2, _cast("<i2")),
    "UINT16": (2, _cast("<u2")),
    "INT32": (4, lambda raw: raw.view("<i4").astype(np.float64)),
    "UINT32": (4, lambda raw: raw.view("<u4").astype(np.float64)),
    "INT64": (8, lambda raw: raw.view("<i8").astype(np.float64)),
    "UINT64": (8, lambda raw: raw.view("<u8").astype(np.float64)),
    "BOOL": (1, _cast("u1")),
    "F8_E4M3": (1, _table(_E4M3)),
    "F8_E5M2": (1, _table(_E5M2)),
    "F8_E4M3FNUZ": (1, _table(_E4M3_NUZ)),
    "F8_E5M2FNUZ": (1, _table(_E5M2_NUZ)),
    "F8_E8M0": (1, _table(_exponents())),
}
"""Bytes of one element, and what makes numbers of them."""
PLAIN_TYPES |= {
    "FLOAT8E4M3FN": PLAIN_TYPES["F8_E4M3"],
    "FLOAT8E5M2": PLAIN_TYPES["F8_E5M2"],
    "FLOAT8E4M3FNUZ": PLAIN_TYPES["F8_E4M3FNUZ"],
    "FLOAT8E5M2FNUZ": PLAIN_TYPES["F8_E5M2FNUZ"],
    "FLOAT8E8M0": PLAIN_TYPES["F8_E8M0"],
}

FLOATS = frozenset({"FP32", "FP16", "BF16", "FP64"} | {name for name in PLAIN_TYPES if "8E" in name or "8_E" in name})
"""Types whose values may be no numbers."""


def _scale(blocks: Array, at: int) -> Array:
    """A 16-bit float of each block, as a column."""
    return np.ascontiguousarray(blocks[:, at : at + 2]).view(np.float16).astype(np.float32)


def _nibbles(packed: Array, width: int) -> Array:
    """Low halves of `width` bytes, then their high halves, for each run of so many bytes."""
    runs = packed.reshape(len(packed), -1, 1, width) >> np.array([0, 4], dtype=np.uint8).reshape(1, 1, 2, 1)
    return (runs & 0x0F).reshape(len(packed), -1)


def _fifth_bits(blocks: Array, at: int) -> Array:
    high = np.ascontiguousarray(blocks[:, at : at + 4]).view(np.uint32)
    return ((high >> np.arange(32, dtype=np.uint32)) & 1).astype(np.uint8)


def _q4_0(blocks: Array) -> Array:
    return _scale(blocks, 0) * (_nibbles(blocks[:, 2:], 16).astype(np.float32) - 8)


def _q4_1(blocks: Array) -> Array:
    return _scale(blocks, 0) * _nibbles(blocks[:, 4:], 16).astype(np.float32) + _scale(blocks, 2)


def _q5_0(blocks: Array) -> Array:
    codes = _nibbles(blocks[:, 6:], 16) | (_fifth_bits(blocks, 2) << 4)
    values: Array = _scale(blocks, 0) * (codes.astype(np.float32) - 16)
    return values


def _q5_1(blocks: Array) -> Array:
    codes = _nibbles(blocks[:, 8:], 16) | (_fifth_bits(blocks, 4) << 4)
    values: Array = _scale(blocks, 0) * codes.astype(np.float32) + _scale(blocks, 2)
    return values


def _q8_0(blocks: Array) -> Array:
    return _scale(blocks, 0) * np.ascontiguousarray(blocks[:, 2:]).view(np.int8).astype(np.float32)


def _q8_1(blocks: Array) -> Array:
    return _scale(blocks, 0) * np.ascontiguousarray(blocks[:, 4:36]).view(np.int8).astype(np.float32)


def _two_bits(packed: Array) -> Array:
    """Two-bit codes: of each 32 bytes the lowest pairs first, then the next."""
    runs = packed.reshape(len(packed), -1, 1, 32) >> np.array([0, 2, 4, 6], dtype=np.uint8).reshape(1, 1, 4, 1)
    return (runs & 3).reshape(len(packed), -1)


def _q2_k(blocks: Array) -> Array:
    scales, codes = blocks[:, :16], _two_bits(blocks[:, 16:80])
    factor = (_scale(blocks, 80) * (scales & 0x0F).astype(np.float32))[:, :, None]
    shift = (_scale(blocks, 82) * (scales >> 4).astype(np.float32))[:, :, None]
    values: Array = (factor * codes.reshape(len(blocks), 16, 16).astype(np.float32) - shift).reshape(len(blocks), 256)
    return values


def _q3_k(blocks: Array) -> Array:
    count = len(blocks)
    high = (blocks[:, None, :32] >> np.arange(8, dtype=np.uint8).reshape(1, 8, 1)) & 1
    codes = _two_bits(blocks[:, 32:96]).astype(np.int8) - ((high.reshape(count, 256) ^ 1) << 2).astype(np.int8)
    packed = blocks[:, 96:108]
    low = np.concatenate([packed[:, :8] & 0x0F, packed[:, :8] >> 4], axis=1)
    upper = (packed[:, None, 8:12] >> np.array([0, 2, 4, 6], dtype=np.uint8).reshape(1, 4, 1)) & 3
    scales = (low | (upper.reshape(count, 16) << 4)).astype(np.int8) - 32
    factor = (_scale(blocks, 108) * scales.astype(np.float32))[:, :, None]
    values: Array = (factor * codes.reshape(count, 16, 16).astype(np.float32)).reshape(count, 256)
    return values


def _scales_of_six_bits(packed: Array) -> tuple[Array, Array]:
    """Eight scales and eight minima of six bits each, as Q4_K and Q5_K pack them into twelve bytes."""
    first, second, third = packed[:, :4], packed[:, 4:8], packed[:, 8:12]
    scales = np.concatenate([first & 0x3F, (third & 0x0F) | ((first >> 2) & 0x30)], axis=1)
    minima = np.concatenate([second & 0x3F, (third >> 4) | ((second >> 2) & 0x30)], axis=1)
    return scales.astype(np.float32), minima.astype(np.float32)


def _with_minima(blocks: Array, codes: Array) -> Array:
    scales, minima = _scales_of_six_bits(blocks[:, 4:16])
    factor, shift = (_scale(blocks, 0) * scales)[:, :, None], (_scale(blocks, 2) * minima)[:, :, None]
    values: Array = (factor * codes.reshape(len(blocks), 8, 32).astype(np.float32) - shift).reshape(len(blocks), 256)
    return values


def _q4_k(blocks: Array) -> Array:
    return _with_minima(blocks, _nibbles(blocks[:, 16:], 32))


def _q5_k(blocks: Array) -> Array:
    high = (blocks[:, None, 16:48] >> np.arange(8, dtype=np.uint8).reshape(1, 8, 1)) & 1
    return _with_minima(blocks, _nibbles(blocks[:, 48:], 32) | (high.reshape(len(blocks), 256) << 4))


def _q6_k(blocks: Array) -> Array:
    count = len(blocks)
    low = _nibbles(blocks[:, :128], 64)
    shifts = np.array([0, 2, 4, 6], dtype=np.uint8).reshape(1, 1, 4, 1)
    high = (blocks[:, 128:192].reshape(count, 2, 1, 32) >> shifts) & 3
    codes = (low | (high.reshape(count, 256) << 4)).astype(np.int8) - 32
    scales = np.ascontiguousarray(blocks[:, 192:208]).view(np.int8).astype(np.float32)
    factor = (_scale(blocks, 208) * scales)[:, :, None]
    values: Array = (factor * codes.reshape(count, 16, 16).astype(np.float32)).reshape(count, 256)
    return values


def _q8_k(blocks: Array) -> Array:
    factor = np.ascontiguousarray(blocks[:, :4]).view(np.float32)
    return factor * np.ascontiguousarray(blocks[:, 4:260]).view(np.int8).astype(np.float32)


_NONLINEAR = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], dtype=np.float32)
_E2M1_DOUBLED = np.array([0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12], dtype=np.float32)


def _iq4_nl(blocks: Array) -> Array:
    return _scale(blocks, 0) * _NONLINEAR[_nibbles(blocks[:, 2:], 16)]


def _iq4_xs(blocks: Array) -> Array:
    count = len(blocks)
    high = np.ascontiguousarray(blocks[:, 2:4]).view(np.uint16) >> np.arange(0, 16, 2, dtype=np.uint16)
    low = (blocks[:, 4:8, None] >> np.array([0, 4], dtype=np.uint8)).reshape(count, 8) & 0x0F
    scales = (low | ((high & 3).astype(np.uint8) << 4)).astype(np.int8) - 32
    factor = (_scale(blocks, 0) * scales.astype(np.float32))[:, :, None]
    return (factor * _NONLINEAR[_nibbles(blocks[:, 8:], 16)].reshape(count, 8, 32)).reshape(count, 256)


def _mxfp4(blocks: Array) -> Array:
    # The codes' values are doubled, the shared exponent is one less for it.
    factor = np.exp2(blocks[:, :1].astype(np.float32) - 128)
    return factor * _E2M1_DOUBLED[_nibbles(blocks[:, 1:], 16)]


BLOCKS: dict[str, Decode] = {
    "Q4_0": _q4_0,
    "Q4_1": _q4_1,
    "Q5_0": _q5_0,
    "Q5_1": _q5_1,
    "Q8_0": _q8_0,
    "Q8_1": _q8_1,
    "Q2_K": _q2_k,
    "Q3_K": _q3_k,
    "Q4_K": _q4_k,
    "Q5_K": _q5_k,
    "Q6_K": _q6_k,
    "Q8_K": _q8_k,
    "IQ4_NL": _iq4_nl,
    "IQ4_XS": _iq4_xs,
    "MXFP4": _mxfp4,
}
"""GGUF types whose blocks are worked out in full: rows of bytes in, rows of numbers out."""
SCALES = {
    **dict.fromkeys(("IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ1_S"), 0),
    "TQ1_0": 52,
    "TQ2_0": 64,
    "Q1_0": 0,
}
"""Where the 16-bit scale lies in a block of a type of which only scales are inspected: its codes need large tables."""
_SIZES = {PLAIN.get(each.name, each.name): (each.elements, each.size) for each in GGML.values()}


def unit(datatype: str) -> tuple[int, int] | None:
    """Elements and bytes of the smallest piece that can be worked out alone; None for a type that can't be."""
    if datatype in PLAIN_TYPES:
        return 1, PLAIN_TYPES[datatype][0]
    return _SIZES.get(datatype) if datatype in BLOCKS or datatype in SCALES else None


def decode(datatype: str, raw: Array) -> Array:
    """Bytes as numbers, one-dimensional; of a type in `SCALES` its scales.

    Args:
        datatype: a type that `unit` knows.
        raw: whole units, as `uint8`, least byte first.
    """
    if datatype in PLAIN_TYPES:
        return PLAIN_TYPES[datatype][1](raw)
    blocks = raw.reshape(-1, _SIZES[datatype][1])
    if datatype in SCALES:
        return _scale(blocks, SCALES[datatype]).reshape(-1)
    return BLOCKS[datatype](blocks).reshape(-1)
