"""What acts in a Keras configuration, wherever in it and in whatever file; and what only computes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

import model_files
from airworthy.artifacts.formats.keras_code import acting_parts
from airworthy.artifacts.identify import inspect
from airworthy.core.keys import MODEL_CODE

Part = dict[str, Any]


def layer(class_: str, module: str | None = "keras.layers", registered: str | None = None, **config: Any) -> Part:
    """A serialised object."""
    return {"module": module, "class_name": class_, "config": {"name": "x", **config}, "registered_name": registered}


def function(module: str, name: str) -> Part:
    """A serialised function."""
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def told(config: Any) -> set[tuple[str, str]]:
    """Kind and name of all that acts."""
    return {(each.kind, each.name) for each in acting_parts(config, "config.json")}


PICKLED: Part = {
    "module": "keras.layers",
    "class_name": "TorchModuleWrapper",
    "config": {"name": "x", "module": "gASVBAAAAA=="},
}
HOSTILE: list[tuple[Part, set[tuple[str, str]]]] = [
    (PICKLED, {("keras-pickle", "x")}),
    (layer("TorchModuleWrapper", "keras.src.utils.torch_utils"), {("keras-pickle", "x")}),
    (layer("TorchModuleWrapper", None), {("keras-pickle", "x")}),
    (layer("TFSMLayer", call_endpoint="serve"), {("keras-saved-model", "x")}),
    (layer("TFSMLayer", filepath="there"), {("keras-saved-model", "x"), ("keras-file", "filepath")}),
    (
        layer("KerasLayer", None, handle="https://tfhub.dev/x"),
        {("keras-saved-model", "x"), ("keras-file", "handle")},
    ),
    (layer("Lambda", function="f"), {("keras-lambda", "x")}),
    (layer("Lambda", "tf_keras.layers", function="f"), {("keras-lambda", "x")}),
    (layer("Custom>Lambda", None), {("keras-lambda", "x")}),
    (layer("StringLookup", vocabulary="/etc/passwd"), {("keras-file", "vocabulary")}),
    (layer("IntegerLookup", vocabulary="words.txt"), {("keras-file", "vocabulary")}),
    (layer("TextVectorization", vocabulary="http://10.0.0.1/x"), {("keras-file", "vocabulary")}),
    (layer("Dense", anything="gs://bucket/x"), {("keras-file", "anything")}),
    (layer("Dense", anything="C:\\Users\\x"), {("keras-file", "anything")}),
    (layer("Dense", anything="\\\\host\\share"), {("keras-file", "anything")}),
    (layer("Dense", anything="../x"), {("keras-file", "anything")}),
    (layer("Dense", anything="~/.ssh/id"), {("keras-file", "anything")}),
    (layer("Popen", "subprocess"), {("keras-object", "subprocess.Popen")}),
    (layer("Thing", "keras.src.saving.saving_lib"), {("keras-object", "keras.src.saving.saving_lib.Thing")}),
    (layer("NewLayer"), {("keras-object", "keras.layers.NewLayer")}),
    (layer("Dense", registered="evil>Dense"), {("keras-object", "evil>Dense")}),
    (function("keras.utils", "get_file"), {("keras-object", "keras.utils.get_file")}),
    (function("os", "system"), {("keras-object", "os.system")}),
    (function("keras.activations", "os.system"), {("keras-object", "function")}),
    (layer("TFOpLambda", None, function="io.write_file"), {("keras-object", "io.write_file")}),
    (layer("TFOpLambda", None, function="raw_ops.WriteFile"), {("keras-object", "raw_ops.WriteFile")}),
    (layer("TFOpLambda", None, function="compat.v1.py_func"), {("keras-object", "compat.v1.py_func")}),
    (layer("TFOpLambda", None), {("keras-object", "None")}),
    (layer("ClassMethod", None, cls_ref="io.gfile.GFile"), {("keras-object", "io.gfile.GFile")}),
    (layer("TensorFlowOpLayer", None, node_def='{"op": "WriteFile"}'), {("keras-object", "WriteFile")}),
    (layer("TensorFlowOpLayer", None, node_def='name: "a"\nop: "ReadFile"'), {("keras-object", "ReadFile")}),
    (
        {"class_name": "__typespec__", "module": "os", "spec_name": "system", "config": []},
        {("keras-object", "os.system")},
    ),
]

BENIGN: list[Part] = [
    layer("Dense", name="/block/dense", kernel_initializer=layer("GlorotUniform", "keras.initializers")),
    layer("StringLookup", vocabulary=["/", "http://x", "a"]),
    layer("TextVectorization", vocabulary=None, standardize="lower_and_strip_punctuation", ngrams=None),
    layer("Functional", "tf_keras.src.engine.functional"),
    layer("Sequential", "tf_keras"),
    layer("Adam", "tf_keras.src.optimizers.adam"),
    layer("CuDNNLSTM", "tf_keras.layers"),
    layer("Policy", "tf_keras.mixed_precision"),
    layer("QDense", "qkeras.qlayers", "QDense", kernel_quantizer=layer("quantized_bits", "qkeras.quantizers")),
    layer("QActivation", "qkeras", activation="quantized_relu(4)"),
    layer("QConv2D", None),
    layer("BertBackbone", "keras_hub.src.models.bert.bert_backbone", "keras_hub>BertBackbone"),
    layer("Softmax", "keras.src.ops.nn"),
    layer("EinsumDense", equation="abc,cd->abd"),
    layer("TFOpLambda", None, function="math.reduce_mean"),
    layer("SlicingOpLambda", None, function="__operators__.getitem"),
    layer("ClassMethod", None, cls_ref="RaggedTensor", method_name="from_row_splits"),
    function("builtins", "my_loss"),
    function("keras.activations", "gelu"),
    function("keras.src.activations.activations", "gelu"),
    {"class_name": "__tuple__", "module": "builtins", "config": {}},
    {
        "class_name": "__typespec__",
        "module": "tensorflow.python.framework.tensor_spec",
        "spec_name": "TensorSpec",
        "config": [],
    },
]

WRAPPINGS: dict[str, Callable[[Part], Part]] = {
    "sequential": lambda part: layer("Sequential", "keras", layers=[layer("Dense"), part]),
    "wrapper": lambda part: layer("Sequential", "keras", layers=[layer("Bidirectional", layer=part)]),
    "sub-model": lambda part: layer("Functional", "keras", layers=[layer("Sequential", "keras", layers=[part])]),
    "argument": lambda part: layer("Sequential", "keras", layers=[layer("Dense", activation=part)]),
    "compile": lambda part: layer("Sequential", "keras", layers=[]) | {"compile_config": {"loss": [{"a": part}]}},
    "build": lambda part: layer("Sequential", "keras", layers=[]) | {"build_config": {"input_shape": [part]}},
    "call": lambda part: layer("Functional", "keras", layers=[layer("Add") | {"inbound_nodes": [{"kwargs": part}]}]),
}


def as_json(path: Path, config: Part) -> Path:
    """The text of `to_json`."""
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize(("part", "expected"), HOSTILE)
def test_what_acts_is_reported_wherever_it_stands(part: Part, expected: set[tuple[str, str]], wrapping: str) -> None:
    assert told(WRAPPINGS[wrapping](part)) == expected


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("part", BENIGN)
def test_what_only_computes_is_not(part: Part, wrapping: str) -> None:
    assert told(WRAPPINGS[wrapping](part)) == set()


@pytest.mark.parametrize(
    ("make", "suffix"), [(model_files.keras, "keras"), (model_files.hdf5, "h5"), (as_json, "json")]
)
def test_every_kind_of_file_is_read(tmp_path: Path, make: Callable[[Path, Part], Path], suffix: str) -> None:
    for part, expected in HOSTILE:
        found = inspect(make(tmp_path / f"m.{suffix}", WRAPPINGS["sub-model"](part)))
        assert {(each.kind, each.name) for each in found.facts.value(MODEL_CODE)} == expected
    for part in BENIGN:
        found = inspect(make(tmp_path / f"m.{suffix}", WRAPPINGS["sub-model"](part)))
        assert (found.model.format, found.facts.value(MODEL_CODE)) == ("hdf5" if suffix == "h5" else "keras", ())


def test_what_an_hdf5_file_is_trained_with_is_read(tmp_path: Path) -> None:
    path = model_files.hdf5(tmp_path / "m.h5")
    with h5py.File(path, "a") as file:
        file.attrs["training_config"] = json.dumps({"loss": function("os", "system"), "metrics": ["mae"]})
    found = inspect(path)
    assert [(each.kind, each.name) for each in found.facts.value(MODEL_CODE)] == [("keras-object", "os.system")]
    assert found.model.architecture == "Sequential"
