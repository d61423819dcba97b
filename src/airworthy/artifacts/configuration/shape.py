"""The sizes of a network, from its `config.json`, the metadata of a GGUF file, or what is known of its family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from airworthy.artifacts.configuration.attention import HEADS, LAYERS, LONGEST, WIDTH
from airworthy.artifacts.configuration.numbers import flat, number, numbers, of_texts
from airworthy.core.facts import Absent, Fact, Known, Unknown
from airworthy.core.messages import say
from airworthy.core.values import ModelShape
from airworthy.knowledge.families import family_of

FEED_FORWARD = ("intermediate_size", "n_inner", "ffn_dim", "d_ff", "n_ff", "ffn_hidden_size", "decoder_ffn_dim")
"""Names of the numbers of a token within a feed-forward part."""
VOCABULARY = ("vocab_size", "n_vocab", "padded_vocab_size")
"""Names of the number of tokens."""
UNKNOWN_VOCABULARY = 100_352
"""Tokens that a vocabulary is taken to have where nothing says: between the 32,000 of old and the 248,320 of new."""
_UNGATED = (
    "gpt2",
    "opt",
    "bloom",
    "falcon",
    "gptneox",
    "gpt_neox",
    "phi",
    "mpt",
    "starcoder",
    "gptj",
    "bert",
    "whisper",
    "distilbert",
    "roberta",
    "xlm-roberta",
    "mpnet",
)
_CNN = ("image_size", "hidden_sizes", "depths", "embedding_size", "layer_type")
_ENCODERS = ("ForSequenceClassification", "ForMaskedLM", "ForTokenClassification", "ForQuestionAnswering", "Model")


def of_configuration(config: Mapping[str, Any] | None, *, name: str = "") -> Fact:
    """The shape of a model with this `config.json`.

    Args:
        config: the object that the file holds; None where it can't be read.
        name: what the model is called, by which its family is known where the configuration lacks sizes.
    """
    if config is None:
        return Unknown(say("config.json cannot be read"))
    told = flat(config)
    kind = _kind(told)
    if kind == "diffusion":
        return Known(_diffusion(told), "config.json")
    if kind == "cnn":
        return Known(ModelShape("cnn", _text(told, "model_type"), image=number(told, "image_size")), "config.json")
    layers, width = number(told, *LAYERS), number(told, *WIDTH)
    if not layers:
        return Absent("config.json")
    if kind == "encoder-decoder":
        layers += number(told, "encoder_layers") or number(told, "num_layers")
    found = ModelShape(
        kind,
        _text(told, "model_type") or name[:100],
        layers=layers,
        embedding=width,
        feed_forward=number(told, "moe_intermediate_size", "expert_ffn_hidden_size") or number(told, *FEED_FORWARD),
        vocabulary=number(told, *VOCABULARY),
        heads=number(told, *HEADS),
        head_size=_head_size(told, width),
        experts=number(told, "num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts", "n_expert"),
        experts_used=number(told, "num_experts_per_tok", "num_experts_per_token", "top_k_experts", "n_expert_used"),
        expert_shared=number(told, "shared_expert_intermediate_size")
        or number(told, "n_shared_experts") * number(told, "moe_intermediate_size"),
        gated=not _text(told, "model_type").startswith(_UNGATED),
        tied=told.get("tie_word_embeddings") is True,
        recurrent_width=number(told, "linear_num_value_heads") * number(told, "linear_value_head_dim"),
        longest=number(told, *LONGEST),
        image=number(told, "image_size"),
    )
    return Known(completed(found, name or _text(told, "_name_or_path")), "config.json")


def of_metadata(metadata: Mapping[str, str]) -> Fact:
    """The shape of a model with this metadata, as GGUF names it; absent where it names no blocks."""
    told, architecture = of_texts(metadata), metadata.get("general.architecture", "")
    layers, width = number(told, "block_count"), number(told, "embedding_length")
    if not layers or not width:
        return Absent(say("the metadata names no blocks"))
    heads = number(told, "attention.head_count") or max(numbers(told, "attention.head_count") or [0])
    feed_forward = number(told, "feed_forward_length") or max(numbers(told, "feed_forward_length") or [0])
    encoder = told.get("attention.causal") is False or "pooling_type" in told
    found = ModelShape(
        "encoder" if encoder else "decoder",
        architecture[:100],
        layers=layers,
        embedding=width,
        feed_forward=number(told, "expert_feed_forward_length") or feed_forward,
        vocabulary=number(told, "vocab_size") or _counted(metadata.get("tokenizer.ggml.tokens", "")),
        heads=heads,
        head_size=number(told, "attention.key_length") or (width // heads if heads else 0),
        experts=number(told, "expert_count"),
        experts_used=number(told, "expert_used_count"),
        expert_shared=number(told, "expert_shared_feed_forward_length"),
        gated=not architecture.startswith(_UNGATED),
        recurrent_width=number(told, "ssm.inner_size"),
        longest=number(told, "context_length"),
    )
    return Known(completed(found, metadata.get("general.name", "")), "metadata")


def completed(shape: ModelShape, name: str) -> ModelShape:
    """A shape with what is missing assumed, and a sentence for each assumption."""
    changes: dict[str, Any] = {}
    assumed: list[str] = list(shape.assumed)
    family = family_of(name) or family_of(shape.architecture)
    if not shape.vocabulary:
        changes["vocabulary"] = family.vocabulary if family else UNKNOWN_VOCABULARY
        why = (
            say("that of {family}", family=family.title)
            if family
            else say("between the smallest and the largest in use")
        )
        assumed.append(say("a vocabulary of {count} tokens: {why}", count=changes["vocabulary"], why=why))
    if not shape.embedding and shape.heads and shape.head_size:
        changes["embedding"] = shape.heads * shape.head_size
        assumed.append(say("a width of {count}: heads times their size", count=changes["embedding"]))
    elif not shape.embedding and family and family.width_of(shape.layers):
        changes["embedding"] = family.width_of(shape.layers)
        assumed.append(say("a width of {count}: that of {family}", count=changes["embedding"], family=family.title))
    width = changes.get("embedding", shape.embedding)
    if not shape.feed_forward and width:
        changes["feed_forward"] = round((family.feed_forward if family else 3.0) * width)
        assumed.append(say("a feed-forward width of {count}, about the usual", count=changes["feed_forward"]))
    if not shape.heads and width:
        size = shape.head_size or 128
        changes["heads"] = max(1, width // size)
        assumed.append(say("{count} query heads: the width by {size}", count=changes["heads"], size=size))
    changes["assumed"] = tuple(assumed)
    return msgspec.structs.replace(shape, **changes)


def _kind(config: Mapping[str, Any]) -> str:
    classes = config.get("architectures")
    named = [name for name in classes if isinstance(name, str)] if isinstance(classes, list) else []
    if "_diffusers_version" in config:
        return "diffusion"
    if config.get("is_encoder_decoder") is True:
        return "encoder-decoder"
    if any(name.endswith(_ENCODERS) and "CausalLM" not in name for name in named):
        return "encoder" if number(config, "vocab_size") or number(config, "num_attention_heads") else "cnn"
    if not number(config, *LAYERS) and any(name in config for name in _CNN):
        return "cnn"
    return "decoder"


def _diffusion(config: Mapping[str, Any]) -> ModelShape:
    channels = numbers(config, "block_out_channels") or []
    width = max(channels, default=0) or number(config, "num_attention_heads") * number(config, "attention_head_dim")
    return ModelShape(
        "diffusion",
        _text(config, "_class_name"),
        layers=number(config, "num_layers") or len(channels),
        embedding=width,
        heads=number(config, "num_attention_heads", "attention_head_dim"),
        image=8 * number(config, "sample_size") if number(config, "sample_size") else 1024,
    )


def _head_size(config: Mapping[str, Any], width: int) -> int:
    heads = number(config, *HEADS)
    rank = number(config, "kv_lora_rank")
    if rank:
        return rank + number(config, "qk_rope_head_dim")
    named = number(config, "n_embd_head_k", "head_dim", "full_head_dim", "d_kv")
    return named or (width // heads if heads else 0)


def _counted(text: str) -> int:
    """The number of tokens, from what stands for their list: `49152 values`."""
    first = text.partition(" ")[0]
    return int(first) if first.isascii() and first.isdigit() and len(first) < 10 else 0


def _text(config: Mapping[str, Any], name: str) -> str:
    value = config.get(name)
    return value[:100] if isinstance(value, str) else ""
