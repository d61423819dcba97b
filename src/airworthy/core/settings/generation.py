"""`[serve.generation]`: how language models are served."""

from __future__ import annotations

from typing import Literal, get_args

from airworthy.core.settings.section import NotNegative, Positive, Seconds, Section

CacheType = Literal["f16", "q8_0", "q4_0"]
CACHE_TYPES: tuple[str, ...] = get_args(CacheType)
"""The types that keys and values of a language model can be kept in."""


class GenerationSettings(Section, frozen=True):
    """`[serve.generation]`: language models."""

    context: NotNegative = 0
    """Tokens of one request, prompt and answer together; 0 for what the model was made for, as far as memory allows."""
    slots: NotNegative = 0
    """Requests that are answered at the same time; 0 for as many as memory and processor suit."""
    cache_type: CacheType = "f16"
    """The type that keys and values are kept in: `f16`, or `q8_0` for half the memory."""
    max_tokens: NotNegative = 0
    """The most tokens of an answer, whatever is requested; 0 for what the context holds."""
    max_queue: Positive = 256
    """Requests that may wait; one more is answered with 503, as is one whose first token would come too late."""
    first_token_timeout: Seconds = 60.0
    """Seconds from a request's arrival to its first token; later ones are answered with 504."""
    token_timeout: Seconds = 30.0
    """Seconds between two tokens, after which an answer is ended."""
    timeout: Seconds = 600.0
    """Seconds that a whole answer may take."""
