"""A load as people write it: `50 req/s, 300 in 200 out tokens, p99 2s`."""

from __future__ import annotations

import re

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say

_RATE = re.compile(
    r"(\d+(?:\.\d+)?)\s*(k|m)?\s*(?:req(?:uest)?s?|r|q(?:ueries)?)\s*(?:/|per|a|p)\s*(s|sec|second|m|min|minute|h|hour)?\b",
    re.IGNORECASE,
)
_SHORT = re.compile(r"(\d+(?:\.\d+)?)\s*(k|m)?\s*(rps|qps)\b", re.IGNORECASE)
_IN = re.compile(r"(\d+)\s*(?:tokens?\s*)?(?:in|input|prompt)\b", re.IGNORECASE)
_OUT = re.compile(r"(\d+)\s*(?:tokens?\s*)?(?:out|output|answer)\b", re.IGNORECASE)
_TOKENS = re.compile(r"(\d+)\s*tokens?\b(?!\s*(?:in|out))", re.IGNORECASE)
_SLO = re.compile(r"\bp(\d{2}(?:\.\d+)?)\s*(?:<|<=|of|:)?\s*(\d+(?:\.\d+)?)\s*(ms|s|sec|seconds?|min)\b", re.IGNORECASE)
_FIRST = re.compile(r"first[ -]?token|ttft", re.IGNORECASE)
_SECONDS = {
    "ms": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "seconds": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
}
_MANY = {"": 1.0, "k": 1e3, "m": 1e6}
MAX_RATE = 1e7
"""Requests a second that are taken."""
MAX_TOKENS = 1 << 20
"""Tokens of a prompt or an answer that are taken."""


class LoadInvalid(AirworthyError):
    """A load that is not understood."""

    code = "load-invalid"
    message = "--load: {problem}"
    hint = "write for example '50 req/s, 300 in 200 out tokens, p99 2s'"


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """Requests, and the latency that is wanted of them."""

    text: str
    """As it was written."""
    rate: float
    """Requests a second."""
    prompt: int = 0
    """Tokens of a prompt, or of a text; 0 where not said."""
    answer: int = 0
    """Tokens of an answer; 0 for what is no generation."""
    share: float = 0.99
    """The share of the requests that the limit is for."""
    limit: float = 2.0
    """Seconds that they may take."""
    first: bool = False
    """Whether those are until the first token."""


def parse(text: str) -> Load:
    """A load from words.

    Raises:
        LoadInvalid: there is no rate or no latency in it, or a number is out of range.
    """
    if len(text) > 500:
        raise LoadInvalid(problem=say("it is longer than 500 characters"))
    found = _SHORT.search(text) or _RATE.search(text)
    if found is None:
        raise LoadInvalid(problem=say("it names no rate of requests"))
    unit = (found[3] or "s").lower() if found.re is _RATE else "s"
    rate = float(found[1]) * _MANY[(found[2] or "").lower()] / _SECONDS[unit]
    wanted = _SLO.search(text)
    if wanted is None:
        raise LoadInvalid(problem=say("it names no latency, such as p99 2s"))
    share, limit = float(wanted[1]) / 100, float(wanted[2]) * _SECONDS[wanted[3].lower()]
    prompt, answer, tokens = _IN.search(text), _OUT.search(text), _TOKENS.search(text)
    load = Load(
        text=" ".join(text.split()),
        rate=rate,
        prompt=int((prompt or tokens)[1]) if prompt or tokens else 0,  # type: ignore[index]
        answer=int(answer[1]) if answer else 0,
        share=share,
        limit=limit,
        first=_FIRST.search(text) is not None,
    )
    if not 0 < load.rate <= MAX_RATE or load.prompt > MAX_TOKENS or load.answer > MAX_TOKENS:
        raise LoadInvalid(problem=say("a number is out of range"))
    if not 0.5 <= share < 1 or not 0 < limit <= 3600:
        raise LoadInvalid(problem=say("a percentile from p50 to p99.9, and a latency of up to an hour are taken"))
    return load
