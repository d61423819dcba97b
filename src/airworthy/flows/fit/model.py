"""The model of a question about fitting, from what its files' headers say."""

from __future__ import annotations

from airworthy.core.facts import Facts
from airworthy.core.keys import (
    MODEL_CACHE,
    MODEL_DATATYPES,
    MODEL_ENTRY_FORMAT,
    MODEL_SHAPE,
    MODEL_SIZE,
    MODEL_WEIGHTS,
)
from airworthy.core.messages import say
from airworthy.core.model import ModelInfo
from airworthy.fit import engines
from airworthy.fit.parts import DEVICE, HOST, MemoryEstimate, around, exactly
from airworthy.fit.question import DEFAULT_CONTEXT, FitModel, Use

_WEIGHTS = frozenset({"safetensors", "pytorch", "gguf", "onnx"})


def _embeds(model: ModelInfo, weights: int) -> bool:
    entry = model.entry.replace("\\", "/")
    own = next((file.size for file in model.files if f"/{entry}".endswith(f"/{file.path}")), weights)
    return own >= weights // 2


def fit_model(model: ModelInfo, facts: Facts) -> FitModel:
    """What `inspect` found, as far as memory and time depend on it."""
    known = facts.get_value(MODEL_WEIGHTS, None)
    size = known or model.size
    files = [file.size for file in model.files if file.format in _WEIGHTS]
    types = facts.get_value(MODEL_DATATYPES, ())
    shape = facts.get_value(MODEL_SHAPE, None)
    return FitModel(
        name=model.name,
        path=model.path,
        format=model.entry_format,
        weights=exactly(size) if known else around(size, 0.05, 0.0),
        weights_basis=say("tensors of the file's header") if known else say("the size of its files"),
        shards=max(1, len(files)),
        embedded=_embeds(model, size),
        largest_shard=max(files, default=0),
        parameters=float(model.parameters) if model.parameters else None,
        quantization=model.quantization or (types[0] if types else ""),
        shape=shape,
        cache=facts.get_value(MODEL_CACHE, None),
    )


USUAL_LENGTH = 256
"""Tokens of a text that is not written on, where nothing says how long."""
_ENGINES = {"gguf": "llamacpp", "onnx": "onnxruntime", "openvino": "openvino"}


def engine_of(format_: str) -> str:
    """The engine that loads a format as it is."""
    return _ENGINES.get(format_, "pytorch")


def needs(facts: Facts) -> dict[str, int]:
    """What a process with the model of some facts takes of a host and of a device, in bytes; one request at a time.

    Returns:
        `memory` of a processor's process with a context of up to 8192 tokens; where the weights are known
        `device_memory` on an accelerator with the same, and `device_memory_longest_context` with the model's longest.
        Nothing without a model.
    """
    size, weights = facts.get_value(MODEL_SIZE, None), facts.get_value(MODEL_WEIGHTS, None)
    if size is None:
        return {}
    model = FitModel(
        name="",
        format=facts.get_value(MODEL_ENTRY_FORMAT, ""),
        weights=exactly(weights or size),
        shape=facts.get_value(MODEL_SHAPE, None),
        cache=facts.get_value(MODEL_CACHE, None),
    )
    cache, engine = model.cache, engine_of(model.format)
    longest = cache.longest if cache is not None else 0
    context = min(longest or DEFAULT_CONTEXT, DEFAULT_CONTEXT) if model.generates else USUAL_LENGTH

    def taken(tokens: int, *, accelerator: bool) -> MemoryEstimate:
        return engines.memory(engine, model, Use(context=tokens, accelerator=accelerator, all_outputs=False))

    found = {"memory": int(taken(context, accelerator=False).peak(HOST).point)}
    if weights is not None:
        found["device_memory"] = int(taken(context, accelerator=True).peak(DEVICE).point)
        if longest:
            found["device_memory_longest_context"] = int(taken(longest, accelerator=True).peak(DEVICE).point)
    return found
