"""Frames survive any cut of the stream, and damaged ones are told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.model import ModelInfo, TensorSpec
from airworthy.engines.interface import RunnerOptions
from airworthy.serve.tensors import TensorMeta
from airworthy.serve.workers.wire import (
    Cancel,
    Load,
    Reader,
    Ready,
    Run,
    RunFailure,
    RunResult,
    Stop,
    WireError,
    encode,
    split,
)

MODEL = ModelInfo(name="m", path="/m", format="onnx", entry="/m", inputs=(TensorSpec("x", "FP32", (-1, 2)),))
META = TensorMeta("x", "FP32", (1, 2), 8)
MESSAGES = [
    (Load("null", MODEL, RunnerOptions(threads=2)), b""),
    (Ready(MODEL.inputs, (), 1, 0.5), b""),
    (Run(1, (META,), 3.0, ("y",)), b"12345678"),
    (RunResult(1, (META,), 0.1), b"87654321"),
    (RunFailure(1, "run-failed", {"detail": "é", "n": 3}), b""),
    (Cancel(1), b""),
    (Stop(), b""),
]


@given(st.lists(st.sampled_from(MESSAGES), max_size=6), st.lists(st.integers(1, 50), max_size=40))
def test_frames_survive_any_cut(messages: list, cuts: list[int]) -> None:
    stream = b"".join(b"".join(encode(message, [data] if data else [])) for message, data in messages)
    reader, got, position = Reader(), [], 0
    for size in [*cuts, len(stream)]:
        got += [(message, bytes(data)) for message, data in reader.feed(stream[position : position + size])]
        position += size
    assert got == messages


@given(st.binary(max_size=200))
def test_any_bytes_are_frames_or_an_error(data: bytes) -> None:
    try:
        list(Reader().feed(data))
    except WireError as error:
        assert str(error)


def test_a_length_beyond_the_limit_is_refused_at_once() -> None:
    with pytest.raises(WireError, match="a frame says it has"):
        list(Reader().feed(b"\xff\xff\xff\xff"))


def test_tensors_that_disagree_with_the_data_are_refused() -> None:
    assert [bytes(tensor.data) for tensor in split([META], memoryview(b"12345678"))] == [b"12345678"]
    with pytest.raises(WireError, match="cut short"):
        list(split([META], memoryview(b"1234")))
    with pytest.raises(WireError, match="left over"):
        list(split([META], memoryview(b"123456789")))
