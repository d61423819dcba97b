"""The pieces of an upstream's answer as our events; anything else is an error, and never an end."""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple

import msgspec

from airworthy.core.messages import say
from airworthy.engines.generation import (
    BYTES_PER_TOKEN,
    AnyEvent,
    Finished,
    FinishReason,
    GenerationRequest,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
)
from airworthy.serve.workers.upstreams.event_stream import ServerEvent
from airworthy.serve.workers.upstreams.failures import UpstreamError, of_error_event

MAX_CALLS = 128
"""Calls of one answer."""
MAX_TOKENS_PER_PIECE = 4096
"""Tokens that one piece can stand for at the most; a usage beyond it is not believed."""
_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
"""How each way of ending is spelt; `abort` and whatever else there is are no ends of an answer."""


class UpstreamUsage(NamedTuple):
    """The tokens of an answer."""

    prompt: int
    completion: int
    cached: int
    source: str
    """`reported`, `counted` or `estimated`."""


class AnswerReader:
    """One answer, piece by piece."""

    def __init__(self, request: GenerationRequest) -> None:
        self._request = request
        self._reason: FinishReason | None = None
        self._usage: Any = None
        self._calls: dict[int, str] = {}
        self._latest: dict[int, int] = {}
        self._size = 0
        self.pieces = 0
        """Pieces with a part of the answer."""
        self.is_done = False
        """Whether the upstream said that nothing more comes."""

    def feed(self, event: ServerEvent) -> list[AnyEvent]:
        """The events of one piece.

        Raises:
            UpstreamError: it is an error, or none of an answer's pieces.
        """
        if event.data.strip() == b"[DONE]":
            self.is_done = True
            return []
        try:
            piece = msgspec.json.decode(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UpstreamError(say("a piece of its answer is no JSON")) from None
        if isinstance(piece, dict) and piece.get("error"):
            raise of_error_event(piece["error"])
        if event.name == "error":
            raise of_error_event(piece)
        if not isinstance(piece, dict) or not isinstance(piece.get("choices"), list):
            raise UpstreamError(say("a piece of its answer has no `choices`"))
        if piece.get("usage") is not None:
            self._usage = piece["usage"]
        try:
            return [made for choice in piece["choices"] if not choice.get("index") for made in self._choice(choice)]
        except (AttributeError, TypeError, ValueError, KeyError, IndexError):
            raise UpstreamError(say("a piece of its answer has another shape than a chat's")) from None

    def _choice(self, choice: dict[str, Any]) -> list[AnyEvent]:
        delta = choice.get("delta") or {}
        events: list[AnyEvent] = []
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(reasoning, str):
            events.append(ReasoningDelta(reasoning))
        text = delta.get("content", choice.get("text"))
        if isinstance(text, str) and text:
            events.append(TextDelta(text, self._logprobs(choice.get("logprobs"))))
        elif text:
            raise TypeError
        for call in delta.get("tool_calls") or ():
            events += self._call(call)
        reason = choice.get("finish_reason")
        if reason is not None:
            if reason not in _REASONS:
                raise UpstreamError(say("it gave its answer up ({reason})", reason=str(reason)[:40]))
            self._reason = _REASONS[reason]
        self.pieces += bool(events)
        self._size += sum(len(_text(event).encode()) for event in events)
        return events

    def _call(self, call: dict[str, Any]) -> list[AnyEvent]:
        """A piece of a call: id and name once, then arguments alone, whatever the server repeats."""
        given, function = call.get("index"), call.get("function") or {}
        key = given if isinstance(given, int) else len(self._calls) - (not call.get("id"))
        index = self._latest.get(max(0, key))
        is_other = index is not None and call.get("id") and call["id"] != self._calls[index]
        events: list[AnyEvent] = []
        if index is None or is_other:
            index = len(self._calls)
            if index >= MAX_CALLS or not isinstance(function.get("name"), str):
                raise TypeError
            self._latest[max(0, key)] = index
            self._calls[index] = str(call.get("id") or f"call_{secrets.token_hex(8)}")
            events.append(ToolCallDelta(index, id=self._calls[index], name=function["name"]))
        arguments = function.get("arguments")
        if isinstance(arguments, (dict, list)):
            arguments = msgspec.json.encode(arguments).decode()
        if arguments:
            events.append(ToolCallDelta(index, arguments=str(arguments)))
        return events

    def _logprobs(self, given: Any) -> tuple[TokenLogprob, ...]:
        if not given or self._request.top_logprobs is None:
            return ()
        if given.get("content") is not None:
            return tuple(
                TokenLogprob(
                    str(each["token"]),
                    float(each["logprob"]),
                    tuple((str(top["token"]), float(top["logprob"])) for top in each.get("top_logprobs") or ()),
                )
                for each in given["content"]
            )
        tops = given.get("top_logprobs") or [{}] * len(given["tokens"])
        return tuple(
            TokenLogprob(str(token), float(logprob or 0.0), tuple((str(k), float(v)) for k, v in (top or {}).items()))
            for token, logprob, top in zip(given["tokens"], given["token_logprobs"], tops, strict=True)
        )

    @property
    def is_whole(self) -> bool:
        """Whether the upstream said why the answer ended."""
        return self._reason is not None

    def end(self) -> FinishReason:
        """Why the answer ended.

        Raises:
            UpstreamError: the stream ended, and the answer did not.
        """
        if self._reason is None:
            raise UpstreamError(say("its answer broke off: no `finish_reason` came"))
        return "tool_calls" if self._calls and self._reason == "stop" else self._reason

    def estimate(self) -> UpstreamUsage:
        """The tokens by the length of the texts."""
        tokens = max(self.pieces, int(self._size / BYTES_PER_TOKEN))  # a piece stands for one token at least
        return UpstreamUsage(self._request.estimate_prompt(), tokens, 0, "estimated")

    def usage(self) -> UpstreamUsage | None:
        """The tokens as the upstream reports them; None where it reports none, or impossible ones."""
        given = self._usage
        if not isinstance(given, dict):
            return None
        prompt, completion = given.get("prompt_tokens"), given.get("completion_tokens", 0)
        details = given.get("prompt_tokens_details")
        cached = details.get("cached_tokens") if isinstance(details, dict) else 0
        numbers = (prompt, completion, cached or 0)
        if any(isinstance(each, bool) or not isinstance(each, int) or each < 0 for each in numbers):
            return None
        assert isinstance(prompt, int)
        assert isinstance(completion, int)
        limit = self._request.max_tokens or (self.pieces + 1) * MAX_TOKENS_PER_PIECE
        if not prompt or (self.pieces and not completion) or completion > limit or (cached or 0) > prompt:
            return None
        return UpstreamUsage(prompt, completion, cached or 0, "reported")

    def finished(self, reason: FinishReason, usage: UpstreamUsage) -> Finished:
        """The last event."""
        return Finished(reason, usage.prompt, usage.completion, usage.cached)


def _text(event: AnyEvent) -> str:
    if isinstance(event, (TextDelta, ReasoningDelta)):
        return event.text
    return event.arguments + event.name if isinstance(event, ToolCallDelta) else ""
