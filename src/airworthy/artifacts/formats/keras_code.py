"""The parts of a Keras configuration that act: code, foreign classes, files and addresses that a loader opens.

What is harmless is on the list of `knowledge.keras`; whatever a loader would import beyond it is reported.
See https://github.com/keras-team/keras/blob/master/keras/src/saving/serialization_lib.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from airworthy.core.messages import say
from airworthy.core.values import EmbeddedCode
from airworthy.knowledge import keras as known

MOST_PARTS = 1_000_000
"""Values of a configuration that are read."""
# Serialised values that are not classes of a module.
_PLAIN = frozenset({"__tuple__", "__numpy__", "__tensor__", "__ellipsis__", "__bytes__", "__complex__", "__slice__"})
_PLAIN |= {"__keras_tensor__"}
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://|/[^/\s]|\\\\|[A-Za-z]:[\\/]|~[\w.-]*/|file:|\.\.?[\\/]")
_NAMES = frozenset({"name", "registered_name", "class_name", "module", "spec_name", "value"})
"""Keys whose texts are names or data of any spelling; nothing opens them."""
_SPECS = frozenset({"TensorSpec", "SparseTensorSpec", "RaggedTensorSpec", "IndexedSlicesSpec", "TensorShape"})
_OWNERS = frozenset({"RaggedTensor", "SparseTensor", "sparse.SparseTensor", "Tensor", "Variable", "TensorArray"})
"""Classes of TensorFlow whose class methods `ClassMethod` may call."""
_DETAILS = {
    "keras-lambda": "its layer carries Python bytecode that runs when it is loaded",
    "keras-pickle": "its layer carries a pickled PyTorch module that is unpickled when it is loaded",
    "keras-saved-model": "its layer loads a SavedModel from elsewhere, whose graph runs",
}


def acting_parts(config: Any, member: str) -> Iterator[EmbeddedCode]:
    """The parts that are code, make the loader import something foreign, or open a file or an address.

    Raises:
        ValueError: there are more values than are read.
    """

    def told(kind: str, name: str, detail: str) -> EmbeddedCode:
        return EmbeddedCode(member=member, kind=kind, name=name[:200], detail=detail)

    for part in _tables(config):
        for kind, name, detail in _judge(part):
            yield told(kind, name, detail)
        for key, value in part.items():
            if isinstance(value, str) and _opens(key, value):
                told_value = value[:100]
                yield told("keras-file", str(key), say("its value {value!r} is a file or an address", value=told_value))


def _judge(part: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    class_, module = part.get("class_name"), part.get("module")
    if not isinstance(class_, str):
        return
    inner = part.get("config")
    name = inner.get("name") if isinstance(inner, dict) else None
    name = name if isinstance(name, str) else class_
    bare = class_.rpartition(">")[2]  # tf_keras writes names of its own packages as `Package>Class`
    registered = part.get("registered_name")
    if kind := known.acting(bare):
        yield kind, name, say(_DETAILS[kind])
    elif bare in ("TFOpLambda", "SlicingOpLambda", "ClassMethod", "TensorFlowOpLayer"):
        if foreign := _tensorflow(bare, inner):
            yield "keras-object", foreign, say("it names a function of TensorFlow that may do more than compute")
    elif class_ == "__typespec__":
        spec = part.get("spec_name")
        if spec not in _SPECS or not str(module).startswith("tensorflow."):
            yield "keras-object", f"{module}.{spec}", say("the loader imports it, and it is not Keras's own")
    elif isinstance(module, str) and module:
        yield from _imported(module, class_, inner)
    package = registered.partition(">")[0] if isinstance(registered, str) and ">" in registered else ""
    foreign_package = package and not known.is_package(package.partition(".")[0])
    if foreign_package and (not module or known.computes(str(module), class_)):
        yield "keras-object", str(registered), say("a class that the loading program must provide")


def _imported(module: str, class_: str, inner: Any) -> Iterator[tuple[str, str, str]]:
    if class_ == "function":
        plain = isinstance(inner, str) and inner.isidentifier()
        if module == "builtins" or known.is_function_module(module):
            if not plain:
                yield "keras-object", "function", say("it names a function in no plain way")
        else:
            told = f"{module}.{inner}" if isinstance(inner, str) else f"{module}.function"
            yield "keras-object", told, say("the loader imports it, and it is not Keras's own")
    elif module == "builtins":
        if class_ not in _PLAIN:
            yield "keras-object", f"builtins.{class_}", say("it names something of Python's own")
    elif not known.computes(module, class_):
        told = f"{module}.{class_}"
        if known.is_package(module.partition(".")[0]):
            yield "keras-object", told, say("it is not among the classes that are known to only compute")
        else:
            yield "keras-object", told, say("the loader imports it, and it is not Keras's own")


def _tensorflow(class_: str, inner: Any) -> str:
    """What a layer of TensorFlow's own names and is not known to only compute; empty for nothing."""
    settings = inner if isinstance(inner, dict) else {}
    if class_ == "TensorFlowOpLayer":
        return _operator(settings.get("node_def")) or class_
    named = settings.get("cls_ref" if class_ == "ClassMethod" else "function")
    if class_ == "ClassMethod":
        return "" if named in _OWNERS else str(named)[:200] or class_
    function = named.removeprefix("compat.v1.") if isinstance(named, str) else ""
    return "" if function and known.tensorflow_computes(function) else str(named)[:200] or class_


def _operator(definition: Any) -> str:
    """The operator of a serialised node: JSON, or protobuf's text."""
    if isinstance(definition, dict):
        return str(definition.get("op", ""))
    if not isinstance(definition, str):
        return ""
    try:
        parsed = json.loads(definition)
        return str(parsed.get("op", "")) if isinstance(parsed, dict) else ""
    except (ValueError, RecursionError):
        match = re.search(r'\bop: "(\w{1,200})"', definition[:100_000])
        return match[1] if match else ""


def _opens(key: Any, value: str) -> bool:
    if key in _NAMES or not value:
        return False
    return key in known.file_arguments() or _ADDRESS.match(value) is not None


def _tables(config: Any) -> Iterator[dict[str, Any]]:
    pending = [config]
    seen = 0
    while pending:
        part = pending.pop()
        seen += 1
        if seen > MOST_PARTS:
            raise ValueError(say("it has more than {count} parts", count=MOST_PARTS))
        if isinstance(part, dict):
            yield part
            pending += part.values()
        elif isinstance(part, list):
            pending += part
