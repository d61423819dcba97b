"""ONNX read from its protobuf structure, compared with the `onnx` library where that has an opinion."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import models
from airworthy.artifacts.formats.onnx import FORMAT, stored
from airworthy.artifacts.identify import inspect
from airworthy.core.facts import Unknown
from airworthy.core.keys import MODEL_DEFECTS, MODEL_FORMAT_VERSIONS, MODEL_LFS_POINTERS
from airworthy.core.model import ANY_RANK, Operator, TensorSpec
from airworthy.core.values import Defect, FormatVersion


def defects(path: Path) -> tuple[Defect, ...]:
    return inspect(path).facts.value(MODEL_DEFECTS)


def test_interface_weights_and_versions_are_told(tmp_path: Path) -> None:
    found = inspect(models.linear(tmp_path / "model.onnx"))
    model = found.model
    assert model.inputs == (TensorSpec("x", "FP32", (-1, 2), ("batch", "")),)
    assert model.outputs == (TensorSpec("y", "FP32", (-1, 3), ("batch", "")),)
    assert model.operators == (Operator("", "Gemm", 1),)
    assert (model.parameters, model.datatypes) == (9, {"FP32": 36})
    assert (model.producer, model.task) == ("airworthy-tests 1", "tensors")
    assert model.versions == {"onnx-ir": 8, "onnx-opset": 17}
    assert found.facts.value(MODEL_FORMAT_VERSIONS) == (
        FormatVersion(kind="onnx-ir", version=8),
        FormatVersion(kind="onnx-opset", version=17),
    )


def test_operators_agree_with_the_onnx_library(tmp_path: Path) -> None:
    path = models.digits(tmp_path / "digits.onnx")
    made = onnx.load(path)
    wanted: dict[tuple[str, str], int] = {}
    for node in made.graph.node:
        wanted[node.domain, node.op_type] = wanted.get((node.domain, node.op_type), 0) + 1
    model = inspect(path).model
    assert {(each.domain, each.name): each.count for each in model.operators} == wanted
    assert model.parameters == sum(int(np.prod(tensor.dims)) for tensor in made.graph.initializer)
    assert [spec.name for spec in model.outputs] == [value.name for value in made.graph.output]


def test_operators_in_subgraphs_and_functions_count(tmp_path: Path) -> None:
    branch = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["r"])], "b", [], [helper.make_tensor_value_info("r", TensorProto.FLOAT, [2])]
    )
    graph = helper.make_graph(
        [
            helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch),
            helper.make_node("twice", ["y"], ["z"], domain="ours"),
        ],
        "g",
        [
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [2]),
        ],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [2])],
    )
    twice = helper.make_function(
        "ours", "twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 17)]
    )
    made = helper.make_model(
        graph, functions=[twice], opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ours", 1)]
    )
    helper.set_model_props(made, {"author": "us"})
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    model = inspect(path).model
    counts = {(each.domain, each.name): each.count for each in model.operators}
    assert counts == {("", "If"): 1, ("", "Relu"): 2, ("ours", "twice"): 1, ("", "Add"): 1}
    assert model.versions["onnx-opset/ours"] == 1
    assert model.metadata == {"author": "us"}
    assert model.inputs[0].shape == ()


def test_initializers_are_no_inputs(tmp_path: Path) -> None:
    path = models.save_graph(
        tmp_path / "old.onnx",
        [helper.make_node("Add", ["x", "w"], ["y"])],
        [("x", TensorProto.FLOAT, [3]), ("w", TensorProto.FLOAT, [3])],
        [("y", TensorProto.FLOAT, [3])],
        {"w": np.ones(3, np.float32)},
        ir=3,
        opset=7,
    )
    assert [spec.name for spec in inspect(path).model.inputs] == ["x"]


def test_an_open_number_of_axes_and_values_that_are_no_tensors_are_told(tmp_path: Path) -> None:
    made = onnx.load(models.linear(tmp_path / "model.onnx"))
    made.graph.input[0].type.tensor_type.ClearField("shape")
    sequence = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)
    made.graph.output.append(sequence)
    (tmp_path / "model.onnx").write_bytes(made.SerializeToString())
    model = inspect(tmp_path / "model.onnx").model
    assert model.inputs[0].symbols == ANY_RANK
    assert model.outputs[1].datatype == "SEQUENCE(FP32)"


def test_weights_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airworthy.artifacts.encodings import source

    weight = np.zeros((1024, 4096), np.float32)
    path = models.save_graph(
        tmp_path / "big.onnx",
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        [("x", TensorProto.FLOAT, ["n", 1024])],
        [("y", TensorProto.FLOAT, ["n", 4096])],
        {"w": weight},
    )
    read = []
    real = source.Source.read
    monkeypatch.setattr(source.Source, "read", lambda self, at, count: read.append(count) or real(self, at, count))
    assert inspect(path).model.datatypes == {"FP32": weight.nbytes}
    assert 0 < sum(read) < 512 * 1024


@pytest.mark.parametrize("encoded", ["raw", "typed"])
def test_a_tensor_whose_bytes_do_not_fit_its_shape_is_damaged(tmp_path: Path, encoded: str) -> None:
    made = onnx.load(models.linear(tmp_path / "model.onnx"))
    tensor = made.graph.initializer[0]
    if encoded == "raw":
        tensor.raw_data = tensor.raw_data[:-4]
    else:
        tensor.CopyFrom(helper.make_tensor("w", TensorProto.FLOAT, [2, 3], [0.0] * 6))
    (tmp_path / "model.onnx").write_bytes(made.SerializeToString())
    assert [each.kind for each in defects(tmp_path / "model.onnx")] == (["bounds"] if encoded == "raw" else [])


def test_external_data_counts_and_is_listed(tmp_path: Path) -> None:
    model = inspect(models.external(tmp_path / "m")).model
    assert {file.path for file in model.files} == {"model.onnx", "weights.bin"}
    assert model.parameters == 9
    assert defects(tmp_path / "m" / "model.onnx") == ()


def test_damaged_external_data_is_told(tmp_path: Path) -> None:
    path = models.external(tmp_path / "m")
    data = path.parent / "weights.bin"
    whole = data.read_bytes()
    data.write_bytes(whole[:-1])
    assert [(each.kind, each.member) for each in defects(path)] == [("truncated", "weights.bin")]
    data.unlink()
    assert [(each.kind, each.member) for each in defects(path)] == [("missing", "weights.bin")]
    data.write_bytes(models.POINTER)
    (pointer,) = inspect(path).facts.value(MODEL_LFS_POINTERS)
    assert pointer.path == str(data)


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "a/../../b", "C:\\data", "..\\up", "a\0b"])
def test_external_data_outside_of_the_folder_is_told_and_not_opened(tmp_path: Path, location: str) -> None:
    path = models.external(tmp_path / "m")
    made = onnx.load(path, load_external_data=False)
    for tensor in made.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    path.write_bytes(made.SerializeToString())
    assert [each.kind for each in defects(path)] == ["path"]


def linked(folder: Path, target: str, location: str = "weights.bin") -> Path:
    """A model whose data is a link to a target."""
    path = models.external(folder)
    (path.parent / "weights.bin").rename(folder.parent / "weights.bin")
    (path.parent / location).symlink_to(target)
    return path


@pytest.mark.parametrize("target", ["../weights.bin", "/proc/self/environ", "hop"])
def test_external_data_behind_a_link_out_of_the_folder_is_an_error(tmp_path: Path, target: str) -> None:
    """ONNX Runtime and onnx refuse them; older releases gave what lies there to whoever asked the model."""
    path = linked(tmp_path / "m", target)
    (path.parent / "hop").symlink_to("../weights.bin")
    assert [each.kind for each in defects(path)] == ["path"]
    assert not [each for each in stored(path) if each.path != path]


def test_external_data_behind_a_link_to_a_folder_is_an_error(tmp_path: Path) -> None:
    path = models.external(tmp_path / "m")
    (path.parent / "weights.bin").rename(tmp_path / "weights.bin")
    (path.parent / "data").symlink_to("..")
    path.write_bytes(located(path, "data/weights.bin"))
    assert [each.kind for each in defects(path)] == ["path"]


def located(path: Path, location: str) -> bytes:
    """A model with its data at another location."""
    made = onnx.load(path, load_external_data=False)
    for tensor in made.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    content: bytes = made.SerializeToString()
    return content


def test_external_data_within_the_folder_is_whole_by_whatever_way(tmp_path: Path) -> None:
    path = models.external(tmp_path / "m")
    (path.parent / "weights.bin").rename(path.parent / "real")
    (path.parent / "weights.bin").symlink_to("real")
    assert defects(path) == ()
    (path.parent / "sub").mkdir()
    path.write_bytes(located(path, "sub/../real"))
    assert defects(path) == ()


def test_external_data_of_a_hubs_cache_is_whole(tmp_path: Path) -> None:
    """Model and data are links to blobs that lie beside each other elsewhere."""
    made = models.external(tmp_path / "blobs")
    snapshot = tmp_path / "snapshots" / "1"
    snapshot.mkdir(parents=True)
    (snapshot / "model.onnx").symlink_to(made)
    (snapshot / "weights.bin").symlink_to(made.parent / "weights.bin")
    assert defects(snapshot / "model.onnx") == ()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_named_pipe_in_the_place_of_data_does_not_hang(tmp_path: Path) -> None:
    path = models.external(tmp_path / "m")
    (path.parent / "weights.bin").unlink()
    os.mkfifo(path.parent / "weights.bin")
    assert [each.kind for each in defects(path)] == ["missing"]


def held_in_branches() -> onnx.ModelProto:
    """A model all of whose weights lie in the branches of an `If`, in constants, and in a constant outside."""
    weight = numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(2, 3), "w")
    output = helper.make_tensor_value_info("o", TensorProto.FLOAT, [2, 3])
    then = helper.make_graph([helper.make_node("Identity", ["w"], ["o"])], "then", [], [output], [weight])
    other = helper.make_graph([helper.make_node("Constant", [], ["o"], value=weight)], "else", [], [output])
    nodes = [
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.float32([1, 2]))),
        helper.make_node("If", ["x"], ["y"], name="choose", then_branch=then, else_branch=other),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.BOOL, [])]
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_weights_in_branches_and_constants_count(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(held_in_branches().SerializeToString())
    model = inspect(path).model
    assert (model.parameters, model.tensors, model.datatypes) == (14, 3, {"FP32": 56})
    found = {each.name: each.shape for each in stored(path)}
    assert found == {"c": (2,), "choose/then_branch/w": (2, 3), "choose/else_branch/o": (2, 3)}
    content = path.read_bytes()
    each = next(each for each in stored(path) if each.name == "choose/else_branch/o")
    assert np.frombuffer(content[each.offset : each.offset + each.size], "<f4").tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (helper.make_sequence_type_proto(helper.make_tensor_type_proto(1, None)), "SEQUENCE(FP32)"),
        (helper.make_optional_type_proto(helper.make_tensor_type_proto(7, None)), "OPTIONAL(INT64)"),
        (helper.make_map_type_proto(7, helper.make_tensor_type_proto(1, None)), "MAP(INT64,FP32)"),
        (
            helper.make_sequence_type_proto(helper.make_map_type_proto(8, helper.make_tensor_type_proto(1, None))),
            "SEQUENCE(MAP(BYTES,FP32))",
        ),
        (
            helper.make_optional_type_proto(helper.make_sequence_type_proto(helper.make_tensor_type_proto(11, None))),
            "OPTIONAL(SEQUENCE(FP64))",
        ),
        (helper.make_sparse_tensor_type_proto(1, [2]), "SPARSE(FP32)"),
        (onnx.TypeProto(sequence_type=onnx.TypeProto.Sequence()), "SEQUENCE"),
    ],
)
def test_types_say_what_they_hold(tmp_path: Path, kind: onnx.TypeProto, told: str) -> None:
    made = onnx.load(models.linear(tmp_path / "model.onnx"))
    made.graph.output.append(helper.make_value_info("s", kind))
    (tmp_path / "model.onnx").write_bytes(made.SerializeToString())
    assert inspect(tmp_path / "model.onnx").model.outputs[1].datatype == told


def test_a_file_cut_before_its_versions_does_not_claim_any(tmp_path: Path) -> None:
    path = models.linear(tmp_path / "model.onnx")
    path.write_bytes(path.read_bytes()[:60])
    found = inspect(path)
    (defect,) = found.facts.value(MODEL_DEFECTS)
    assert (defect.kind, defect.member) == ("truncated", "model.onnx")
    assert defect.offset is not None
    assert isinstance(found.facts.fact(MODEL_FORMAT_VERSIONS), Unknown)
    assert found.model.parameters is None


def test_endless_nesting_is_a_defect(tmp_path: Path) -> None:
    inner = b""
    for _ in range(400):  # node → attribute → graph, over and over
        inner = _field(1, _field(5, _field(6, inner)))
    path = tmp_path / "deep.onnx"
    path.write_bytes(b"\x08\x08" + _field(7, inner) + _field(8, b"\x10\x11"))
    (defect,) = defects(path)
    assert "nested" in defect.detail


def _field(number: int, payload: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200), at=st.integers(0, 400), drop=st.integers(0, 30))
def test_spliced_bytes_never_break_it(tmp_path: Path, data: bytes, at: int, drop: int) -> None:
    path = models.text(tmp_path / "model.onnx")
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + data + whole[at + drop :])
    FORMAT.inspect(path)


def test_a_sparse_initializer_counts(tmp_path: Path) -> None:
    made = onnx.load(models.linear(tmp_path / "model.onnx"))
    values = numpy_helper.from_array(np.ones(4, np.float32), "s")
    indices = numpy_helper.from_array(np.arange(4), "i")
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [100]))
    (tmp_path / "model.onnx").write_bytes(made.SerializeToString())
    assert inspect(tmp_path / "model.onnx").model.parameters == 13
