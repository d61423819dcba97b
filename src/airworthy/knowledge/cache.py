"""The memory of attention's cache: how many bytes a context takes, and how long a context some bytes hold.

Of each token a layer keeps a key and a value of `head_size` numbers for each of its key and value heads; with latent
attention (MLA) one vector in place of both. Layers with a window keep the newest tokens only. That is what llama.cpp
(src/llama-kv-cache.cpp) and vLLM (vllm/v1/kv_cache_interface.py) allocate, block by block.
"""

from __future__ import annotations

from fractions import Fraction

from airworthy.core.values import AttentionCache

SIZES = {
    "f32": Fraction(4),
    "f16": Fraction(2),
    "bf16": Fraction(2),
    "fp16": Fraction(2),
    "fp8": Fraction(1),
    # ggml's blocks of 32 numbers with a scale of 16 bits, and for the last an offset.
    "q8_0": Fraction(34, 32),
    "q5_1": Fraction(24, 32),
    "q5_0": Fraction(22, 32),
    "q4_1": Fraction(20, 32),
    "q4_0": Fraction(18, 32),
}
"""Bytes of one number by the type that the cache is kept in."""
BLOCK = 256
"""Tokens by which a window is rounded up."""
BATCH = 512
"""Tokens that are read at once, which a window must hold besides its own."""


def size(cache: AttentionCache, context: int, kind: str = "f16", batch: int = BATCH) -> int:
    """The bytes that one sequence of `context` tokens takes."""
    seen = min(context, -(-(cache.window + batch) // BLOCK) * BLOCK) if cache.windowed else 0
    cells = cache.layers * context + cache.windowed * seen
    return int(cells * numbers(cache) * SIZES[kind])


def longest(cache: AttentionCache, room: int, kind: str = "f16") -> int:
    """The longest context whose cache fits into so many bytes; the model's own longest where all of it does."""
    low, high = 0, cache.longest
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size(cache, middle, kind) <= room else (low, middle - 1)
    return low


def numbers(cache: AttentionCache) -> int:
    """The numbers that one layer keeps of one token."""
    return cache.latent or 2 * cache.heads * cache.head_size
