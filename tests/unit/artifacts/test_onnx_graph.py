"""The graph of an ONNX file, held against the ONNX library's reading of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

import graphs
import models
from airworthy.artifacts.formats.onnx_graph import GraphUnreadable, read_program


@pytest.mark.parametrize("make", [graphs.convolutional, graphs.transformer, models.digits, models.text])
def test_nodes_are_those_of_the_library(tmp_path: Path, make: Any) -> None:
    path = make(tmp_path / "m.onnx")
    made, program = onnx.load(path), read_program(path)
    assert [(node.name, node.domain, node.operator, node.inputs, node.outputs) for node in program.graph.nodes] == [
        (node.name, node.domain, node.op_type, tuple(node.input), tuple(node.output)) for node in made.graph.node
    ]
    assert program.graph.weights >= {tensor.name for tensor in made.graph.initializer}
    assert program.opsets == {each.domain: each.version for each in made.opset_import}
    for mine, theirs in zip(program.graph.nodes, made.graph.node, strict=True):
        for attribute in theirs.attribute:
            if attribute.type == onnx.AttributeProto.INTS:
                assert mine.attributes[attribute.name] == tuple(attribute.ints)
            elif attribute.type == onnx.AttributeProto.INT and attribute.name != "to":
                assert mine.attributes[attribute.name] == attribute.i
            elif attribute.type == onnx.AttributeProto.FLOAT:
                assert mine.attributes[attribute.name] == pytest.approx(attribute.f)


def test_short_lists_of_whole_numbers_are_kept(tmp_path: Path) -> None:
    build = graphs.Builder()
    stored = build.numbers(3, -1, 7)
    long = build.array(np.arange(100))
    scalar = build.array(np.int32(5))
    varints = helper.make_tensor("varints", onnx.TensorProto.INT64, [2], [1, -2])
    build.weights.append(varints)
    given_ = build.add("Constant", value_ints=[4, 5])
    build.add("Reshape", "x", given_)
    path = build.save(tmp_path / "m.onnx", [("x", graphs.FLOAT, [20])], ("o", graphs.FLOAT, None))
    numbers = read_program(path).graph.numbers
    assert numbers[stored] == (3, -1, 7)
    assert numbers[scalar] == (5,)
    assert numbers["varints"] == (1, -2)
    assert numbers[given_] == (4, 5)
    assert long not in numbers


def test_a_tensor_in_a_constant_is_a_stored_value(tmp_path: Path) -> None:
    build = graphs.Builder()
    value = build.add("Constant", value=numpy_helper.from_array(np.array([2, 3]), "inner"))
    build.add("Reshape", "x", value)
    graph = read_program(build.save(tmp_path / "m.onnx", [("x", 1, [6])], ("o", 1, None))).graph
    assert graph.numbers[value] == (2, 3)
    assert value in graph.weights


def test_a_cast_names_its_type(tmp_path: Path) -> None:
    path = graphs.one(tmp_path / "m.onnx", "Cast", (graphs.FLOAT, [2]), to=onnx.TensorProto.FLOAT16)
    assert read_program(path).graph.nodes[0].attributes == {"to": "FP16"}


def function(name: str, *calls: tuple[str, str]) -> Any:
    nodes = []
    before = "a"
    for at, (domain, operator) in enumerate(calls):
        after = "b" if at == len(calls) - 1 else f"t{at}"
        nodes.append(helper.make_node(operator, [before], [after], domain=domain, name=f"f{at}"))
        before = after
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    return helper.make_function("own", name, ["a"], ["b"], nodes, opsets)


def test_functions_of_the_models_own_are_inlined(tmp_path: Path) -> None:
    functions = [function("Outer", ("", "Relu"), ("own", "Inner")), function("Inner", ("", "Sqrt"), ("", "Exp"))]
    build = graphs.Builder()
    twice = build.add("Outer", "x", domain="own")
    build.add("Outer", twice, domain="own")
    opsets = [helper.make_opsetid("own", 1)]
    path = build.save(tmp_path / "m.onnx", [("x", 1, [2])], ("o", 1, [2]), opsets=opsets, functions=functions)
    onnx.checker.check_model(str(path))
    nodes = read_program(path).graph.nodes
    assert [node.operator for node in nodes] == ["Relu", "Sqrt", "Exp"] * 2 + ["Identity"]
    made = {"x"}
    for node in nodes:
        assert set(node.inputs) <= made
        assert not set(node.outputs) & made
        made |= set(node.outputs)


def test_functions_without_end_are_refused(tmp_path: Path) -> None:
    build = graphs.Builder()
    build.add("Loop1", "x", domain="own")
    functions = [function("Loop1", ("own", "Loop1"))]
    path = build.save(tmp_path / "m.onnx", [("x", 1, [2])], ("o", 1, None), functions=functions)
    with pytest.raises(GraphUnreadable, match="nested too deep"):
        read_program(path)


def test_a_file_that_was_cut_is_refused(tmp_path: Path) -> None:
    path = graphs.convolutional(tmp_path / "m.onnx")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(GraphUnreadable, match="at byte"):
        read_program(path)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "m.onnx"
    if not path.exists():
        graphs.transformer(tmp_path / "whole.onnx", layers=1, width=8, heads=2)
        path.touch()
    whole = bytearray((tmp_path / "whole.onnx").read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(whole))
    from airworthy.knowledge.operators import TARGETS
    from airworthy.targets.judge import judge

    try:
        program = read_program(path)
    except GraphUnreadable:
        return
    judged = judge(program, TARGETS)
    assert len(judged.shares) == len(TARGETS)
