"""Answers of `/v1/messages`: one message, or the events of a stream."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Optional

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.engines.generation import AnyEvent, Finished, ReasoningDelta, TextDelta, ToolCallDelta
from airworthy.serve.protocols.answers import WholeAnswer
from airworthy.serve.protocols.anthropic.bodies import error_of
from airworthy.serve.protocols.generation_responses import server_event
from airworthy.serve.protocols.generations import Usage

_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


class AnthropicUsage(msgspec.Struct):
    """What was used. Tokens of a kept prefix are left out: they would show one caller what another one sent."""

    input_tokens: int
    """Tokens of the prompt; 0 at the beginning of a stream whose prompt is still being read."""
    output_tokens: int
    """Tokens of the answer so far."""


class AnthropicMessage(msgspec.Struct, kw_only=True):
    """An answer."""

    id: str
    """A name of this answer."""
    type: Literal["message"] = "message"
    """What it is."""
    role: Literal["assistant"] = "assistant"
    """Whose it is."""
    model: str
    """The model's name."""
    content: list[dict[str, Any]]
    """Blocks of type `text`, `thinking` or `tool_use`."""
    stop_reason: Optional[str]
    """Why it ended: `end_turn`, `max_tokens`, `tool_use`, `refusal`."""
    stop_sequence: None = None
    """Null: engines don't say which text ended it."""
    usage: AnthropicUsage
    """What was used."""


class TokenCount(msgspec.Struct):
    """The length of a prompt."""

    input_tokens: int
    """Tokens, the chat template's own included."""


class MessageForm:
    """An answer as a message, or as events whose names are Anthropic's."""

    def __init__(self, model: str) -> None:
        self._id = f"msg_{uuid.uuid4().hex}"
        self._model = model
        self._block = -1
        self._kind: Any = None
        self._reason: str | None = None

    def whole(self, generations: Sequence[Sequence[AnyEvent]], used: Usage) -> bytes:
        """The message."""
        answer = WholeAnswer(generations[0])
        blocks: list[dict[str, Any]] = []
        if answer.reasoning:
            blocks.append({"type": "thinking", "thinking": answer.reasoning, "signature": ""})
        if answer.text or not answer.calls:
            blocks.append({"type": "text", "text": answer.text})
        blocks += [
            {"type": "tool_use", "id": call.id, "name": call.name, "input": call.values()} for call in answer.calls
        ]
        return msgspec.json.encode(self._message(blocks, _REASONS.get(answer.reason), used))

    def _message(self, blocks: list[dict[str, Any]], reason: str | None, used: Usage) -> AnthropicMessage:
        return AnthropicMessage(
            id=self._id,
            model=self._model,
            content=blocks,
            stop_reason=reason,
            usage=AnthropicUsage(used.prompt, used.completion),
        )

    def first(self, prompt_tokens: int) -> bytes:
        """`message_start`."""
        return _event("message_start", message=self._message([], None, Usage(prompt_tokens, 0)))

    def piece(self, index: int, event: AnyEvent) -> bytes:
        """The events that one of an engine becomes; a block begins where its kind changes."""
        return b"".join(self._events(event))

    def _events(self, event: AnyEvent) -> Iterator[bytes]:
        if isinstance(event, TextDelta):
            if event.text:
                yield from self._enter("text", {"type": "text", "text": ""})
                yield self._delta({"type": "text_delta", "text": event.text})
        elif isinstance(event, ReasoningDelta):
            yield from self._enter("thinking", {"type": "thinking", "thinking": "", "signature": ""})
            yield self._delta({"type": "thinking_delta", "thinking": event.text})
        elif isinstance(event, ToolCallDelta):
            block = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
            yield from self._enter(("tool_use", event.index), block)
            if event.arguments:
                yield self._delta({"type": "input_json_delta", "partial_json": event.arguments})
        elif isinstance(event, Finished):
            self._reason = _REASONS.get(event.reason)

    def _enter(self, kind: Any, block: dict[str, Any]) -> Iterator[bytes]:
        if kind == self._kind:
            return
        yield self._leave()
        self._kind = kind
        self._block += 1
        yield _event("content_block_start", index=self._block, content_block=block)

    def _leave(self) -> bytes:
        return b"" if self._kind is None else _event("content_block_stop", index=self._block)

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return _event("content_block_delta", index=self._block, delta=delta)

    def silence(self) -> bytes:
        """`ping`."""
        return _event("ping")

    def last(self, used: Usage) -> bytes:
        """The end of the last block, why the answer ended, and `message_stop`."""
        opened = b"".join(self._enter("text", {"type": "text", "text": ""})) if self._kind is None else b""
        delta = {"stop_reason": self._reason, "stop_sequence": None}
        end = _event("message_delta", delta=delta, usage=AnthropicUsage(used.prompt, used.completion)) + _event(
            "message_stop"
        )
        return opened + self._leave() + end

    def error(self, error: AirworthyError) -> bytes:
        """`error`, and no `message_stop` behind it."""
        return server_event(error_of(error), "error")


def _event(name: str, **more: Any) -> bytes:
    return server_event({"type": name, **more}, name)
