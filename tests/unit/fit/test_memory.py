"""Memory of engines beside what was logged of real loads, and what a description of a model may hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.errors import AirworthyError
from airworthy.fit import engines
from airworthy.fit.description import Described, DescriptionInvalid, described
from airworthy.fit.parts import DEVICE, MIB
from catalogue import CORPUS

FILE = CORPUS / "memory.jsonl"
LLAMA3 = {
    "n_layer": 32,
    "n_embd": 4096,
    "n_head": 32,
    "n_head_kv": 8,
    "head_dim": 128,
    "n_ff": 14336,
    "n_vocab": 128256,
}


def figures(row: dict[str, Any]) -> tuple[float, tuple[float, float], Described]:
    """Keys and values of all devices, and the bounds of the buffers of each, in MiB."""
    told = described(row)
    estimate = engines.memory(told.engine, told.model, told.use)
    devices = told.use.devices if told.engine == "llamacpp" else 1
    return estimate.of("kv").point * devices / MIB, estimate.of("compute").mib, told


@pytest.mark.parametrize(
    ("row", "kv", "compute"),
    [
        # Logs of llama.cpp: Llama 3 8B with flash attention and without, in a build before #23861.
        ({"config": LLAMA3, "context": 8192, "flash_attn": True, "engine": "llama.cpp b3600"}, 1024.0, 258.5),
        ({"config": LLAMA3, "context": 8192, "flash_attn": False, "engine": "llama.cpp b3600"}, 1024.0, 560.0),
        # ik_llama.cpp#235: DeepSeek R1 with latent attention, 256 tokens at once.
        (
            {
                "engine": "ik_llama.cpp",
                "model": "DeepSeek-R1",
                "context": 32768,
                "config": {
                    "n_layer": 61,
                    "n_embd": 7168,
                    "n_head": 128,
                    "kv_lora_rank": 512,
                    "qk_rope_head_dim": 64,
                    "n_vocab": 129280,
                },
                "batch": {"n_ubatch": 256},
            },
            2196.0,
            4466.0,
        ),
        # vllm#10511: Llama 3 8B, the peak of the trial run.
        (
            {"engine": "vllm 0.6.4", "model": "Llama-3-8B", "context": 8192, "quant": "bf16", "config": LLAMA3},
            1024.0,
            1290.24,
        ),
    ],
)
def test_logged_loads(row: dict[str, Any], kv: float, compute: float) -> None:
    kept, bounds, _ = figures(row)
    assert kept == pytest.approx(kv, abs=0.01)
    assert bounds[0] <= compute <= bounds[1] <= 2.5 * bounds[0] + 0.1


def test_collected_loads() -> None:
    if not FILE.is_file():
        pytest.skip(f"the collected logs are not at {FILE}")
    inside, exact, judged, widths, told = [], [], [], [], []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        logged = row.pop("logged")
        kept, bounds, about = figures(row)
        wanted = logged.get("kv_mib")
        if isinstance(wanted, dict):
            wanted = sum(size for name, size in wanted.items() if name != "recurrent_total")
        if about.engine == "llamacpp" and row["kv_recomputed"] == "yes":
            exact.append(kept == pytest.approx(wanted, rel=0.0005))
        buffers = logged.get("compute_mib")
        if isinstance(buffers, dict):
            buffers = max(size for name, size in buffers.items() if "Host" not in name)
        if buffers is not None:
            judged.append(row["id"])
            inside.append(bounds[0] <= buffers <= bounds[1])
            widths.append(bounds[1] / max(bounds[0], 1e-9))
            told.append(f"{row['id']:28} {buffers:8.1f} in {bounds[0]:8.1f} {bounds[1]:8.1f} {inside[-1]}")
    print(
        "\n".join(told), f"\n{sum(inside)} of {len(inside)} buffers inside; {sum(exact)} of {len(exact)} caches exact"
    )
    assert exact
    assert all(exact)
    assert sum(inside) >= 0.8 * len(inside)
    assert sum(width <= 2.51 for width in widths) >= len(widths) - 1, "one configuration lacks its layers"


def test_states_windows_and_both_types() -> None:
    hybrid = {
        "config": {
            "n_layer": 65,
            "recurrent_layers": 48,
            "linear_num_key_heads": 16,
            "linear_num_value_heads": 48,
            "linear_key_head_dim": 128,
            "linear_value_head_dim": 128,
            "linear_conv_kernel_dim": 4,
        },
        "batch": {"n_seq_max": 3},
    }
    assert figures(hybrid)[0] == pytest.approx(16.88 + 432.0, abs=0.01), "llama.cpp#23792"
    slots = {
        "model": "gemma-3-270m",
        "config": {"n_layer": 18, "n_head_kv": 1, "head_dim": 256, "sliding_window": 512},
        "context": 1024,
        "batch": {"n_seq_max": 4, "kv_unified": False},
    }
    assert figures(slots)[0] == 18.0, "four slots divide the context among them"
    mixed = {"config": LLAMA3, "context": 4096, "kv_type": "q8_0 keys, f16 values"}
    assert figures(mixed)[0] == pytest.approx(512 / 2 * (1 + 34 / 64))


def test_a_server_that_claims_a_share_of_the_device() -> None:
    row = {
        "engine": "vllm 0.8.5",
        "model": "DeepSeek-R1-0528-Qwen3-8B",
        "config": {"num_hidden_layers": 36, "num_key_value_heads": 8, "head_dim": 128, "hidden_size": 4096},
        "quant": "fp16",
        "context": 65536,
        "batch": {"max_num_batched_tokens": 8192},
        "tp": 4,
        "enforce_eager": True,
        "gpu_total_mib": 21995.52,
        "gpu_memory_utilization": 0.93,
    }
    told = described(row)
    estimate = engines.memory("vllm", told.model, told.use)
    assert estimate.of("kv", place=DEVICE).holds(14837.76 * MIB), "logged"
    assert estimate.of("kv").point == pytest.approx(14837.76 * MIB, rel=0.02)


def test_what_is_missing_is_assumed_and_said() -> None:
    told = described({"model": "Qwen2.5-7B", "config": {"n_layer": 28, "n_head_kv": 4, "head_dim": 128}})
    assert any("vocabulary" in each for each in told.assumed + (told.model.shape.assumed if told.model.shape else ()))
    assert any("context" in each for each in told.assumed)
    alone = described({"model": "mystery-7b", "params": 7_000_000_000, "quant": "q8_0"})
    assert alone.model.shape is None
    assert any("architecture is not known" in each for each in alone.assumed)
    weights = engines.memory("llamacpp", alone.model, alone.use).of("weights")
    assert weights.point == pytest.approx(7e9 * 8.5008 / 8)


@pytest.mark.parametrize(
    ("row", "part"),
    [
        ({"config": {"n_layer": 4, "full_layers": 3, "swa_layers": 3}}, "6 layers by kind"),
        ({"config": {"n_layer": 4, "n_head": 4, "n_head_kv": 8}}, "8 key and value heads"),
        ({"config": {"n_layer": 4, "layer_types": ["full_attention"]}}, "1 entries of layer_types"),
        ({"config": 7}, "an object of sizes"),
        ({"config": {}, "context": -1}, "not negative"),
        ({"config": {}, "params": "many"}, "not negative"),
        ({"config": {}, "batch": [1]}, "an object such as"),
    ],
)
def test_contradictions_are_refused(row: dict[str, Any], part: str) -> None:
    with pytest.raises(DescriptionInvalid, match=part):
        described(row)


VALUES = st.none() | st.booleans() | st.integers(-3, 1 << 45) | st.floats() | st.text(max_size=12) | st.lists(st.text())
NAMES = (*LLAMA3, "full_layers", "swa_layers", "recurrent_layers", "sliding_window", "kv_lora_rank", "layer_types")
KEYS = ("engine", "model", "quant", "kv_type", "context", "batch", "params", "bpw", "flash_attn", "n_gpus", "tp")


@given(st.dictionaries(st.sampled_from(NAMES), VALUES), st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_any_description_is_estimated_or_refused(config: dict[str, Any], given_: dict[str, Any]) -> None:
    try:
        told = described({**given_, "config": config})
    except AirworthyError:
        return
    for engine in engines.ENGINES:
        estimate = engines.memory(engine, told.model, told.use)
        for part in estimate.parts:
            assert part.size.low <= part.size.point <= part.size.high, part
