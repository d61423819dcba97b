"""The memory of attention's cache: how many bytes a context takes, and how long a context some bytes hold.

Of each token a layer keeps a key and a value of `head_size` numbers for each of its key and value heads; with latent
attention (MLA) one vector in place of both. Layers with a window keep the newest tokens only, recurrent layers a state
of fixed size. That is what llama.cpp (src/llama-kv-cache.cpp, src/llama-memory-recurrent.cpp) and vLLM
(vllm/v1/kv_cache_interface.py) allocate, block by block.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from airworthy.core.values import AttentionCache

SIZES = {
    "f32": Fraction(4),
    "f16": Fraction(2),
    "bf16": Fraction(2),
    "fp16": Fraction(2),
    "fp8": Fraction(1),
    "int8": Fraction(1),
    # ggml's blocks of 32 numbers with a scale of 16 bits, and for the last an offset.
    "q8_0": Fraction(34, 32),
    "q5_1": Fraction(24, 32),
    "q5_0": Fraction(22, 32),
    "q4_1": Fraction(20, 32),
    "q4_0": Fraction(18, 32),
    "iq4_nl": Fraction(18, 32),
}
"""Bytes of one number by the type that the cache is kept in."""
BLOCK = 256
"""Tokens by which llama.cpp rounds a context and a window up."""
PAGE = 16
"""Tokens of a block of vLLM's."""
BATCH = 512
"""Tokens that are read at once, which a window must hold besides its own."""
_STATE = 4


class CacheBytes(NamedTuple):
    """What is kept for some sequences, in bytes, by the kind of layer."""

    full: int
    """Of layers that look back at everything."""
    window: int
    """Of layers that look back at a window."""
    recurrent: int
    """The states of recurrent layers."""
    cross: int
    """Keys and values of the encoder's output."""

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self)


def size(cache: AttentionCache, context: int, kind: str = "f16", batch: int = BATCH) -> int:
    """The bytes that one sequence of `context` tokens takes."""
    return parts(cache, context, kind, batch=batch, block=1).total


def parts(
    cache: AttentionCache,
    context: int,
    kind: str = "f16",
    value_kind: str = "",
    *,
    sequences: int = 1,
    unified: bool = False,
    batch: int = BATCH,
    block: int = BLOCK,
) -> CacheBytes:
    """The bytes that some sequences take.

    Args:
        cache: what is kept of a token.
        context: tokens of each sequence; of all of them together where they share one store.
        kind: the type of keys.
        value_kind: the type of values; that of keys when empty.
        sequences: how many there are.
        unified: whether they share one store (llama.cpp's `kv_unified`), which then has `context` tokens in all.
        batch: tokens that are read at once, which a window must hold besides its own.
        block: tokens by which a context is rounded up.
    """
    key, value = SIZES[kind], SIZES[value_kind or kind]
    stores = 1 if unified else sequences
    tokens = _up(context, block)
    seen = min(tokens, _up(cache.window * (sequences if unified else 1) + batch, BLOCK)) if cache.windowed else 0
    return CacheBytes(
        int(stores * cache.layers * tokens * _full(cache, key, value)),
        int(stores * cache.windowed * seen * _window(cache, key, value)),
        sequences * cache.recurrent * cache.recurrent_numbers * _STATE,
        int(sequences * cache.cross * cache.encoder_length * _full(cache, key, value)),
    )


def longest(cache: AttentionCache, room: int, kind: str = "f16") -> int:
    """The longest context whose cache fits into so many bytes; the model's own longest where all of it does."""
    low, high = 0, cache.longest
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size(cache, middle, kind) <= room else (low, middle - 1)
    return low


def tokens_in(cache: AttentionCache, room: int, kind: str = "f16", block: int = PAGE) -> int:
    """Tokens of any sequences that fit into so many bytes, in whole blocks; 0 for a model that keeps none of them."""
    each = (cache.layers + cache.windowed) * _full(cache, SIZES[kind], SIZES[kind])
    return int(max(0, room) / each) // block * block if each else 0


def numbers(cache: AttentionCache) -> int:
    """The numbers that one layer keeps of one token."""
    return int(_full(cache, Fraction(1), Fraction(1)))


def _full(cache: AttentionCache, key: Fraction, value: Fraction) -> Fraction:
    """Bytes of a token in a layer that looks back at everything."""
    if cache.latent:
        return cache.latent * key
    return cache.heads * (cache.head_size * key + (cache.value_size or cache.head_size) * value)


def _window(cache: AttentionCache, key: Fraction, value: Fraction) -> Fraction:
    if not (cache.window_heads or cache.window_head_size):
        return _full(cache, key, value)
    size = cache.window_head_size or cache.head_size
    return (cache.window_heads or cache.heads) * size * (key + value)


def _up(count: int, block: int) -> int:
    return -(-count // block) * block
