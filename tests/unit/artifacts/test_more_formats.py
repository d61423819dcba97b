"""NumPy, HDF5, Keras, TensorFlow, Core ML, OpenVINO, TensorRT, adapters, exported programs: what each tells."""

from __future__ import annotations

import contextlib
import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import model_files
import models
from airworthy.artifacts.formats.registry import FORMATS
from airworthy.artifacts.identify import inspect
from airworthy.core.errors import NotAModel
from airworthy.core.keys import MODEL_CODE, MODEL_DEFECTS, MODEL_PICKLE_IMPORTS
from airworthy.core.model import Inspection


def kinds(found: Inspection) -> list[tuple[str, str]]:
    return [(each.member, each.kind) for each in found.facts.value(MODEL_DEFECTS)]


def code(found: Inspection) -> list[tuple[str, str]]:
    return [(each.kind, each.name) for each in found.facts.value(MODEL_CODE)]


def refused(found: Inspection) -> list[str]:
    return [each.name for each in found.facts.value(MODEL_PICKLE_IMPORTS) if not each.allowed]


# --- NumPy ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i2", "|u1", "|b1", "<c8", "<U5", "|S3", "<M8[ns]", "<f2"])
def test_arrays_of_every_kind_are_read(tmp_path: Path, dtype: str) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 2), dtype=dtype))
    found = inspect(tmp_path / "a.npy")
    assert (kinds(found), found.model.parameters) == ([], 6)
    assert sum(found.model.datatypes.values()) == 6 * np.dtype(dtype).itemsize


def test_structured_and_packed_arrays_are_read(tmp_path: Path) -> None:
    array = np.zeros(4, dtype=[("a", "<f4"), ("b", "<i2", (2, 3)), ("c", [("d", "|u1")])])
    np.savez_compressed(tmp_path / "a.npz", x=array, y=np.ones((2, 2)))
    found = inspect(tmp_path / "a.npz")
    assert (kinds(found), found.model.tensors) == ([], 2)
    assert found.model.datatypes == {"structured": 68, "FP64": 32}


class _Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.system, ("echo run",)


def test_arrays_of_objects_are_followed(tmp_path: Path) -> None:
    np.save(tmp_path / "good.npy", np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    assert refused(inspect(tmp_path / "good.npy")) == []
    np.save(tmp_path / "bad.npy", np.array([_Runs()], dtype=object), allow_pickle=True)
    assert refused(inspect(tmp_path / "bad.npy")) == ["posix.system"]
    np.savez(tmp_path / "bad.npz", x=np.ones(2), y=np.array([_Runs()], dtype=object))
    assert refused(inspect(tmp_path / "bad.npz")) == ["posix.system"]


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'more': 1}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': [3]}",
        b"{'descr': '<f4', 'fortran_order': 0, 'shape': (3,)}",
        b"{'descr': '<q9', 'fortran_order': False, 'shape': (3,)}",
        b"{'descr': [('a', '<f4', -1)], 'fortran_order': False, 'shape': (3,)}",
        b"__import__('os').system('id')",
        b"{" * 5000,
        b"9" * 5000,
        b"[]",
        b"",
    ],
)
def test_a_header_that_is_none_is_told(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(12))
    assert kinds(inspect(path)) == [("a.npy", "header")]


# --- HDF5 and Keras -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["earliest", "latest"])
def test_both_kinds_of_object_headers_are_read(tmp_path: Path, library: str) -> None:
    import h5py

    path = tmp_path / "m.h5"
    with h5py.File(path, "w", libver=library) as file:
        file.attrs["model_config"] = json.dumps({**model_files.keras_config(), "long": "x" * 70_000})
        file.attrs["keras_version"] = np.bytes_(b"2.9.0")
        file.create_dataset("a/b/kernel", data=np.ones((3, 4), dtype=np.float32))
        file.create_dataset("chunked", data=np.arange(1000), chunks=(100,), compression="gzip")
    found = inspect(path)
    assert kinds(found) == []
    assert (found.model.architecture, found.model.parameters, found.model.tensors) == ("Sequential", 1012, 2)
    assert found.model.producer == "keras 2.9.0"
    assert [(spec.name, spec.shape) for spec in found.model.inputs] == [("x", (-1, 2))]


@pytest.mark.parametrize("make", [model_files.hdf5, model_files.keras])
def test_a_layer_that_is_code_is_told(tmp_path: Path, make: Any) -> None:
    suffix = "h5" if make is model_files.hdf5 else "keras"
    path = tmp_path / f"m.{suffix}"
    assert code(inspect(make(path))) == []
    hidden = {"class_name": "Lambda", "config": {"name": "trick", "function": ["4wEAAAA=", None, None]}}
    inside = {"module": "keras", "class_name": "Functional", "config": {"layers": [hidden]}}
    assert code(inspect(make(path, model_files.keras_config(inside)))) == [("keras-lambda", "trick")]
    wrapped = {"class_name": "__lambda__", "config": {"value": {"code": "4wEAAAA="}}}
    relu = {"module": "keras.layers", "class_name": "Activation", "config": {"activation": wrapped}}
    assert [kind for kind, _ in code(inspect(make(path, model_files.keras_config(relu))))] == ["keras-lambda"]


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"module": "keras.layers", "class_name": "Dense", "registered_name": None, "config": {}}, None),
        ({"module": "keras.src.models.functional", "class_name": "Functional", "config": {}}, None),
        ({"module": "builtins", "class_name": "function", "config": "relu"}, None),
        ({"module": "os", "class_name": "system", "config": {}}, "keras-object"),
        ({"module": "subprocess", "class_name": "Popen", "config": {}}, "keras-object"),
        ({"module": "builtins", "class_name": "eval", "config": {}}, "keras-object"),
        ({"module": "keras.utils", "class_name": "get_file", "config": {}}, "keras-object"),
        ({"module": "keras.src.utils.file_utils", "class_name": "get_file", "config": {}}, "keras-object"),
        ({"module": "builtins", "class_name": "function", "config": "os.system"}, "keras-object"),
        ({"module": "my.package", "class_name": "Mine", "config": {}}, "keras-object"),
        ({"module": None, "class_name": "Mine", "registered_name": "pkg>Mine", "config": {}}, "keras-object"),
    ],
)
def test_what_keras_would_import_is_told(tmp_path: Path, part: dict[str, Any], kind: str | None) -> None:
    found = code(inspect(model_files.keras(tmp_path / "m.keras", model_files.keras_config(part))))
    assert [each for each, _ in found] == ([kind] if kind else [])


def test_links_out_of_an_hdf5_file_are_told(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/x")
    assert kinds(inspect(tmp_path / "m.h5")) == [("m.h5", "path")]


def test_a_ring_of_groups_ends(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "m.h5", "w") as file:
        group = file.create_group("a")
        group["b"] = file["/"]
    assert kinds(inspect(tmp_path / "m.h5")) == []


# --- TensorFlow -----------------------------------------------------------------------------------------------------


def test_a_saved_model_is_told(tmp_path: Path) -> None:
    found = inspect(model_files.saved_model(tmp_path / "m"))
    assert (kinds(found), code(found)) == ([], [])
    model = found.model
    assert (model.producer, model.versions) == ("tensorflow 2.15.0", {"saved-model": 1})
    assert [(spec.name, spec.datatype, spec.shape) for spec in model.inputs] == [("x", "FP32", (-1, 2))]
    assert {op.name for op in model.operators} == {"MatMul", "AddV2", "SaveV2", "RestoreV2", "ReadVariableOp"}


@pytest.mark.parametrize("name", ["ReadFile", "WriteFile", "PyFunc", "MatchingFiles", "DebugIdentityV2"])
def test_operators_that_act_are_told_in_functions_too(tmp_path: Path, name: str) -> None:
    assert code(inspect(model_files.saved_model(tmp_path / "a", name, "MatMul"))) == [("tf-operator", name)]
    assert code(inspect(model_files.saved_model(tmp_path / "b", "MatMul", name))) == [("tf-operator", name)]


def test_missing_variables_are_told(tmp_path: Path) -> None:
    folder = model_files.saved_model(tmp_path / "m")
    (folder / "variables" / "variables.data-00000-of-00001").unlink()
    assert kinds(inspect(folder)) == [("variables/variables.data-00000-of-00001", "missing")]
    (folder / "saved_model.pb").write_bytes((folder / "saved_model.pb").read_bytes()[:-5])
    assert ("saved_model.pb", "truncated") in kinds(inspect(folder))


def test_a_lambda_in_the_description_beside_the_graph_is_told(tmp_path: Path) -> None:
    folder = model_files.saved_model(tmp_path / "m")
    layer = json.dumps({"class_name": "Lambda", "config": {"name": "trick"}})
    (folder / "keras_metadata.pb").write_bytes(model_files.message((1, model_files.message((5, layer)))))
    assert code(inspect(folder)) == [("keras-lambda", "trick")]


def test_a_flat_buffer_is_told(tmp_path: Path) -> None:
    model = inspect(model_files.tflite(tmp_path / "m.tflite")).model
    assert [(op.domain, op.name, op.count) for op in model.operators] == [("", "FULLY_CONNECTED", 1)]
    assert [(spec.name, spec.shape) for spec in model.inputs + model.outputs] == [("x", (1, 2)), ("y", (1, 3))]
    assert (model.parameters, model.datatypes, model.metadata) == (6, {"FP32": 24}, {"description": "tiny"})
    custom = inspect(model_files.tflite(tmp_path / "m.tflite", custom="Mine")).model
    assert [(op.domain, op.name) for op in custom.operators] == [("custom", "Mine")]


# --- others ---------------------------------------------------------------------------------------------------------


def test_a_plan_tells_its_version(tmp_path: Path) -> None:
    model = inspect(model_files.tensorrt(tmp_path / "m.plan", (10, 3, 0, 26))).model
    assert (model.producer, model.versions) == ("tensorrt 10.3.0.26", {"tensorrt": 10})


@pytest.mark.parametrize("make", [model_files.coreml, model_files.coreml_package])
def test_core_ml_is_told(tmp_path: Path, make: Any) -> None:
    model = inspect(make(tmp_path / "m.mlmodel")).model
    assert (model.architecture, model.license, model.producer) == ("neural network", "MIT", "coremltools 8.1")
    assert [(spec.name, spec.datatype, spec.shape) for spec in model.inputs] == [("x", "FP32", (1, 2))]


@pytest.mark.parametrize("place", ["../../etc/passwd", "/etc/passwd", "..\\x", "C:/x"])
def test_a_package_that_leads_out_is_told(tmp_path: Path, place: str) -> None:
    folder = model_files.coreml_package(tmp_path / "m.mlpackage")
    manifest = json.loads((folder / "Manifest.json").read_text())
    manifest["itemInfoEntries"]["A-1"]["path"] = place
    (folder / "Manifest.json").write_text(json.dumps(manifest))
    assert kinds(inspect(folder)) == [("Manifest.json", "path")]


def test_open_vino_is_told(tmp_path: Path) -> None:
    found = inspect(model_files.openvino(tmp_path / "m.xml"))
    model = found.model
    assert (model.architecture, model.parameters, model.producer) == ("tiny", 6, "openvino 2025.1.0")
    assert [(spec.name, spec.datatype, spec.shape) for spec in model.inputs] == [("x", "FP32", (-1, 2))]
    assert [spec.name for spec in model.outputs] == ["y"]
    (tmp_path / "m.bin").write_bytes(bytes(10))
    assert kinds(inspect(tmp_path / "m.xml")) == [("m.bin", "truncated")]
    (tmp_path / "m.bin").unlink()
    assert kinds(inspect(tmp_path / "m.xml")) == [("m.bin", "missing")]


def test_entities_are_refused_before_they_unfold(tmp_path: Path) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    text = '<net name="x" version="11"><layers/></net>'
    (tmp_path / "m.xml").write_text(text)
    assert kinds(inspect(tmp_path / "m.xml")) == []
    hostile = tmp_path / "h.xml"
    hostile.write_text(text.replace("<net", f'<!DOCTYPE net [<!ENTITY l0 "ha">{laughs}]><net', 1))
    assert set(kinds(FORMATS.get("openvino").inspect(hostile))) == {("h.xml", "structure")}


def test_an_adapter_is_told(tmp_path: Path) -> None:
    folder = model_files.lora(tmp_path / "m")
    model = inspect(folder).model
    assert (model.architecture, model.metadata["base model"], model.parameters) == ("LORA", "org/base", 6)
    (folder / "adapter_model.safetensors").unlink()
    assert kinds(inspect(folder)) == [("adapter_model.safetensors", "missing")]
    models.torch_zip(folder / "adapter_model.bin", pickle.dumps(_Runs()))
    assert refused(inspect(folder)) == ["posix.system"]


def test_a_compiled_module_is_told(tmp_path: Path) -> None:
    found = inspect(model_files.torchscript(tmp_path / "m.pt"))
    assert (found.model.metadata["kind"], found.model.parameters, refused(found)) == ("TorchScript", 9, [])
    names = {each.name: each.weights_only for each in found.facts.value(MODEL_PICKLE_IMPORTS)}
    assert names["__torch__.Net"] is False
    with zipfile.ZipFile(tmp_path / "m.pt", "a") as archive:
        archive.writestr("m/code/__torch__/more.py", "y = torch.from_file('/etc/passwd', False, 10)\n")
    assert code(inspect(tmp_path / "m.pt")) == [("torchscript", "torch.from_file")]


def test_an_exported_program_is_told(tmp_path: Path) -> None:
    path = model_files.exported(tmp_path / "m.pt2")
    found = inspect(path)
    assert (kinds(found), found.model.parameters, found.model.datatypes) == ([], 6, {"FP32": 24})
    assert [(op.domain, op.name) for op in found.model.operators] == [("aten", "linear.default")]
    inner = models.torch_zip(tmp_path / "inner.pt", pickle.dumps(_Runs()))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.write(inner, "m/data/sample_inputs/model.pt")
    assert refused(inspect(path)) == ["posix.system"]


def test_a_folder_with_remote_code_and_a_template_is_told(tmp_path: Path) -> None:
    folder = models.text_folder(tmp_path / "m")
    settings_ = {"architectures": ["X"], "auto_map": {"AutoModel": "modeling_x.X", "AutoConfig": "org/repo--conf.C"}}
    settings_["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    (folder / "config.json").write_text(json.dumps(settings_))
    (folder / "chat_template.jinja").write_text("{{ x.__class__ }}")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# X\n")
    found = inspect(folder)
    assert code(found) == [
        ("auto-map", "modeling_x.X"),
        ("auto-map", "org/repo--conf.C"),
        ("chat-template", "chat_template"),
    ]
    assert (found.model.quantization, found.model.license) == ("gptq, 4 bits", "apache-2.0")


def test_a_link_out_of_the_folder_is_told_and_a_cache_of_blobs_is_not(tmp_path: Path) -> None:
    folder = models.text_folder(tmp_path / "m")
    (folder / "secret.txt").symlink_to("/etc/hostname")
    assert kinds(inspect(folder)) == [("secret.txt", "link")]
    blob = tmp_path / "cache" / "blobs" / "ab"
    blob.parent.mkdir(parents=True)
    models.safetensors(blob)
    snapshot = tmp_path / "cache" / "snapshots" / "1"
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").symlink_to(blob)
    assert kinds(inspect(snapshot)) == []


# --- any bytes ------------------------------------------------------------------------------------------------------

_MAKERS = {
    "npz": model_files.npz,
    "h5": model_files.hdf5,
    "keras": model_files.keras,
    "tflite": model_files.tflite,
    "mlmodel": model_files.coreml,
    "xml": model_files.openvino,
    "pt2": model_files.exported,
}


@pytest.mark.parametrize("suffix", _MAKERS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_spliced_files_never_break_a_reader(tmp_path: Path, suffix: str, data: st.DataObject) -> None:
    path = tmp_path / f"m.{suffix}"
    if not (whole := _KEPT.get(suffix, b"")):
        whole = _KEPT[suffix] = _MAKERS[suffix](path).read_bytes()
    at = data.draw(st.integers(0, len(whole)))
    more, drop = data.draw(st.binary(max_size=10)), data.draw(st.integers(0, 10))
    path.write_bytes(whole[:at] + more + whole[at + drop :])
    with contextlib.suppress(NotAModel):  # spliced at its first bytes, it may be something else
        inspect(path)


_KEPT: dict[str, bytes] = {}
