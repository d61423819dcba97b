"""A Keras model's configuration: its layers and its inputs."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from airworthy.artifacts.encodings.datatypes import NUMPY
from airworthy.core.model import TensorSpec


class Layers(NamedTuple):
    """The layers of a configuration."""

    name: str
    """The class of the model, `Sequential`, or its name."""
    counts: Counter[str]
    """Classes of its layers, with how often each is used."""


def described(config: Any) -> Layers:
    """The model's class and the classes of its layers."""
    if not isinstance(config, dict):
        return Layers("", Counter())
    name = config.get("class_name")
    inner = config.get("config")
    layers = inner.get("layers") if isinstance(inner, dict) else inner
    names = [each.get("class_name") for each in layers if isinstance(each, dict)] if isinstance(layers, list) else []
    counts = Counter(str(each) for each in names if isinstance(each, str))
    return Layers(name[:200] if isinstance(name, str) else "", counts)


def read_inputs(config: Any) -> tuple[TensorSpec, ...]:
    """What its input layers take."""
    inner = config.get("config") if isinstance(config, dict) else None
    layers = inner.get("layers") if isinstance(inner, dict) else inner
    specs = []
    for each in layers if isinstance(layers, list) else ():
        if not isinstance(each, dict) or not isinstance(each.get("config"), dict):
            continue
        settings = each["config"]
        shape = settings.get("batch_shape") or settings.get("batch_input_shape")
        if not isinstance(shape, list) or len(shape) > 64:
            continue
        sizes = tuple(size if type(size) is int and size >= 0 else -1 for size in shape)
        specs.append(TensorSpec(str(settings.get("name", "")), _datatype(settings.get("dtype")), sizes))
    return tuple(specs[:1000])


def _datatype(name: Any) -> str:
    if isinstance(name, dict) and isinstance(name.get("config"), dict):  # Keras 3: a policy with a name
        name = name["config"].get("name")
    if not isinstance(name, str):
        return "FP32"
    digits = name.lstrip("abcdefghijklmnopqrstuvwxyz")
    bits = int(digits) if digits.isdigit() and len(digits) < 4 else 0
    element = NUMPY.get({"float": "f", "int": "i", "uint": "u"}.get(name.removesuffix(digits), "") + str(bits // 8))
    return element.name if element else {"bool": "BOOL", "string": "BYTES"}.get(name, name.upper()[:20])
