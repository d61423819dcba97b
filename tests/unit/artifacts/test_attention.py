"""What a text generator keeps of each token, from `config.json` and from GGUF's metadata."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.artifacts.configuration.attention import of_configuration, of_metadata
from airworthy.core.facts import Absent, Known, Unknown
from airworthy.core.values import AttentionCache

LLAMA31 = {
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "hidden_size": 4096,
    "max_position_embeddings": 131072,
}
GPT2 = {"n_layer": 12, "n_head": 12, "n_embd": 768, "n_positions": 1024}
DEEPSEEK = {"num_hidden_layers": 61, "num_attention_heads": 128, "kv_lora_rank": 512, "qk_rope_head_dim": 64}
GPT_OSS = {
    "num_hidden_layers": 4,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"] * 2,
}
QWEN3_NEXT = {
    "num_hidden_layers": 4,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "head_dim": 256,
    "layer_types": ["linear_attention", "linear_attention", "linear_attention", "full_attention"],
}


@pytest.mark.parametrize(
    ("config", "cache"),
    [
        (LLAMA31, AttentionCache(32, 8, 128, longest=131072)),
        (GPT2, AttentionCache(12, 12, 64, longest=1024)),
        (DEEPSEEK, AttentionCache(61, 128, 0, latent=576)),
        (GPT_OSS, AttentionCache(2, 8, 64, windowed=2, window=128)),
        (QWEN3_NEXT, AttentionCache(1, 2, 256)),
        ({**LLAMA31, "sliding_window": 4096}, AttentionCache(0, 8, 128, windowed=32, window=4096, longest=131072)),
        ({**LLAMA31, "sliding_window": 4096, "use_sliding_window": False}, AttentionCache(32, 8, 128, longest=131072)),
        ({"text_config": LLAMA31, "vision_config": {}}, AttentionCache(32, 8, 128, longest=131072)),
        ({**GPT2, "multi_query": True}, AttentionCache(12, 1, 64, longest=1024)),
    ],
)
def test_configurations(config: dict[str, Any], cache: AttentionCache) -> None:
    fact = of_configuration(config, generator=True)
    assert isinstance(fact, Known)
    assert fact.value == cache


def test_other_models_and_what_is_not_told() -> None:
    assert isinstance(of_configuration(LLAMA31, generator=False), Absent)
    assert isinstance(of_configuration({**LLAMA31, "is_encoder_decoder": True}, generator=True), Absent)
    assert isinstance(of_configuration({}, generator=True), Absent)
    assert isinstance(of_configuration({**LLAMA31, "attn_layer_period": 8}, generator=True), Unknown)
    assert isinstance(of_configuration({"num_hidden_layers": 2}, generator=True), Unknown)
    assert isinstance(of_configuration(None, generator=True), Unknown)


def metadata(**told: str) -> dict[str, str]:
    named = {f"llama.{name.replace('__', '.')}": value for name, value in told.items()}
    return {"general.architecture": "llama", **named}


def test_metadata() -> None:
    told = metadata(block_count="32", attention__head_count="32", attention__head_count_kv="8", embedding_length="4096")
    assert of_metadata(told) == Known(AttentionCache(32, 8, 128), "metadata")
    windowed = {**told, "llama.attention.sliding_window": "4096", "llama.context_length": "32768"}
    # llama.cpp gives every layer of this architecture the whole context, whatever window the file names.
    assert of_metadata(windowed) == Known(AttentionCache(32, 8, 128, longest=32768), "metadata")
    other = {key.replace("llama.", "unheard."): value for key, value in windowed.items()}
    fact = of_metadata({**other, "general.architecture": "unheard"})
    assert isinstance(fact, Known)
    assert fact.value == AttentionCache(0, 8, 128, windowed=32, window=4096, longest=32768)
    assert isinstance(of_metadata({**told, "llama.ssm.conv_kernel": "4"}), Unknown)
    assert isinstance(of_metadata({**told, "llama.attention.head_count_kv": "[8, 8, 0]"}), Unknown)
    assert isinstance(of_metadata({"general.architecture": "bert"}), Absent)


NUMBERS = st.integers(-5, 1 << 40) | st.none() | st.text(max_size=3) | st.booleans() | st.lists(st.text(max_size=3))
NAMES = (*LLAMA31, *GPT2, *DEEPSEEK, *GPT_OSS, "text_config", "multi_query")


@given(st.dictionaries(st.sampled_from(NAMES), NUMBERS), st.booleans())
def test_any_configuration(config: dict[str, Any], generator: bool) -> None:
    fact = of_configuration(config, generator=generator)
    if isinstance(fact, Known):
        assert fact.value.layers + fact.value.windowed >= 0
        told = fact.value
        assert told.latent or (told.heads > 0 and told.head_size > 0) or (told.recurrent and told.recurrent_numbers)


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=6)), st.sampled_from(["", "llama"]))
def test_any_metadata(told: dict[str, str], name: str) -> None:
    of_metadata({**{f"{name}.{key}": value for key, value in told.items()}, "general.architecture": name})
