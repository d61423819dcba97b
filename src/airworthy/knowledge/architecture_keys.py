"""Which tensors a configuration asks for: names and sizes by architecture, as transformers names them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from airworthy.knowledge.tables import Row, rows

_TABLE = "architecture_keys"
MOST_LAYERS = 1_000
"""Layers that a configuration may ask for."""
_ADDING = ("quantization_config", "attention_bias", "mlp_bias", "add_cross_attention")
Shape = tuple[int, ...]


class Family(Row, frozen=True):
    """Architectures whose tensors have the same names."""

    model_types: tuple[str, ...]
    """Their names in `config.json`."""
    classes: tuple[str, ...]
    """What the names of their classes end with for which the row holds."""
    prefix: str
    """What stands before the names of the body in a model with a head."""
    layers: str
    """The setting that counts the layers."""
    head: tuple[str, ...]
    """Tensors beside the body."""
    tied: str
    """The tensor of the body that the head shares where `tie_word_embeddings` is set; empty for none."""
    tensors: tuple[str, ...]
    """Tensors of the body: name, colon, sizes."""
    optional: tuple[str, ...] = ()
    """Tensors that may be there or not."""


class Extra(Row, frozen=True):
    """Tensors that some architectures of a family have besides."""

    model_types: tuple[str, ...]
    """Their names in `config.json`."""
    tensors: tuple[str, ...]
    """Name, colon, sizes."""
    defaults: tuple[str, ...] = ()
    """Settings where the configuration does not name them: name, colon, size."""


class Expected(NamedTuple):
    """What a configuration asks for."""

    shapes: dict[str, Shape]
    """Sizes by name."""
    optional: frozenset[str]
    """Names that may be there as well."""
    tied: dict[str, str]
    """Names that may be missing, as they are the same tensor as another one."""
    source: str
    """Where the names are from."""


def expected(config: Mapping[str, Any]) -> Expected | None:
    """The tensors that a `config.json` asks for; None for an architecture or a setting that no row describes."""
    kind = config.get("model_type")
    named = config.get("architectures")
    architecture = named[0] if isinstance(named, list) and named and isinstance(named[0], str) else ""
    family = next(
        (
            row
            for row in rows(_TABLE, "family", Family)
            if kind in row.model_types and architecture.endswith(row.classes)
        ),
        None,
    )
    # Biases and layers that only a setting adds, and the scales beside quantised weights, are in no row.
    if family is None or any(config.get(name) for name in _ADDING):
        return None
    if config.get("position_embedding_type", "absolute") != "absolute":
        return None
    extras = [extra for extra in rows(_TABLE, "extra", Extra) if kind in extra.model_types]
    pairs = (line.split(": ") for extra in extras for line in extra.defaults)
    defaults = {name: int(size) for name, size in pairs}
    sizes = _sizes(defaults | dict(config))
    layers = sizes.get(family.layers, 0)
    if not 0 < layers <= MOST_LAYERS:
        return None
    prefix = family.prefix if family.head else ""
    written = list(family.tensors)
    for extra in extras:
        written += extra.tensors
    try:
        shapes = {prefix + name: shape for line in written for name, shape in _named(line, sizes, layers)}
        head = {name: shape for line in family.head for name, shape in _named(line, sizes, layers)}
    except KeyError:
        return None
    tied = dict.fromkeys(head, prefix + family.tied) if config.get("tie_word_embeddings") else {}
    return Expected(shapes | head, frozenset(prefix + name for name in family.optional), tied, family.source)


def _sizes(config: Mapping[str, Any]) -> dict[str, int]:
    sizes = {name: value for name, value in config.items() if type(value) is int and 0 < value < 1 << 40}
    heads, width = sizes.get("num_attention_heads"), sizes.get("hidden_size")
    if heads:
        sizes.setdefault("num_key_value_heads", heads)
        if width:
            sizes.setdefault("head_dim", width // heads)
    return sizes


def _named(line: str, sizes: Mapping[str, int], layers: int) -> Iterator[tuple[str, Shape]]:
    name, _, written = line.partition(": ")
    shape = tuple(math.prod(sizes[part] for part in size.split("*")) for size in written.split(", "))
    for layer in range(layers if "{layer}" in name else 1):
        yield name.replace("{layer}", str(layer)), shape
