"""What `check` says that a model needs of a machine."""

from __future__ import annotations

from typing import Any

from airworthy.core.facts import Facts, Known
from airworthy.core.keys import MODEL_CACHE, MODEL_DATATYPES, MODEL_PATH, MODEL_SIZE, MODEL_WEIGHTS, Key
from airworthy.core.values import AttentionCache
from airworthy.flows.check import check

LLAMA = AttentionCache(layers=32, heads=8, head_size=128, longest=131072)


def needs(values: dict[Key[Any], Any]) -> dict[str, Any] | None:
    facts = Facts({key.name: Known(value, "test") for key, value in values.items()})
    return check(facts=facts).data.get("needs")


def test_a_text_generator() -> None:
    told = needs(
        {
            MODEL_PATH: "/models/llama",
            MODEL_SIZE: 16_100_000_000,
            MODEL_WEIGHTS: 16_060_522_496,
            MODEL_CACHE: LLAMA,
            MODEL_DATATYPES: ("BF16", "F32"),
        }
    )
    assert told == {
        "disk": 16_100_000_000,
        "memory": 16_060_522_496,
        "device_memory": 16_060_522_496,
        "longest_context": 131072,
        "device_memory_longest_context": 16_060_522_496 + 131072 * 32 * 2 * 8 * 128 * 2,
        "datatype": "bfloat16",
        "capability": "8.0",
    }


def test_what_is_not_known_is_not_asked_for() -> None:
    assert needs({MODEL_PATH: "/models/x.onnx", MODEL_SIZE: 100}) == {"disk": 100, "memory": 100}
    assert needs({}) is None
