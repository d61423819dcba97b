"""How one vector is made of the vectors of a text's tokens, as sentence-transformers describes it beside a model."""

from __future__ import annotations

from typing import Optional

import msgspec

SENTENCE_OUTPUT = "sentence_embedding"
"""The output that holds one vector a text, as sentence-transformers names it."""
POOLING_MODES = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
"""Ways to pool, by sentence-transformers' names, in the order in which it joins several."""
ACTIVATIONS = ("Identity", "Tanh", "ReLU", "Sigmoid", "GELU")
"""Functions after a dense layer, by PyTorch's names, that can be put into the graph."""


class StoredWeights(msgspec.Struct, frozen=True):
    """Where FP32 numbers lie in a file."""

    path: str
    """The file."""
    offset: int
    """Where they begin."""
    size: int
    """Their bytes."""
    shape: tuple[int, ...]
    """Their sizes; the last one varies fastest."""


class SentenceLayer(msgspec.Struct, frozen=True, kw_only=True):
    """A step after pooling."""

    kind: str
    """`normalize` to length 1, or `dense`."""
    activation: str = ""
    """The function after a dense layer, one of `ACTIVATIONS`."""
    weight: Optional[StoredWeights] = None
    """The numbers of a dense layer, [out, in]."""
    bias: Optional[StoredWeights] = None
    """Its bias, [out]; None without one."""


class SentencePooling(msgspec.Struct, frozen=True, kw_only=True):
    """What follows a graph that gives one vector a token."""

    tokens: str
    """The graph's output with one vector a token, [batch, sequence, size]."""
    modes: tuple[str, ...]
    """How they are pooled, of `POOLING_MODES`; several are joined to one longer vector."""
    layers: tuple[SentenceLayer, ...] = ()
    """What follows, in order."""
    size: int
    """Numbers of the vector that comes out."""
