"""What a text generator keeps of what it has seen, from its `config.json` or the metadata of a GGUF file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airworthy.artifacts.configuration import layer_kinds
from airworthy.artifacts.configuration.numbers import flat, number, numbers, of_texts
from airworthy.artifacts.configuration.recurrent import state_numbers, state_numbers_of_metadata
from airworthy.core.facts import Absent, Fact, Known, Unknown
from airworthy.core.messages import say
from airworthy.core.values import AttentionCache

SOURCE = "config.json"
LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers", "num_decoder_layers")
"""Names of the number of a decoder's blocks."""
HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads")
"""Names of the number of query heads."""
WIDTH = ("hidden_size", "n_embd", "d_model", "dim")
"""Names of the numbers of a token between blocks."""
LONGEST = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "seq_length",
    "n_ctx_train",
    "max_target_positions",
    "max_sequence_length",
)
"""Names of the longest input."""
ENCODER_LENGTH = 1500
"""Frames of the longest piece of speech, where an encoder does not say how long its output is: Whisper's."""


def of_configuration(config: Mapping[str, Any] | None, *, generator: bool) -> Fact:
    """The cache of a model with this `config.json`; absent for one that generates no text."""
    if config is None:
        return Unknown(say("config.json cannot be read"))
    told = flat(config)
    if not generator:
        return Absent(SOURCE)
    if told.get("is_encoder_decoder") is True:
        return _encoder_decoder(told)
    layers = number(told, *LAYERS)
    if not layers:
        return Absent(SOURCE)
    kinds = layer_kinds.of_configuration(told, layers)
    state = state_numbers(told)
    if kinds is None or (kinds.recurrent and not state and not _names_its_layers(told)):
        return Unknown(say("config.json does not say which layers keep what"))
    heads, size, value = _heads(told), _size(told), number(told, "v_head_dim", "value_length")
    rank = number(told, "kv_lora_rank")
    latent = rank + number(told, "qk_rope_head_dim") if rank else 0
    looks_back = kinds.full + kinds.windowed or not (kinds.recurrent and state)
    if not (heads and size) and not latent and looks_back:
        return Unknown(say("config.json does not say the heads of its attention"))
    other_heads, other_size = _of_window(told, heads, size)
    return Known(
        AttentionCache(
            kinds.full,
            heads,
            size if not latent else 0,
            kinds.windowed,
            kinds.window,
            latent,
            number(told, *LONGEST),
            value_size=value if value != size and not latent else 0,
            window_heads=other_heads,
            window_head_size=other_size,
            recurrent=kinds.recurrent if state else 0,
            recurrent_numbers=state if kinds.recurrent else 0,
        ),
        SOURCE,
    )


def of_metadata(metadata: Mapping[str, str]) -> Fact:
    """The cache of a model with this metadata, as GGUF names it; absent where it names no attention."""
    told, architecture = of_texts(metadata), metadata.get("general.architecture", "")
    layers, query = number(told, "block_count"), number(told, "attention.head_count")
    listed = numbers(told, "attention.head_count_kv", "attention.head_count")
    stateful = any(key.startswith("ssm.") for key in told)
    if not layers or not (query or listed or stateful):
        return Absent(say("the metadata names no attention"))
    if listed is not None and len(listed) != layers:
        return Unknown(say("the metadata does not say which layers keep what"))
    kinds, _ = layer_kinds.of_metadata(told, architecture, layers)
    state = state_numbers_of_metadata(told)
    if kinds is None or (kinds.recurrent and not state):
        return Unknown(say("the metadata does not say which layers keep what"))
    heads = max(numbers(told, "attention.head_count_kv") or [0]) or number(told, "attention.head_count_kv") or query
    size = number(told, "attention.key_length") or (number(told, "embedding_length") // query if query else 0)
    value = number(told, "attention.value_length")
    rank = number(told, "attention.kv_lora_rank")
    latent = rank + number(told, "rope.dimension_count") if rank else 0
    looks_back = kinds.full + kinds.windowed or not (kinds.recurrent and state)
    if not (heads and size) and not latent and looks_back:
        return Unknown(say("the metadata does not say the heads of its attention"))
    window_size = number(told, "attention.key_length_swa")
    return Known(
        AttentionCache(
            kinds.full,
            heads,
            size if not latent else 0,
            kinds.windowed,
            kinds.window,
            latent,
            number(told, "context_length"),
            value_size=value if value != size and not latent else 0,
            window_heads=_window_heads(told, kinds.windowed, heads),
            window_head_size=window_size if window_size != size else 0,
            recurrent=kinds.recurrent,
            recurrent_numbers=state if kinds.recurrent else 0,
        ),
        "metadata",
    )


def _window_heads(told: Mapping[str, Any], windowed: int, heads: int) -> int:
    """Key and value heads of layers with a window, where a list gives each layer its own."""
    counts, pattern = numbers(told, "attention.head_count_kv"), numbers(told, "attention.sliding_window_pattern")
    if not windowed or counts is None or pattern is None or len(counts) != len(pattern):
        return 0
    own = {count for count, each in zip(counts, pattern, strict=True) if each}
    return own.pop() if len(own) == 1 and own != {heads} else 0


def _names_its_layers(config: Mapping[str, Any]) -> bool:
    """Whether each layer's kind is listed: what those with an unknown state keep is then left out, and small."""
    return isinstance(config.get("layer_types"), list)


def _encoder_decoder(config: Mapping[str, Any]) -> Fact:
    """The decoder's own keys and values, and those of the encoder's output, in each of its blocks."""
    layers = number(config, "decoder_layers", "num_decoder_layers", "num_layers")
    heads = number(config, "decoder_attention_heads", "num_heads", "num_attention_heads")
    width = number(config, *WIDTH)
    size = number(config, "d_kv", "head_dim") or (width // heads if heads else 0)
    if not (layers and heads and size and number(config, "d_model", "d_kv")):
        return Absent(SOURCE)
    longest = number(config, *LONGEST)
    source = number(config, "max_source_positions", "n_positions", "max_position_embeddings") or ENCODER_LENGTH
    return Known(AttentionCache(layers, heads, size, longest=longest, cross=layers, encoder_length=source), SOURCE)


def _heads(config: Mapping[str, Any]) -> int:
    if config.get("multi_query") is True and config.get("new_decoder_architecture") is not True:
        return number(config, "multi_query_group_num") or 1
    if config.get("multi_query_attention") is True:
        return number(config, "multi_query_group_num") or 1
    listed = numbers(config, "num_key_value_heads", "n_head_kv")
    named = number(config, "num_key_value_heads", "num_kv_heads", "n_head_kv", "full_n_head_kv", "n_kv_heads")
    wide = number(config, "n_embd_k_gqa")
    return (max(listed) if listed else 0) or named or (1 if wide else number(config, *HEADS))


def _size(config: Mapping[str, Any]) -> int:
    named = number(config, "n_embd_head_k", "full_head_dim", "global_head_dim", "head_dim", "kv_channels")
    if named or number(config, "n_embd_k_gqa"):
        return named or number(config, "n_embd_k_gqa")
    width, heads = number(config, *WIDTH), number(config, *HEADS)
    return width // heads if heads else 0


def _of_window(config: Mapping[str, Any], heads: int, size: int) -> tuple[int, int]:
    """Heads and their size in layers with a window, where they are others; 0 where they are the same."""
    own_heads, own_size = number(config, "swa_n_head_kv"), number(config, "swa_head_dim")
    if number(config, "global_head_dim"):  # Gemma 4 names the heads with a window first
        own_size = number(config, "head_dim")
        own_heads = number(config, "num_key_value_heads") if number(config, "num_global_key_value_heads") else 0
    return own_heads if own_heads != heads else 0, own_size if own_size != size else 0
