"""The tables of operators per target: whole, small, sourced, and asked as ONNX Runtime asks its registry."""

from __future__ import annotations

import datetime as dt
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.artifacts.encodings.datatypes import ONNX
from airworthy.knowledge import operators as tables

MOST_BYTES = 600_000
SEQUENCES = {"SEQ", "MAP", "OPTIONAL", "SPARSE_TENSOR"}


def test_tables_are_small() -> None:
    folder = files("airworthy.knowledge") / "data" / "operators"
    assert sum(len(each.read_bytes()) for each in folder.iterdir()) < MOST_BYTES


@pytest.mark.parametrize("name", tables.TARGETS)
def test_a_table_is_whole(name: str) -> None:
    table = tables.target(name)
    assert table.target == name
    assert table.provider.endswith("ExecutionProvider")
    assert table.source.startswith("https://")
    assert table.version
    assert dt.date.fromisoformat(table.checked) <= dt.datetime.now(dt.timezone.utc).date()
    assert set(table.falls_to) <= set(tables.TARGETS) - {name}
    assert table.falls_to[-1:] == (() if name == "cpu" else ("cpu",))
    known = {each.name for each in ONNX.values()} | SEQUENCES
    assert {type_ for types in table.sets for type_ in types} <= known
    for domain, rows in table.operators.items():
        for operator, row in rows.items():
            assert row.k, operator
            for since, until, types in row.k:
                assert since >= 1
                assert until == 0 or until >= since
                assert all(0 <= number < len(table.sets) for number in types.values())
        assert domain in ("", "ai.onnx.ml", "com.microsoft", "com.microsoft.dml", "com.ms.internal.nhwc")
    assert table.has("", "Conv")
    assert table.has("", "Relu")


@pytest.mark.parametrize("name", tables.TARGETS)
def test_names_are_those_of_operators(name: str) -> None:
    """Names that no operator set has are misspelt at the source; there are few, and none is taken for another."""
    table = tables.target(name)
    unknown = {each for domain in ("", "com.microsoft") for each in table.operators.get(domain, {})} - {
        each for domain in ("", "com.microsoft") for each in tables._schemas()[domain]
    }
    assert len(unknown) <= 20, unknown


def test_forms_are_those_of_their_operator_set() -> None:
    matmul = tables.schema("", "MatMul", 17)
    assert matmul is not None
    assert (matmul.since, matmul.deprecated, matmul.written) == (13, False, ())
    assert matmul.signature.input(1) == "T"
    assert tables.schema("", "MatMul", 0) is None
    upsample = tables.schema("", "Upsample", 11)
    assert upsample is not None
    assert upsample.deprecated
    concat = tables.schema("", "Concat", 18)
    assert concat is not None
    assert concat.signature.input(9) == "T"
    assert concat.signature.output(1) == ""


def _told(
    target: str, operator: str, opset: int, *inputs: str, outputs: tuple[str, ...] = ()
) -> tables.OperatorSupport:
    form = tables.schema("", operator, opset)
    assert form is not None
    return tables.support(tables.target(target), "", operator, form, inputs, outputs)


def test_types_decide() -> None:
    assert _told("cuda", "MatMul", 17, "FP16", "FP16", outputs=("FP16",)).kind == "yes"
    assert _told("cuda", "MatMul", 17, "INT64", "INT64", outputs=("INT64",)).kind == "type"
    assert _told("cuda", "MatMul", 17, "", "", outputs=("",)).kind == "unknown"
    assert _told("cpu", "MatMul", 17, "FP16", "FP16", outputs=("FP16",)).kind == "type"
    assert _told("nnapi", "Erf", 17, "FP32").kind == "no"


def test_what_is_left_out_does_not_decide() -> None:
    assert _told("cpu", "Clip", 13, "FP32", tables.OMITTED, "FP32", outputs=("FP32",)).kind == "yes"


def test_an_operator_set_after_the_table_is_not_known() -> None:
    assert _told("tensorrt", "Cast", 24, "FP32").kind == "unknown"


@given(st.text(max_size=20), st.text(max_size=20), st.integers(-5, 1 << 40))
def test_any_name_has_an_answer(domain: str, name: str, opset: int) -> None:
    form = tables.schema(domain, name, opset)
    assert form is None or form.since <= opset


@given(st.text(alphabet="T>,*~U1", max_size=20), st.integers(0, 5))
def test_any_signature_is_read(text: str, index: int) -> None:
    told = tables.signature(text)
    assert not told.input(index).endswith("*")


def test_the_dispatch_table_has_letters_of_targets() -> None:
    table = tables.dispatch()
    assert table.source.startswith("https://")
    letters = set(tables.ATEN_TARGETS.values()) | {tables.COMPOSITE}
    assert all(set(code) <= letters for code in table.operators["aten"].values())
    assert table.operators["aten"]["mm"] == "cgm"
