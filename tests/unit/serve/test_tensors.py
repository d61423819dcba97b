"""Tensors as bytes, held against NumPy."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.engines.datatypes import NUMPY
from airworthy.serve.scheduling.assembly import RowsLost, assemble, disassemble
from airworthy.serve.tensors import (
    BadTensor,
    Tensor,
    TensorMeta,
    check_size,
    is_finite,
    iterate_strings,
    pack,
    pack_strings,
    unpack,
)

NUMBERS = ["UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "BOOL"]


@pytest.mark.parametrize("datatype", NUMBERS)
def test_values_become_the_bytes_that_numpy_makes(datatype: str) -> None:
    values = [True, False, True, True] if datatype == "BOOL" else [0, 1, 2, 100]
    data = pack("x", datatype, values, 4)
    assert data == np.array(values, dtype=NUMPY[datatype]).tobytes()
    assert unpack(datatype, data) == values


def test_nested_values_are_read_row_by_row() -> None:
    assert pack("x", "INT32", [[1, 2], [3, 4]], 4) == np.array([1, 2, 3, 4], np.int32).tobytes()


def test_bf16_is_read_as_the_upper_half_of_fp32() -> None:
    data = np.array([1.5, -2.0], np.float32).view(np.uint16)[1::2].tobytes()
    assert unpack("BF16", data) == [1.5, -2.0]


@given(st.lists(st.floats(width=32), max_size=20))
def test_numbers_become_the_nearest_bf16(values: list[float]) -> None:
    wanted = np.array(values, np.float32).astype(ml_dtypes.bfloat16)
    got = np.frombuffer(pack("x", "BF16", values, len(values)), ml_dtypes.bfloat16)
    np.testing.assert_array_equal(got.astype(np.float32), wanted.astype(np.float32))


@given(st.lists(st.binary(max_size=20), max_size=20))
def test_strings_survive(items: list[bytes]) -> None:
    assert [bytes(item) for item in iterate_strings(memoryview(pack_strings(items)))] == items


@given(st.binary(max_size=60))
def test_any_bytes_are_strings_or_an_error(data: bytes) -> None:
    try:
        items = [bytes(item) for item in iterate_strings(memoryview(data))]
    except ValueError:
        return
    assert pack_strings(items) == data


@pytest.mark.parametrize(
    ("datatype", "values", "count", "part"),
    [
        ("FP32", [1, 2, 3], 4, "holds 4 values and 3"),
        ("FP32", ["a"], 1, "not all FP32"),
        ("INT32", [1.5], 1, "not all INT32"),
        ("UINT8", [300], 1, "not all UINT8"),
        ("BOOL", [2], 1, "not all BOOL"),
        ("BYTES", [1], 1, "not all BYTES"),
        ("BF16", ["1"], 1, "not all BF16"),
        ("FP32", [None], 1, "not all FP32"),
        ("FP16", [1e9], 1, "not all FP16"),
    ],
)
def test_values_of_another_kind_are_told(datatype: str, values: list[object], count: int, part: str) -> None:
    with pytest.raises(BadTensor, match=part):
        pack("x", datatype, values, count)


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_one_bad_number_is_found(datatype: str, bad: float) -> None:
    good = np.linspace(-3, 3, 101).astype(NUMPY[datatype])
    assert is_finite(datatype, good.tobytes())
    good[57] = bad
    assert not is_finite(datatype, good.tobytes())


def test_large_finite_numbers_are_finite() -> None:
    assert is_finite("FP64", np.full(10, 1.7e308).tobytes())
    assert is_finite("FP32", np.full(10, 3e38, np.float32).tobytes())
    assert not is_finite("FP32", np.array([np.inf, -np.inf], np.float32).tobytes())


def test_a_size_that_does_not_fit_the_shape_is_told() -> None:
    check_size(TensorMeta("x", "FP32", (2, 3), 24))
    with pytest.raises(BadTensor, match=r"takes 24 bytes and 20"):
        check_size(TensorMeta("x", "FP32", (2, 3), 20))


def _tensor(name: str, array: np.ndarray, datatype: str) -> Tensor:
    return Tensor(TensorMeta(name, datatype, array.shape, array.nbytes), array.tobytes())


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(1, 4))
def test_what_is_put_together_comes_apart_again(rows: list[int], width: int) -> None:
    arrays = [np.random.default_rng(i).random((count, width)).astype(np.float32) for i, count in enumerate(rows)]
    metas, buffers = assemble([[_tensor("x", array, "FP32")] for array in arrays])
    assert metas[0].shape == (sum(rows), width)
    assert bytes(buffers[0]) == np.concatenate(arrays).tobytes()
    parts = disassemble([Tensor(metas[0], buffers[0])], rows)
    assert [bytes(part[0].data) for part in parts] == [array.tobytes() for array in arrays]
    assert [part[0].meta.shape for part in parts] == [array.shape for array in arrays]


def test_shorter_rows_are_filled_up() -> None:
    texts = [np.array([[1, 2, 3]]), np.array([[4]])]
    metas, buffers = assemble([[_tensor("ids", text, "INT64")] for text in texts], {"ids": (9).to_bytes(8, "little")})
    assert metas[0].shape == (2, 3)
    assert np.frombuffer(buffers[0], np.int64).tolist() == [1, 2, 3, 4, 9, 9]


def test_strings_are_cut_at_their_own_lengths() -> None:
    data = pack_strings([b"one", b"", b"three"])
    parts = disassemble([Tensor(TensorMeta("s", "BYTES", (3,), len(data)), data)], [1, 2])
    assert [unpack("BYTES", part[0].data) for part in parts] == [["one"], ["", "three"]]


def test_outputs_without_a_row_for_each_input_are_refused() -> None:
    array = np.zeros((1, 4), np.float32)
    with pytest.raises(RowsLost):
        disassemble([_tensor("y", array, "FP32")], [1, 1])
