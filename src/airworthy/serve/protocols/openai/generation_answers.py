"""Answers of `/v1/chat/completions` and `/v1/completions`: whole, and as the chunks of a stream."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Optional

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.engines.generation import (
    AnyEvent,
    Finished,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
)
from airworthy.serve.protocols.answers import WholeAnswer, logprobs_of
from airworthy.serve.protocols.generation_responses import server_event
from airworthy.serve.protocols.generations import Usage
from airworthy.serve.protocols.openai.bodies import error_body

DONE = b"data: [DONE]\n\n"
_encode = msgspec.json.Encoder().encode
_LEGACY_REASONS = {"tool_calls": "stop"}


class GenerationUsage(msgspec.Struct):
    """What was used. Tokens of a kept prefix are not reported: they would show one caller what another one sent."""

    prompt_tokens: int
    """Tokens of the prompt."""
    completion_tokens: int
    """Tokens of all answers."""
    total_tokens: int
    """Both."""


class ChatMessage(msgspec.Struct, omit_defaults=True):
    """An answer."""

    role: str
    """`assistant`."""
    content: Optional[str]
    """The text; null where there are calls alone."""
    tool_calls: list[dict[str, Any]] = []
    """Calls of functions."""
    reasoning_content: str = ""
    """What the model thought, under the name that llama.cpp and SGLang use."""
    reasoning: str = ""
    """The same, under the name that vLLM and Ollama use."""


class ChatChoice(msgspec.Struct):
    """One of the answers."""

    index: int
    """Its place."""
    message: ChatMessage
    """The answer."""
    logprobs: Optional[dict[str, Any]]
    """Its tokens with log-probabilities, where they were requested."""
    finish_reason: str
    """Why it ended."""


class ChatCompletion(msgspec.Struct, kw_only=True):
    """The answers to a conversation."""

    id: str
    """A name of this answer."""
    object: Literal["chat.completion"] = "chat.completion"
    """What it is."""
    created: int
    """When, in seconds since 1970."""
    model: str
    """The model's name."""
    choices: list[ChatChoice]
    """The answers."""
    usage: GenerationUsage
    """What was used."""


class TextChoice(msgspec.Struct):
    """One continuation of a prompt."""

    index: int
    """Its place."""
    text: str
    """The text."""
    logprobs: Optional[dict[str, Any]]
    """Its tokens with log-probabilities, where they were requested."""
    finish_reason: str
    """Why it ended."""


class Completion(msgspec.Struct, kw_only=True):
    """The continuations of a prompt."""

    id: str
    """A name of this answer."""
    object: Literal["text_completion"] = "text_completion"
    """What it is."""
    created: int
    """When, in seconds since 1970."""
    model: str
    """The model's name."""
    choices: list[TextChoice]
    """The continuations."""
    usage: GenerationUsage
    """What was used."""


def _usage(used: Usage) -> GenerationUsage:
    return GenerationUsage(used.prompt, used.completion, used.prompt + used.completion)


class _ChunkForm:
    """Answers in chunks: the usage where the request wants it, and `[DONE]` behind the last one."""

    kind: str
    """What a chunk is."""

    def __init__(self, id_: str, model: str) -> None:
        self._id = id_
        self._model = model
        self._created = int(time.time())
        self.reports_usage = False
        """Whether a last chunk has the usage."""

    def chunks(self, index: int, event: AnyEvent) -> Iterable[dict[str, Any]]:
        """The choices that an event becomes, each in a chunk of its own."""
        raise NotImplementedError

    def first(self, prompt_tokens: int) -> bytes:
        """Nothing: the first chunk comes with the first token, since clients measure the time to it."""
        return b""

    def piece(self, index: int, event: AnyEvent) -> bytes:
        """The chunks of an event."""
        return b"".join(self._frame([choice]) for choice in self.chunks(index, event))

    def last(self, used: Usage) -> bytes:
        """The end of the stream."""
        return (self._frame([], _usage(used)) if self.reports_usage else b"") + DONE

    def error(self, error: AirworthyError) -> bytes:
        """An error without choices and without `[DONE]` behind it."""
        return b"data: " + error_body(error) + b"\n\n"

    def _frame(self, choices: Sequence[Mapping[str, Any]], used: GenerationUsage | None = None) -> bytes:
        document: dict[str, Any] = {"id": self._id, "object": self.kind, "created": self._created}
        document |= {"model": self._model, "choices": choices}
        if self.reports_usage:
            document["usage"] = used
        return server_event(document)


class ChatForm(_ChunkForm):
    """Answers to conversations, whole or in chunks."""

    kind = "chat.completion.chunk"

    def __init__(self, model: str) -> None:
        super().__init__(f"chatcmpl-{uuid.uuid4().hex}", model)
        self._begun: set[int] = set()

    def whole(self, generations: Sequence[Sequence[AnyEvent]], used: Usage) -> bytes:
        """The answers of all generations."""
        choices = [_choice(index, events) for index, events in enumerate(generations)]
        made = ChatCompletion(
            id=self._id, created=self._created, model=self._model, choices=choices, usage=_usage(used)
        )
        return _encode(made)

    def chunks(self, index: int, event: AnyEvent) -> Iterable[dict[str, Any]]:
        """The choices that an event becomes, each in a chunk of its own. The role comes with the first token."""
        if index not in self._begun:
            self._begun.add(index)
            yield _delta(index, {"role": "assistant", "content": ""})
        if isinstance(event, TextDelta):
            yield _delta(index, {"content": event.text}, _chat_logprobs(event.logprobs))
        elif isinstance(event, ReasoningDelta):
            yield _delta(index, {"reasoning_content": event.text, "reasoning": event.text})
        elif isinstance(event, ToolCallDelta):
            yield _delta(index, {"tool_calls": [_call_delta(event)]})
        elif isinstance(event, Finished):
            yield {**_delta(index, {}), "finish_reason": event.reason}

    def silence(self) -> bytes:
        """A choice that adds nothing: comments trip some clients over."""
        return self._frame([_delta(0, {})])


class TextForm(_ChunkForm):
    """Continuations of prompts, whole or in chunks."""

    kind = "text_completion"

    def __init__(self, model: str) -> None:
        super().__init__(f"cmpl-{uuid.uuid4().hex}", model)
        self._offsets: dict[int, int] = {}

    def whole(self, generations: Sequence[Sequence[AnyEvent]], used: Usage) -> bytes:
        """The continuations of all generations."""
        choices = []
        for index, events in enumerate(generations):
            answer = WholeAnswer(events)
            logprobs = self._logprobs(index, answer.logprobs)
            choices.append(TextChoice(index, answer.text, logprobs, _legacy_reason(answer.reason)))
        made = Completion(id=self._id, created=self._created, model=self._model, choices=choices, usage=_usage(used))
        return _encode(made)

    def chunks(self, index: int, event: AnyEvent) -> Iterable[dict[str, Any]]:
        """The choices that an event becomes."""
        if isinstance(event, TextDelta):
            logprobs = self._logprobs(index, event.logprobs)
            yield {"index": index, "text": event.text, "logprobs": logprobs, "finish_reason": None}
        elif isinstance(event, Finished):
            yield {"index": index, "text": "", "logprobs": None, "finish_reason": _legacy_reason(event.reason)}

    def silence(self) -> bytes:
        """A choice that adds nothing."""
        return self._frame([{"index": 0, "text": "", "logprobs": None, "finish_reason": None}])

    def _logprobs(self, index: int, told: Sequence[TokenLogprob]) -> dict[str, Any] | None:
        if not told:
            return None
        offsets = []
        for each in told:
            offsets.append(self._offsets.setdefault(index, 0))
            self._offsets[index] += len(each.token)
        return {
            "tokens": [each.token for each in told],
            "token_logprobs": [each.logprob for each in told],
            "top_logprobs": [dict(each.top) for each in told],
            "text_offset": offsets,
        }


def _delta(index: int, delta: Mapping[str, Any], logprobs: Any = None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None}


def _choice(index: int, events: Sequence[AnyEvent]) -> ChatChoice:
    answer = WholeAnswer(events)
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in answer.calls
    ]
    text, thought = answer.text, answer.reasoning
    message = ChatMessage("assistant", None if calls and not text else text, calls, thought, thought)
    return ChatChoice(index, message, _chat_logprobs(answer.logprobs), answer.reason)


def _call_delta(event: ToolCallDelta) -> dict[str, Any]:
    """The first piece of a call names it, once: clients append what they receive again."""
    if event.id or event.name:
        function = {"name": event.name, "arguments": event.arguments}
        return {"index": event.index, "id": event.id, "type": "function", "function": function}
    return {"index": event.index, "function": {"arguments": event.arguments}}


def _legacy_reason(reason: str) -> str:
    return _LEGACY_REASONS.get(reason, reason)


def _chat_logprobs(told: Sequence[TokenLogprob]) -> dict[str, Any] | None:
    return {"content": logprobs_of(told)} if told else None
