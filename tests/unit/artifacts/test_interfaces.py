"""Names, types and sizes as each format's own library says them: inputs, outputs, and the weights of Core ML."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest

import model_files
from airworthy.artifacts.formats.registry import FORMATS
from airworthy.artifacts.identify import inspect
from airworthy.core.model import ModelInfo, TensorSpec
from model_files import message

LONG = "decoder/" + "block/" * 60 + "weight"


def openvino(path: Path, *, names: str, output: str = "", precision: str = "FP32", outputs: int = 1) -> ModelInfo:
    """What is read of a graph that gives the outputs of one layer, the last port as the model's output."""
    ports = "".join(
        f'<port id="{number}" precision="{precision}" names="{output}"><dim>2</dim></port>'
        for number in range(1, outputs + 1)
    )
    path.write_text(
        f"""<net name="n" version="11"><layers>
        <layer id="0" name="layer/x" type="Parameter"><data shape="2" element_type="f32"/>
        <output><port id="0" precision="{precision}" names="{names}"><dim>2</dim></port></output></layer>
        <layer id="1" name="layer/a" type="Split"><input><port id="0"/></input><output>{ports}</output></layer>
        <layer id="2" name="layer/a/sink_port_0" type="Result"><input><port id="0"><dim>2</dim></port></input></layer>
        </layers><edges><edge from-layer="0" from-port="0" to-layer="1" to-port="0"/>
        <edge from-layer="1" from-port="{outputs}" to-layer="2" to-port="0"/></edges>
        <rt_info><info name="OpenVINO Runtime" value="2026.4"/></rt_info></net>"""
    )
    return inspect(path).model


def test_openvino_calls_values_by_their_tensors(tmp_path: Path) -> None:
    model = openvino(tmp_path / "m.xml", names="input:0,alias", output="a")
    assert model.inputs == (TensorSpec("alias", "FP32", (2,)),)
    assert model.outputs == (TensorSpec("a", "FP32", (2,)),)
    assert model.producer == "openvino 2026.4"


def test_openvino_without_names_goes_by_the_layer(tmp_path: Path) -> None:
    model = openvino(tmp_path / "m.xml", names="")
    assert (model.inputs[0].name, model.outputs[0].name) == ("layer/x", "layer/a")
    assert openvino(tmp_path / "m.xml", names="", outputs=3).outputs[0].name == "layer/a.2"


def test_a_comma_in_a_name_is_escaped(tmp_path: Path) -> None:
    assert openvino(tmp_path / "m.xml", names="a\\,b").inputs[0].name == "a,b"


@pytest.mark.parametrize(
    ("precision", "told"),
    [("U8", "UINT8"), ("STRING", "BYTES"), ("BOOL", "BOOL"), ("I64", "INT64"), ("FP16", "FP16"), ("BF16", "BF16")],
)
def test_openvino_types_are_spelt_as_everywhere(tmp_path: Path, precision: str, told: str) -> None:
    model = openvino(tmp_path / "m.xml", names="x", precision=precision)
    assert (model.inputs[0].datatype, model.outputs[0].datatype) == (told, told)


def test_many_comments_before_something_else_are_passed_quickly() -> None:
    """An expression that could part them in many ways took hours for a page of some kilobytes."""
    recognises, path = FORMATS.get("openvino").recognises, Path("m.xml")
    begun = time.process_time()
    assert not recognises(path, b"<?xml version='1.0'?>" + b"<!-- a --> " * 600 + b"<html>")
    assert recognises(
        path, b"\xef\xbb\xbf<?xml version='1.0'?>\n" + b"<!-- a -->\n" * 600 + b'<net name="n" version="11">'
    )
    assert not recognises(path, b"<!-- never closed <net version=")
    assert time.process_time() - begun < 1


def test_names_are_never_cut(tmp_path: Path) -> None:
    assert openvino(tmp_path / "m.xml", names=LONG).inputs[0].name == LONG
    feature = message((1, LONG), (3, message((5, message((2, 65568))))))
    path = tmp_path / "m.mlmodel"
    path.write_bytes(message((1, 4), (2, message((1, feature), (10, feature))), (500, b"")))
    assert inspect(path).model.inputs[0].name == LONG


# --- Core ML --------------------------------------------------------------------------------------------------------


def packed(count: int) -> bytes:
    return message((1, struct.pack(f"<{count}f", *range(count))))


@pytest.mark.parametrize(
    ("layer", "parameters", "datatypes"),
    [
        ((100, message((90, packed(108)), (91, packed(4)))), 112, {"FP32": 448}),
        ((140, message((20, message((2, bytes(20)))))), 10, {"FP16": 20}),
        ((140, message((20, message((30, bytes(6)), (40, message((1, 4))))))), 12, {"UINT4": 6}),
        ((160, message(*((field, packed(4)) for field in (15, 16, 17, 18)))), 16, {"FP32": 64}),
        ((420, message((20, message((1, packed(6)), (20, packed(9)))))), 15, {"FP32": 60}),
        ((130, message((25, message((1, packed(3)))))), 3, {"FP32": 12}),
        ((230, message((1, 2))), None, {}),
    ],
)
def test_weights_of_a_network_are_counted(
    tmp_path: Path, layer: tuple[int, bytes], parameters: int | None, datatypes: dict[str, int]
) -> None:
    network = message((1, message((1, "l"), layer)))
    path = tmp_path / "m.mlmodel"
    path.write_bytes(message((1, 4), (2, message((1, message((1, "x"))))), (500, network)))
    model = inspect(path).model
    assert (model.parameters, model.datatypes) == (parameters, datatypes)
    pipeline = message((1, model_files.coreml_bytes()), (1, path.read_bytes()))
    path.write_bytes(message((1, 4), (2, message((1, message((1, "x"))))), (202, pipeline)))
    assert inspect(path).model.parameters == parameters


def constant(kind: int, sizes: tuple[int, ...], value: tuple[int, bytes]) -> bytes:
    """A constant of an ML program."""
    dims = [(3, message((1, message((1, size))))) for size in sizes]
    tensor = message((1, kind), (2, len(sizes)), *dims)
    held = message((2, message((1, tensor))), value)
    return message((1, "const"), (5, message((1, "val"), (2, held))))


def test_constants_of_a_program_are_counted(tmp_path: Path) -> None:
    in_file, here = (5, message((1, "w.bin"), (2, 64))), (3, message((1, b"")))
    operations = [
        constant(10, (32, 16), in_file),
        constant(11, (32,), here),
        constant(23, (4,), here),  # a shape
        constant(11, (), here),  # a number
        message((1, "linear")),
    ]
    block = message(*((3, each) for each in operations))
    function = message((3, message((1, "CoreML6"), (2, block))))
    program = message((1, 1), (2, message((1, "main"), (2, function))))
    path = tmp_path / "m.mlmodel"
    path.write_bytes(message((1, 6), (2, message((1, message((1, "x"))))), (502, program)))
    model = inspect(path).model
    assert (model.parameters, model.tensors, model.datatypes) == (544, 2, {"FP16": 1024, "FP32": 128})
