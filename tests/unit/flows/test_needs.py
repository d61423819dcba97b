"""What `check` says that a model needs of a machine."""

from __future__ import annotations

from typing import Any

from airworthy.core.facts import Facts, Known
from airworthy.core.keys import (
    MODEL_CACHE,
    MODEL_DATATYPES,
    MODEL_ENTRY_FORMAT,
    MODEL_PATH,
    MODEL_SHAPE,
    MODEL_SIZE,
    MODEL_WEIGHTS,
    Key,
)
from airworthy.core.values import AttentionCache, ModelShape
from airworthy.fit import engines
from airworthy.fit.parts import HOST, exactly
from airworthy.fit.question import FitModel, Use
from airworthy.flows.check import check

MIB = 1 << 20
WEIGHTS = 16_060_522_496
LLAMA = AttentionCache(layers=32, heads=8, head_size=128, longest=131072)
SHAPE = ModelShape("decoder", "llama", 32, 4096, 14336, 128256, 32, 128)


def needs(values: dict[Key[Any], Any]) -> dict[str, Any] | None:
    facts = Facts({key.name: Known(value, "test") for key, value in values.items()})
    return check(facts=facts).data.get("needs")


def test_a_text_generator() -> None:
    told = needs(
        {
            MODEL_PATH: "/models/llama",
            MODEL_SIZE: 16_100_000_000,
            MODEL_WEIGHTS: WEIGHTS,
            MODEL_CACHE: LLAMA,
            MODEL_SHAPE: SHAPE,
            MODEL_ENTRY_FORMAT: "gguf",
            MODEL_DATATYPES: ("BF16", "F32"),
        }
    )
    assert told is not None
    model = FitModel(name="", format="gguf", weights=exactly(WEIGHTS), cache=LLAMA, shape=SHAPE)
    estimate = engines.memory("llamacpp", model, Use(context=8192, all_outputs=False))
    assert told["memory"] == int(estimate.peak(HOST).point), "the same answer as `fit`"
    assert WEIGHTS + 1024 * MIB < told["memory"] < WEIGHTS + 1536 * MIB, "weights, a cache of 1 GiB, and the process"
    longer = told["device_memory_longest_context"] - told["device_memory"]
    assert 15 * 1024 * MIB <= longer <= 16 * 1024 * MIB, "eight times the cache twice over"
    assert {name: told[name] for name in ("disk", "longest_context", "datatype", "capability")} == {
        "disk": 16_100_000_000,
        "longest_context": 131072,
        "datatype": "bfloat16",
        "capability": "8.0",
    }


def test_what_is_not_known_is_not_asked_for() -> None:
    told = needs({MODEL_PATH: "/models/x.onnx", MODEL_SIZE: 100})
    assert told is not None
    assert set(told) == {"disk", "memory"}
    assert told["memory"] > 30 * MIB, "a process takes memory, however small its model is"
    assert needs({}) is None
