"""The answer of `chat` to one question."""

from __future__ import annotations

from airworthy.core.report import VerbAnswer


class ChatAnswer(VerbAnswer, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `chat` to one question."""

    model: str
    """The model that answered."""
    text: str
    """Its answer."""
    reason: str
    """Why the answer ended, `stop` or `length`."""
    first_token: float
    """Seconds to its first piece."""
    seconds: float
    """Seconds in all."""
    prompt_tokens: int = 0
    """Tokens of the conversation; left out where the server does not say."""
    tokens: int = 0
    """Tokens of the answer; left out where the server does not say."""
