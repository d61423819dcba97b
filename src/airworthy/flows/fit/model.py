"""The model of a question about fitting, from what its files' headers say."""

from __future__ import annotations

from airworthy.core.facts import Facts
from airworthy.core.keys import MODEL_CACHE, MODEL_DATATYPES, MODEL_SHAPE, MODEL_WEIGHTS
from airworthy.core.messages import say
from airworthy.core.model import ModelInfo
from airworthy.fit.parts import around, exactly
from airworthy.fit.question import FitModel

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
