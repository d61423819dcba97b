"""Every element type against a reference: GGUF's own package for blocks, ml_dtypes for small floats."""

from __future__ import annotations

import numpy as np
import pytest

from airworthy.artifacts.encodings.datatypes import GGML
from airworthy.artifacts.encodings.elements import BLOCKS, PLAIN_TYPES, SCALES, decode, decode_half, unit

NOT_IN_THE_REFERENCE = {"Q8_1", "Q8_K"}
SIZES = {each.name: (each.elements, each.size) for each in GGML.values()}


@pytest.mark.parametrize("name", sorted(set(BLOCKS) - NOT_IN_THE_REFERENCE))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_blocks_are_worked_out_as_the_reference_does(name: str) -> None:
    import gguf
    from gguf.quants import dequantize

    raw = np.random.default_rng(7).integers(0, 256, (64, SIZES[name][1]), dtype=np.uint8)
    wanted = dequantize(raw, gguf.GGMLQuantizationType[name]).reshape(-1)
    np.testing.assert_array_equal(decode(name, raw.reshape(-1)), wanted)


@pytest.mark.parametrize(("name", "scale", "at"), [("Q8_1", "<f2", 4), ("Q8_K", "<f4", 4)])
def test_the_others_are_a_scale_and_bytes(name: str, scale: str, at: int) -> None:
    elements, size = SIZES[name]
    raw = np.zeros(size, np.uint8)
    raw[: np.dtype(scale).itemsize] = np.array([0.5], scale).view(np.uint8)
    raw[at : at + elements] = np.arange(-10, elements - 10).astype(np.int8).view(np.uint8)
    np.testing.assert_array_equal(decode(name, raw), 0.5 * np.arange(-10, elements - 10).astype(np.int8))


def test_every_block_type_is_worked_out_or_named_as_not() -> None:
    known = {name for name in SIZES if unit(name)} | {"F32", "F16", "F64", "I8", "I16", "I32", "I64"}
    assert set(SIZES) - known == {
        *("IQ1_M", "NVFP4"),
        *("Q4_0_4_4", "Q4_0_4_8", "Q4_0_8_8", "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8"),
    }


@pytest.mark.parametrize("name", SCALES)
def test_scales_lie_where_the_reference_finds_them(name: str) -> None:
    _, size = SIZES[name]
    raw = np.zeros((4, size), np.uint8)
    at = SCALES[name]
    raw[:, at : at + 2] = np.array([[0.5], [1], [np.inf], [2]], np.float16).view(np.uint8)
    np.testing.assert_array_equal(decode(name, raw.reshape(-1)), [0.5, 1, np.inf, 2])
    if name not in ("Q1_0",):
        import gguf
        from gguf.quants import dequantize

        with np.errstate(all="ignore"):
            values = dequantize(raw, gguf.GGMLQuantizationType[name])
        assert [bool(np.isfinite(row).all()) for row in values] == [True, True, False, True]


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("F8_E4M3", "float8_e4m3fn"),
        ("F8_E5M2", "float8_e5m2"),
        ("F8_E4M3FNUZ", "float8_e4m3fnuz"),
        ("F8_E5M2FNUZ", "float8_e5m2fnuz"),
        ("F8_E8M0", "float8_e8m0fnu"),
    ],
)
def test_small_floats_are_those_of_ml_dtypes(name: str, reference: str) -> None:
    import ml_dtypes

    codes = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(decode(name, codes), codes.view(getattr(ml_dtypes, reference)).astype(np.float32))


def test_halves_are_exact() -> None:
    codes = np.arange(65536, dtype=np.uint16)
    finite = np.isfinite(codes.view(np.float16))
    wanted = codes.view(np.float16).astype(np.float32)
    np.testing.assert_array_equal(decode_half(codes)[finite], wanted[finite])


def test_brain_floats_are_the_upper_half() -> None:
    values = np.array([1.0, -2.5, np.inf, 3e38], np.float32)
    codes = (values.view(np.uint32) >> 16).astype(np.uint16)
    np.testing.assert_array_equal(
        decode("BF16", codes.view(np.uint8)), (codes.astype(np.uint32) << 16).view(np.float32)
    )


@pytest.mark.parametrize("name", PLAIN_TYPES)
def test_plain_types_have_their_width(name: str) -> None:
    assert decode(name, np.zeros(8 * PLAIN_TYPES[name][0], np.uint8)).shape == (8,)
