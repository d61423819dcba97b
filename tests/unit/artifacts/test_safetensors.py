"""safetensors headers: what is whole, and each way of not being it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import models
from airworthy.artifacts.formats.safetensors import FORMAT, MOST_HEADER
from airworthy.artifacts.identify import inspect
from airworthy.core.keys import MODEL_DEFECTS


def entry(dtype: str = "F32", shape: Any = (2,), start: Any = 0, end: Any = 8) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def kinds(tmp_path: Path, content: bytes) -> list[str]:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    return [each.kind for each in inspect(path).facts.value(MODEL_DEFECTS)]


def test_tensors_and_metadata_are_told(tmp_path: Path) -> None:
    model = inspect(models.safetensors(tmp_path / "m.safetensors", metadata={"format": "pt"})).model
    assert (model.parameters, model.datatypes) == (10, {"FP32": 24, "INT64": 32})
    assert model.metadata == {"format": "pt"}


@pytest.mark.parametrize(
    ("header", "data", "wanted"),
    [
        ({"a": entry()}, 8, []),
        ({"a": entry(shape=[0], end=0), "b": entry()}, 8, []),
        ({}, 0, []),
        ({"a": entry()}, 7, ["truncated"]),
        ({"a": entry()}, 9, ["bounds"]),  # the library refuses what no tensor covers
        ({}, 1, ["bounds"]),
        ({"__metadata__": None, "a": entry()}, 8, []),
        ({"a": entry(dtype="F4", shape=[3], end=2)}, 2, ["header"]),
        ({"a": entry(dtype="F4", shape=[4], end=2)}, 2, []),
        ({"a": entry(dtype="F6_E2M3", shape=[4], end=3)}, 3, []),
        ({"a": entry(), "b": entry(start=4, end=12)}, 12, ["overlap"]),
        ({"a": entry(), "b": entry(start=9, end=17)}, 17, ["bounds"]),
        ({"a": entry(start=1, end=9)}, 9, ["bounds"]),
        ({"a": entry(end=4)}, 4, ["header"]),
        ({"a": entry(start=8, end=0)}, 8, ["header"]),
        ({"a": entry(dtype="F33")}, 8, ["header"]),
        ({"a": entry(shape=[-2])}, 8, ["header"]),
        ({"a": entry(shape=[2.0])}, 8, ["header"]),
        ({"a": entry(shape=[True, 2])}, 8, ["header"]),
        ({"a": entry(shape=[2**62, 2**62, 0], end=0)}, 0, []),
        ({"a": entry(shape=[2**62, 2**62], end=0)}, 0, ["header"]),
        ({"a": {**entry(), "more": {"n": 1}}}, 8, []),  # read over, as the library does
        ({"a": [1]}, 0, ["header"]),
        ({"__metadata__": {"n": 1}}, 0, ["header"]),
    ],
)
def test_the_header_is_checked(tmp_path: Path, header: dict[str, Any], data: int, wanted: list[str]) -> None:
    found = kinds(tmp_path, models.safetensors_bytes(json.dumps(header), bytes(data)))
    assert found == wanted


@pytest.mark.parametrize(
    "header",
    [
        '{"a":' + json.dumps(entry()) + ',"a":' + json.dumps(entry()) + "}",
        '{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
        "[]",
        "{",
        b'{"\xff":1}',
        '{"a":' * 5000 + "1" + "}" * 5000,
        '{"a":' + "9" * 6000 + "}",
        "{}".encode("utf-16"),
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[-0,8]}}',
        '{"__metadata__":{"a":NaN}}',
        '{"\\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
        " {}",
    ],
)
def test_a_header_that_is_not_one_is_told(tmp_path: Path, header: str | bytes) -> None:
    assert kinds(tmp_path, models.safetensors_bytes(header, bytes(8))) == ["header"]


def test_padding_of_a_header_is_whole(tmp_path: Path) -> None:
    """Writers fill a header up with spaces, so that tensors begin at a multiple of eight."""
    header = json.dumps({"a": entry()}) + " " * 13
    assert kinds(tmp_path, models.safetensors_bytes(header, bytes(8))) == []


def test_a_header_bomb_is_not_read(tmp_path: Path) -> None:
    assert kinds(tmp_path, (MOST_HEADER + 1).to_bytes(8, "little") + b"{}") == ["header"]
    assert kinds(tmp_path, MOST_HEADER.to_bytes(8, "little") + b"{}") == ["truncated"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["F32", "I4"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["dtype", "shape", "data_offsets", "__metadata__", "a"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    header=st.dictionaries(st.text(max_size=4) | st.just("__metadata__"), _JSON, max_size=4), data=st.binary(max_size=9)
)
def test_no_header_breaks_it(tmp_path: Path, header: dict[str, Any], data: bytes) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(models.safetensors_bytes(json.dumps(header), data))
    FORMAT.inspect(path)
