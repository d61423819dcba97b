"""The cache's memory against what servers logged of real models."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.values import AttentionCache
from airworthy.knowledge import cache
from catalogue import CORPUS

FILE = CORPUS / "memory.jsonl"
MIB = 1 << 20
KINDS = {"bf16": "bf16", "fp16": "f16", "f16": "f16", "q8_0": "q8_0", "q4_0": "q4_0"}
RIGHT = 0.02
"""The part by which a log may differ: it rounds, and blocks are whole."""


@pytest.mark.parametrize(
    ("shape", "context", "kind", "mib"),
    [
        # From logs: TriLM 3.9B, DeepSeek R1, and both kinds of layers of gpt-oss 20B, all with llama.cpp.
        (AttentionCache(layers=30, heads=24, head_size=128), 512, "f16", 180.0),
        (AttentionCache(layers=61, heads=0, head_size=0, latent=576), 32768, "q8_0", 1166.62),
        (AttentionCache(layers=12, heads=8, head_size=64, windowed=12, window=128), 131072, "f16", 3072.0 + 18.0),
    ],
)
def test_size(shape: AttentionCache, context: int, kind: str, mib: float) -> None:
    assert cache.size(shape, context, kind) / MIB == pytest.approx(mib, abs=0.01)


def shape_of(config: dict[str, Any]) -> AttentionCache | None:
    """The shape as a row of the collected logs tells it; None for layers that keep something else."""
    layers = config.get("n_layer") or config.get("num_hidden_layers")
    if "recurrent_layers" in config or not layers:
        return None
    if "kv_lora_rank" in config:
        return AttentionCache(layers, 0, 0, latent=config["kv_lora_rank"] + config["qk_rope_head_dim"])
    heads = config.get("n_head_kv") or config.get("num_key_value_heads")
    if not heads or ("swa_layers" in config and "sliding_window" not in config):
        return None
    windowed, window = config.get("swa_layers", 0), config.get("sliding_window", 0)
    full = config.get("full_layers", layers - windowed)
    return AttentionCache(full, heads, config["head_dim"], windowed, window if windowed else 0)


def test_logged_caches() -> None:
    if not FILE.is_file():
        pytest.skip(f"the collected logs are not at {FILE}")
    told, right = [], 0
    for row in map(json.loads, FILE.read_text(encoding="utf-8").splitlines()):
        logged, shape = row["logged"] or {}, shape_of(row["config"] or {})
        kind = KINDS.get(row.get("kv_type") or "")
        wanted = logged.get("kv_mib")
        wanted = sum(wanted.values()) if isinstance(wanted, dict) else wanted
        if row.get("kv_recomputed") != "yes" or shape is None or kind is None or not wanted or wanted <= 0:
            continue
        if row["engine"].startswith("vllm") and "kv_tokens" not in logged:
            continue  # it tells the room for the cache, not how much a context takes
        context = logged.get("kv_tokens", row["context"])
        made = cache.size(shape, context, kind) / MIB
        right += abs(made - wanted) <= RIGHT * wanted
        told.append(f"{row['id']:30} {wanted:10.2f} logged {made:10.2f} worked out")
    print("\n".join(told), f"\n{right} of {len(told)} right")
    assert len(told) >= 8
    assert right == len(told)


SHAPES = st.builds(
    AttentionCache,
    layers=st.integers(0, 200),
    heads=st.integers(1, 256),
    head_size=st.integers(1, 512),
    windowed=st.integers(0, 200),
    window=st.integers(0, 1 << 20),
    latent=st.integers(0, 1024),
    longest=st.integers(1, 1 << 22),
)


@given(SHAPES, st.integers(0, 1 << 40))
def test_the_longest_context_fits_and_one_token_more_does_not(shape: AttentionCache, room: int) -> None:
    fits = cache.longest(shape, room)
    assert 0 <= fits <= shape.longest
    assert fits == 0 or cache.size(shape, fits) <= room
    assert fits == shape.longest or cache.size(shape, fits + 1) > room
