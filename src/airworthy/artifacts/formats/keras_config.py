"""A Keras model's configuration: its layers, its inputs, and the parts of it that are code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from airworthy.artifacts.encodings.datatypes import NUMPY
from airworthy.core.messages import say
from airworthy.core.model import TensorSpec
from airworthy.core.values import EmbeddedCode

MOST_PARTS = 1_000_000
"""Values of a configuration that are looked at."""
_OWN = (
    *("keras", "keras.layers", "keras.models", "keras.initializers", "keras.regularizers", "keras.constraints"),
    *("keras.optimizers", "keras.optimizers.schedules", "keras.losses", "keras.metrics", "keras.activations"),
    *("keras.random", "keras.dtype_policies", "keras.quantizers"),
    *("keras.src.models", "keras.src.layers", "keras.src.engine", "keras.src.initializers", "keras.src.optimizers"),
    *("keras.src.losses", "keras.src.metrics", "keras.src.dtype_policies", "keras.src.random", "keras.src.ops"),
)
_ANYTHING_UNDER = (
    *(
        "keras.src.models.",
        "keras.src.layers.",
        "keras.src.engine.",
        "keras.src.initializers.",
        "keras.src.optimizers.",
    ),
    *("keras.src.losses.", "keras.src.metrics.", "keras.src.dtype_policies.", "keras.src.random.", "keras.src.ops."),
)
# Serialised values that are no classes of anybody's module.
_PLAIN = frozenset({"__tuple__", "__numpy__", "__tensor__", "__ellipsis__", "__bytes__", "__complex__", "__slice__"})


class Layers(NamedTuple):
    """The layers of a configuration."""

    name: str
    """The class of the model, `Sequential`, or its name."""
    counts: Counter[str]
    """Classes of its layers, with how often each is used."""


def acting_parts(config: Any, member: str) -> Iterator[EmbeddedCode]:
    """The parts that are code, or that make the loader import something that is not Keras's own.

    Raises:
        ValueError: there are more values than are looked at.
    """

    def told(kind: str, name: str, detail: str) -> EmbeddedCode:
        return EmbeddedCode(member=member, kind=kind, name=name[:200], detail=detail)

    for part in _tables(config):
        class_ = part.get("class_name")
        if not isinstance(class_, str):
            continue
        inner = part.get("config")
        name = inner.get("name") if isinstance(inner, dict) else None
        name = name if isinstance(name, str) else class_
        module = part.get("module")
        if class_ in ("Lambda", "TFOpLambda", "__lambda__"):
            if class_ == "TFOpLambda":
                continue  # names a public TensorFlow function, and carries no code
            yield told("keras-lambda", name, say("its layer carries Python bytecode that runs when it is loaded"))
        elif isinstance(module, str) and module == "builtins":
            if class_ != "function" and class_ not in _PLAIN:
                yield told("keras-object", f"builtins.{class_}", say("it names something of Python's own"))
            elif class_ == "function" and not (isinstance(inner, str) and inner.isidentifier()):
                yield told("keras-object", "function", say("it names a function in no plain way"))
        elif isinstance(module, str) and (
            not (module in _OWN or module.startswith(_ANYTHING_UNDER)) or not class_[:1].isupper()
        ):
            yield told("keras-object", f"{module}.{class_}", say("the loader imports it, and it is not Keras's own"))
        elif module is None and isinstance(part.get("registered_name"), str) and ">" in part["registered_name"]:
            yield told("keras-object", part["registered_name"], say("a class that whoever loads it has to bring along"))


def described(config: Any) -> Layers:
    """The model's class and the classes of its layers."""
    if not isinstance(config, dict):
        return Layers("", Counter())
    name = config.get("class_name")
    inner = config.get("config")
    layers = inner.get("layers") if isinstance(inner, dict) else inner
    names = [each.get("class_name") for each in layers if isinstance(each, dict)] if isinstance(layers, list) else []
    counts = Counter(str(each)[:100] for each in names if isinstance(each, str))
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
        specs.append(TensorSpec(str(settings.get("name", ""))[:200], _datatype(settings.get("dtype")), sizes))
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
