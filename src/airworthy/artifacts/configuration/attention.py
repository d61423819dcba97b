"""What a text generator keeps of each token, from its `config.json` or the metadata of a GGUF file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airworthy.core.facts import Absent, Fact, Known, Unknown
from airworthy.core.messages import say
from airworthy.core.values import AttentionCache

SOURCE = "config.json"
MAX_CONFIGURED_NUMBER = 1 << 30
"""The largest number that is taken for one."""
_MIXED = ("hybrid_override_pattern", "attn_layer_period", "layers_block_type", "full_attention_interval", "ssm_cfg")
"""Settings of models some of whose layers keep something else, in ways of their own."""


def of_configuration(config: dict[str, Any] | None, *, generator: bool) -> Fact:
    """The cache of a model with this `config.json`; absent for one that generates no text."""
    if config is None:
        return Unknown(say("config.json cannot be read"))
    inner = config.get("text_config")
    config = {**config, **inner} if isinstance(inner, dict) else config
    if not generator or config.get("is_encoder_decoder") is True:
        return Absent(SOURCE)
    layers, heads = _number(config, "num_hidden_layers", "n_layer", "n_layers"), _heads(config)
    size = _number(config, "head_dim") or _size(config)
    longest = _number(config, "max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
    if not layers or any(name in config for name in _MIXED):
        return Unknown(say("config.json does not say which layers keep what")) if layers else Absent(SOURCE)
    full, windowed, window = _by_layer(config, layers)
    rank = _number(config, "kv_lora_rank")
    latent = rank + _number(config, "qk_rope_head_dim") if rank else 0
    if not (heads and size) and not latent:
        return Unknown(say("config.json does not say the heads of its attention"))
    return Known(AttentionCache(full, heads, size, windowed, window, latent, longest), SOURCE)


def of_metadata(metadata: Mapping[str, str]) -> Fact:
    """The cache of a model with this metadata, as GGUF names it; absent where it names no attention."""
    name = metadata.get("general.architecture", "")
    told = {key[len(name) + 1 :]: value for key, value in metadata.items() if key.startswith(f"{name}.")}
    numbers = {key: int(text) for key, text in told.items() if text.isascii() and text.isdigit() and len(text) < 10}
    layers, query = numbers.get("block_count", 0), numbers.get("attention.head_count", 0)
    if not layers or not query:
        return Absent(say("the metadata names no attention"))
    if any(key.startswith(("ssm.", "wkv.")) for key in told) or not told.get("attention.head_count_kv", "1").isdigit():
        return Unknown(say("the metadata does not say which layers keep what"))
    heads = numbers.get("attention.head_count_kv", query)
    size = numbers.get("attention.key_length", numbers.get("embedding_length", 0) // query)
    rank, window = numbers.get("attention.kv_lora_rank", 0), numbers.get("attention.sliding_window", 0)
    latent = rank + numbers.get("rope.dimension_count", 0) if rank else 0
    if not (heads and size) and not latent:
        return Unknown(say("the metadata does not say the heads of its attention"))
    # Which layers have the window is in the program that runs it: the least is claimed.
    full, windowed = (0, layers) if window else (layers, 0)
    longest = numbers.get("context_length", 0)
    return Known(AttentionCache(full, heads, size, windowed, window, latent, longest), "metadata")


def _by_layer(config: dict[str, Any], layers: int) -> tuple[int, int, int]:
    """Layers that see everything, layers that see a window, and the window."""
    kinds, window = config.get("layer_types"), _number(config, "sliding_window")
    if isinstance(kinds, list) and len(kinds) == layers:
        # Others, such as `linear_attention`, keep a state that does not grow.
        return kinds.count("full_attention"), kinds.count("sliding_attention") if window else 0, window
    if window and config.get("use_sliding_window") is not False:
        return 0, layers, window
    return layers, 0, 0


def _heads(config: dict[str, Any]) -> int:
    if config.get("multi_query") is True and config.get("new_decoder_architecture") is not True:
        return _number(config, "multi_query_group_num") or 1
    return _number(config, "num_key_value_heads", "num_kv_heads") or _number(config, "num_attention_heads", "n_head")


def _size(config: dict[str, Any]) -> int:
    width, heads = _number(config, "hidden_size", "n_embd"), _number(config, "num_attention_heads", "n_head")
    return width // heads if heads else 0


def _number(config: dict[str, Any], *names: str) -> int:
    found = (config[name] for name in names if type(config.get(name)) is int)
    return next((number for number in found if 0 < number < MAX_CONFIGURED_NUMBER), 0)
