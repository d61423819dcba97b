"""Where nodes run, what leaves, and the borders that makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

import graphs
from airworthy.artifacts.formats.onnx_graph import read_program
from airworthy.core.graph import Node
from airworthy.core.model import Operator
from airworthy.knowledge import operators as tables
from airworthy.targets.aten import judge_aten
from airworthy.targets.borders import borders
from airworthy.targets.judge import judge
from airworthy.targets.matrix import CASTS, FALLS, MISSING, PARTS, RUNS, UNKNOWN, OperatorMatrix


def matrix(path: Path, *targets: str) -> OperatorMatrix:
    return judge(read_program(path), targets or tables.TARGETS)


def verdict(path: Path, operator: str, target: str) -> Any:
    return next(use for use in matrix(path, target).uses if use.operator == operator).targets[target]


@pytest.mark.parametrize("make", [graphs.convolutional, graphs.transformer])
def test_every_node_is_judged_for_every_target(tmp_path: Path, make: Any) -> None:
    judged = matrix(make(tmp_path / "m.onnx"))
    count = judged.shares[0].nodes
    assert count > 10
    assert judged.uncounted == 0
    assert sum(use.nodes for use in judged.uses) == count
    for share in judged.shares:
        assert share.runs + share.shape + share.falls + share.missing + share.unknown == count
        assert share.missing == share.unknown == 0
        assert share.source.startswith("https://")


def test_what_a_phone_lacks_falls_back_and_cuts_the_graph(tmp_path: Path) -> None:
    path = graphs.transformer(tmp_path / "m.onnx")
    share = matrix(path, "nnapi").shares[0]
    assert verdict(path, "Erf", "nnapi").verdict == FALLS
    assert verdict(path, "Erf", "nnapi").to == "cpu"
    assert share.subgraphs > 2
    assert share.crossings == len(share.borders) > 4
    assert 0 < (share.arithmetic_leaving or 0) < 0.2
    assert share.fixed_shapes


def test_what_works_sizes_out_is_no_loss(tmp_path: Path) -> None:
    share = matrix(graphs.transformer(tmp_path / "m.onnx"), "cuda").shares[0]
    assert (share.shape, share.falls, share.subgraphs, share.crossings) == (4, 0, 1, 0)
    assert share.arithmetic_leaving == 0


def test_short_floats_run_between_casts_on_the_cpu(tmp_path: Path) -> None:
    path = graphs.convolutional(tmp_path / "m.onnx", dtype=np.float16)
    assert verdict(path, "Conv", "cpu").verdict == CASTS
    assert verdict(path, "Conv", "cuda").verdict == RUNS
    assert matrix(path, "cpu").gaps == ()


def test_a_type_that_nobody_has_is_missing(tmp_path: Path) -> None:
    path = graphs.one(tmp_path / "m.onnx", "Sin", (graphs.INT64, [2]))
    cell = verdict(path, "Sin", "cuda")
    assert (cell.verdict, cell.reason) == (MISSING, "type")
    assert "FP32" in cell.types
    gap = matrix(path, "cuda").gaps[0]
    assert (gap.operator, gap.to, gap.types) == ("Sin", "", ("INT64",))


def test_an_operator_that_nobody_knows_is_missing(tmp_path: Path) -> None:
    path = graphs.one(tmp_path / "m.onnx", "Sine", (graphs.FLOAT, [2]))
    assert verdict(path, "Sine", "cpu").verdict == MISSING


def test_an_operator_of_ones_own_is_unknown(tmp_path: Path) -> None:
    path = graphs.one(tmp_path / "m.onnx", "Sine", (graphs.FLOAT, [2]), domain="custom")
    assert verdict(path, "Sine", "cpu").verdict == UNKNOWN
    assert matrix(path, "cpu").gaps == ()


def test_an_operator_made_of_others_runs_as_those(tmp_path: Path) -> None:
    # ONNX Runtime's CPU has no kernel for Swish; it is x · sigmoid(x).
    path = graphs.one(tmp_path / "m.onnx", "Swish", (graphs.FLOAT, [2]), opset=24)
    form = tables.schema("", "Swish", 24)
    assert form is not None
    assert form.written == (24,)
    assert {"Sigmoid", "Mul"} <= set(form.parts)
    assert verdict(path, "Swish", "cpu").verdict in (PARTS, RUNS)


def test_a_definition_written_later_does_not_count(tmp_path: Path) -> None:
    # Softplus is made of others from operator set 18 on; the CPU has it for FP32 alone, so it doesn't run in FP64.
    shape = (TensorProto.DOUBLE, [2])
    assert verdict(graphs.one(tmp_path / "a.onnx", "Softplus", shape, opset=17), "Softplus", "cuda").verdict == RUNS
    form = tables.schema("", "Softplus", 17)
    assert form is not None
    assert form.written == (18,)
    assert [tables.definition("", form, opset) for opset in (17, 18, 21)] == [0, 18, 0]  # CastLike changed with 19


def test_an_open_kernel_does_not_reach_a_later_form() -> None:
    where = tables.target("cuda")
    name, rows = next(
        (name, row.k)
        for name, row in where.operators[""].items()
        if (forms := tables.versions("", name)) and all(since < forms[-1] and not until for since, until, _ in row.k)
        for row in [row]
    )
    newest = tables.versions("", name)[-1]
    form = tables.schema("", name, newest)
    assert form is not None
    told = tables.support(where, "", name, form, (), ())
    assert (told.kind, told.since) == ("opset", max(since for since, _, _ in rows))


def test_conditions_on_a_node_are_held(tmp_path: Path) -> None:
    weights = (graphs.FLOAT, [8, 3, 3, 3])
    image = (graphs.FLOAT, [1, 3, 8, 8])
    path = graphs.one(tmp_path / "given.onnx", "Conv", image, weights)
    assert (verdict(path, "Conv", "nnapi").verdict, verdict(path, "Conv", "nnapi").reason) == (FALLS, "condition")
    assert verdict(path, "Conv", "coreml").verdict == RUNS
    # Weights that are worked out from constants are constant.
    build = graphs.Builder()
    build.add("Conv", "x", build.add("Transpose", build.weight(3, 3, 3, 8), perm=[3, 0, 1, 2]))
    path = build.save(tmp_path / "folded.onnx", [("x", *image)], ("o", graphs.FLOAT, None))
    assert verdict(path, "Conv", "nnapi").verdict == RUNS
    build = graphs.Builder()
    build.add("Conv", "x", build.weight(8, 3, 3, 3, 3))
    path = build.save(tmp_path / "solid.onnx", [("x", graphs.FLOAT, [1, 3, 8, 8, 8])], ("o", graphs.FLOAT, None))
    assert verdict(path, "Conv", "nnapi").reason == verdict(path, "Conv", "coreml").reason == "condition"
    assert verdict(path, "Conv", "cuda").verdict == RUNS


def zipped(path: Path, labels: dict[str, Any]) -> Path:
    """What every classifier of skl2onnx ends in: probabilities by label, in a sequence of maps."""
    key = TensorProto.INT64 if "classlabels_int64s" in labels else TensorProto.STRING
    value = helper.make_map_type_proto(key, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    nodes = [
        helper.make_node("Softmax", ["x"], ["p"]),
        helper.make_node("ZipMap", ["p"], ["z"], domain="ai.onnx.ml", **labels),
        helper.make_node("Identity", ["z"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
        [helper.make_value_info("y", helper.make_sequence_type_proto(value))],
    )
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    path.write_bytes(helper.make_model(graph, opset_imports=sets, ir_version=8).SerializeToString())
    return path


@pytest.mark.parametrize("labels", [{"classlabels_int64s": [0, 1]}, {"classlabels_strings": ["a", "b"]}])
def test_what_holds_values_is_judged(tmp_path: Path, labels: dict[str, Any]) -> None:
    path = zipped(tmp_path / "m.onnx", labels)
    assert verdict(path, "ZipMap", "cpu").verdict == RUNS
    use = next(use for use in matrix(path, "cpu").uses if use.operator == "Identity")
    kind = "INT64" if "classlabels_int64s" in labels else "BYTES"
    assert (use.inputs, use.targets["cpu"].verdict) == ((f"SEQUENCE(MAP({kind},FP32))",), RUNS)


def test_sequences_keep_their_type_through_a_graph(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("SequenceEmpty", [], ["e"], dtype=TensorProto.DOUBLE),
        helper.make_node("SequenceInsert", ["e", "x"], ["s"]),
        helper.make_node("Optional", ["s"], ["o"]),
        helper.make_node("OptionalGetElement", ["o"], ["t"]),
        helper.make_node("ConcatFromSequence", ["t"], ["c"], axis=0),
        helper.make_node("Sin", ["c"], ["y"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "g", [value("x", 11, [2])], [value("y", 11, None)])
    path = tmp_path / "m.onnx"
    path.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )
    types = {use.operator: use.outputs for use in matrix(path, "cpu").uses}
    assert types["SequenceInsert"] == ("SEQUENCE(FP64)",)
    assert types["Optional"] == ("OPTIONAL(SEQUENCE(FP64))",)
    assert types["Sin"] == ("FP64",)
    assert matrix(path, "cpu").shares[0].missing == 0


@pytest.mark.parametrize("operator", ["GRU", "LSTM", "RNN"])
def test_batches_first_have_no_kernel(tmp_path: Path, operator: str) -> None:
    width = {"GRU": 3, "LSTM": 4, "RNN": 1}[operator]
    given = [(graphs.FLOAT, [3, 1, 2]), (graphs.FLOAT, [1, 4 * width, 2]), (graphs.FLOAT, [1, 4 * width, 4])]
    cells = [
        verdict(graphs.one(tmp_path / "m.onnx", operator, *given, hidden_size=4, layout=layout), operator, "cpu")
        for layout in (0, 1)
    ]
    assert [(cell.verdict, cell.reason) for cell in cells] == [(RUNS, ""), (MISSING, "condition")]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"case_change_action": "LOWER"}, UNKNOWN),
        ({"case_change_action": "LOWER", "locale": "C"}, RUNS),
        ({"is_case_sensitive": 1}, RUNS),
        ({"locale": "de_DE"}, UNKNOWN),
    ],
)
def test_a_locale_of_the_host_is_not_promised(tmp_path: Path, attributes: dict[str, Any], expected: str) -> None:
    path = graphs.one(tmp_path / "m.onnx", "StringNormalizer", (TensorProto.STRING, [2]), **attributes)
    assert verdict(path, "StringNormalizer", "cpu").verdict == expected


def test_an_operator_set_newer_than_the_table_decides_nothing(tmp_path: Path) -> None:
    path = graphs.one(tmp_path / "m.onnx", "Sin", (graphs.INT64, [2]), opset=tables.newest_opset() + 1)
    assert {cell.verdict for cell in matrix(path).uses[0].targets.values()} == {UNKNOWN}
    assert matrix(path).gaps == ()


def test_graphs_within_nodes_are_judged(tmp_path: Path) -> None:
    def branch(operator: str) -> Any:
        node = helper.make_node(operator, ["x"], [f"out_{operator}"])
        return helper.make_graph([node], operator, [], [helper.make_tensor_value_info(node.output[0], 1, None)])

    build = graphs.Builder()
    build.add("If", "flag", then_branch=branch("Erf"), else_branch=branch("Relu"))
    inputs: list[Any] = [("flag", graphs.BOOL, []), ("x", graphs.FLOAT, [3, 3])]
    path = build.save(tmp_path / "m.onnx", inputs, ("o", graphs.FLOAT, None))
    judged = matrix(path, "nnapi")
    assert {use.operator: use.nodes for use in judged.uses} == {"If": 1, "Erf": 1, "Relu": 1, "Identity": 1}
    assert next(use for use in judged.uses if use.operator == "Erf").inputs == ("FP32",)


@pytest.mark.parametrize(
    ("places", "runs", "crossing"),
    [("ttt", 1, 0), ("tct", 2, 2), ("cc", 0, 0), ("tctct", 3, 4), ("t.t", 1, 0), ("t.c", 1, 0), ("ctc", 1, 2)],
)
def test_sub_graphs_are_counted(places: str, runs: int, crossing: int) -> None:
    named = ["" if each == "." else {"t": "npu", "c": "cpu"}[each] for each in places]
    nodes = [Node("", "", "Relu", (f"v{at}",), (f"v{at + 1}",)) for at in range(len(places))]
    count, values = borders(nodes, named, "npu")
    assert (count, len(values)) == (runs, crossing)


def test_branches_side_by_side_are_one_sub_graph() -> None:
    nodes = [Node("", "", "Relu", ("x",), (f"v{at}",)) for at in range(3)]
    assert borders(nodes, ["npu", "cpu", "npu"], "npu") == (1, [])


def test_pytorch_operators_are_held_against_dispatch_keys() -> None:
    operators = (
        Operator("aten", "relu.default", 3),
        Operator("aten", "add.Tensor", 2),
        Operator("aten", "linalg_eig.default", 1),
        Operator("aten", "dropout.default", 1),
        Operator("torchvision", "nms.default", 1),
        Operator("", "_operator.getitem", 4),
    )
    judged = judge_aten(operators, ("cpu", "cuda", "mps"))
    told = {use.operator: {name: cell.verdict for name, cell in use.targets.items()} for use in judged.uses}
    assert told["relu.default"] == {"cpu": RUNS, "cuda": RUNS, "mps": RUNS}
    assert told["add.Tensor"] == {"cpu": RUNS, "cuda": RUNS, "mps": RUNS}
    assert told["linalg_eig.default"] == {"cpu": RUNS, "cuda": RUNS, "mps": MISSING}
    assert told["dropout.default"]["mps"] == PARTS
    assert told["nms.default"]["cpu"] == UNKNOWN
    assert [(gap.target, gap.operator) for gap in judged.gaps] == [("mps", "aten::linalg_eig.default")]
    assert judged.shares[0].nodes == 8
