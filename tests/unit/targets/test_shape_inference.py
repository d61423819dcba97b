"""Types and sizes from node to node, held against the ONNX library's own inference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import shape_inference

import graphs
from airworthy.artifacts.encodings.datatypes import ONNX
from airworthy.artifacts.formats.onnx_graph import read_program
from airworthy.core.graph import Graph, GraphValue, Node
from airworthy.targets.arithmetic import operations
from airworthy.targets.shape_inference import ShapeInference
from airworthy.targets.shape_rules import broadcast
from airworthy.targets.sizes import assumed


def inferred(path: Path, sizes: dict[str, int] | None = None) -> tuple[ShapeInference, Any]:
    program = read_program(path)
    state = ShapeInference(assumed(program.graph, sizes or {}))
    state.begin(program.graph)
    for node in program.graph.nodes:
        state.node(node, program.opsets)
    return state, program


@pytest.mark.parametrize("make", [graphs.convolutional, graphs.transformer])
def test_types_and_sizes_are_those_of_the_library(tmp_path: Path, make: Any) -> None:
    state, _ = inferred(make(tmp_path / "m.onnx"), {"batch": 2, "sequence": 7})
    model = onnx.load(tmp_path / "m.onnx")
    for value in (*model.graph.input, *model.graph.output):
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param:
                axis.dim_value = {"batch": 2, "sequence": 7}[axis.dim_param]
    reference = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph.value_info
    assert len(reference) >= 15
    for value in reference:
        tensor = value.type.tensor_type
        assert state.type(value.name) == ONNX[tensor.elem_type].name, value.name
        told = tuple(axis.dim_value for axis in tensor.shape.dim)
        assert state.shape(value.name) == told, value.name


def test_sizes_that_contradict_each_other_are_not_known(tmp_path: Path) -> None:
    path = graphs.one(tmp_path / "m.onnx", "Concat", (graphs.FLOAT, [2, 3]), (graphs.FLOAT, [2]), axis=1)
    state, program = inferred(path)
    assert state.shape(program.graph.nodes[0].outputs[0]) is None
    assert state.type(program.graph.nodes[0].outputs[0]) == "FP32"


def node(operator: str, *inputs: str, **attributes: Any) -> Node:
    return Node("n", "", operator, inputs, ("o",), attributes)


def state_of(node: Node, **shapes: tuple[int, ...]) -> ShapeInference:
    state = ShapeInference({})
    state.begin(Graph(values={name: GraphValue("FP32", shape) for name, shape in shapes.items()}))
    state.node(node, {"": 18})
    return state


@pytest.mark.parametrize(
    ("made", "shapes", "expected"),
    [
        (node("Gemm", "a", "b", transB=1), {"a": (4, 8), "b": (16, 8)}, 2 * 4 * 8 * 16),
        (node("MatMul", "a", "b"), {"a": (2, 3, 4, 5), "b": (5, 6)}, 2 * 2 * 3 * 4 * 5 * 6),
        # ResNet's first convolution, 224 by 224: 118 M multiplications with their additions.
        (
            node("Conv", "a", "b", kernel_shape=(7, 7), strides=(2, 2), pads=(3, 3, 3, 3)),
            {"a": (1, 3, 224, 224), "b": (64, 3, 7, 7)},
            2 * 118_013_952,
        ),
        (
            node("Conv", "a", "b", group=8, pads=(1, 1, 1, 1)),
            {"a": (1, 8, 10, 10), "b": (8, 1, 3, 3)},
            2 * 8 * 10 * 10 * 9,
        ),
        (node("Einsum", "a", "b", equation="bij,bjk->bik"), {"a": (2, 3, 4), "b": (2, 4, 5)}, 2 * 2 * 3 * 4 * 5),
        (node("Relu", "a"), {"a": (3, 5)}, 15),
        (node("Transpose", "a"), {"a": (3, 5)}, 0),
        (node("ReduceSum", "a", axes=(1,)), {"a": (3, 5)}, 15),
        (node("MaxPool", "a", kernel_shape=(2, 2), strides=(2, 2)), {"a": (1, 2, 4, 4)}, 2 * 2 * 2 * 4),
        (node("LSTM", "a", "b", "c"), {"a": (7, 2, 3), "b": (1, 20, 3), "c": (1, 20, 5)}, 2 * 7 * 2 * 4 * 5 * 8),
    ],
    ids=lambda each: each.operator if isinstance(each, Node) else "",
)
def test_operations_are_counted(made: Node, shapes: dict[str, tuple[int, ...]], expected: int) -> None:
    assert operations(state_of(made, **shapes), made) == expected


def test_operations_without_sizes_are_not_known() -> None:
    made = node("MatMul", "a", "b")
    assert operations(state_of(made), made) is None


def test_broadcasting_is_numpys() -> None:
    for shapes in ([(2, 1, 3), (4, 1)], [(), (5,)], [(1,), (0,)]):
        assert broadcast(list(shapes)) == np.broadcast_shapes(*shapes)


def test_open_sizes_have_stated_defaults() -> None:
    values = {
        "ids": GraphValue("INT64", (-1, -1), ("batch", "sequence")),
        "pixels": GraphValue("FP32", (-1, 3, -1, -1)),
        "other": GraphValue("FP32", None),
    }
    graph = Graph(inputs=("ids", "pixels", "other", "undeclared"), values=values)
    told = {"batch": 1, "sequence": 128, "pixels.0": 1, "pixels.2": 224, "pixels.3": 224}
    assert assumed(graph, {}) == told
    assert assumed(graph, {"sequence": 512, "pixels.2": 64, "nobody": 3}) == {**told, "sequence": 512, "pixels.2": 64}
