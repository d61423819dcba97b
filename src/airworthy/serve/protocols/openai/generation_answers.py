"""Answers of `/v1/chat/completions` and `/v1/completions`: whole, and as the chunks of a stream."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Optional, Union

import msgspec

from airworthy.engines.generation import (
    AnyEvent,
    Finished,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
)

DONE = b"data: [DONE]\n\n"
_encode = msgspec.json.Encoder().encode
_LEGACY_REASONS = {"tool_calls": "stop"}


class Usage(msgspec.Struct):
    """What was used. Tokens of a kept prefix are not told: they would tell one caller what another one sent."""

    prompt_tokens: int
    """Tokens of the prompt."""
    completion_tokens: int
    """Tokens of all answers."""
    total_tokens: int
    """Both."""


class Message(msgspec.Struct, omit_defaults=True):
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


class Choice(msgspec.Struct):
    """One of the answers."""

    index: int
    """Its place."""
    message: Message
    """The answer."""
    logprobs: Optional[dict[str, Any]]
    """Its tokens with log-probabilities, where they were asked for."""
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
    choices: list[Choice]
    """The answers."""
    usage: Usage
    """What was used."""


class TextChoice(msgspec.Struct):
    """One continuation of a prompt."""

    index: int
    """Its place."""
    text: str
    """The text."""
    logprobs: Optional[dict[str, Any]]
    """Its tokens with log-probabilities, where they were asked for."""
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
    usage: Usage
    """What was used."""


def usage(prompt: int, completion: int) -> Usage:
    """What was used."""
    return Usage(prompt, completion, prompt + completion)


class ChatForm:
    """Answers to conversations, whole or in chunks."""

    def __init__(self, model: str) -> None:
        self._id = f"chatcmpl-{uuid.uuid4().hex}"
        self._model = model
        self._created = int(time.time())
        self._begun: set[int] = set()

    def whole(self, generations: Sequence[Sequence[AnyEvent]], used: Usage) -> bytes:
        """The answers of all generations."""
        choices = [_choice(index, events) for index, events in enumerate(generations)]
        return _encode(
            ChatCompletion(id=self._id, created=self._created, model=self._model, choices=choices, usage=used)
        )

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

    def silence(self) -> Iterable[dict[str, Any]]:
        """What is sent where nothing happens: a choice that adds nothing."""
        yield _delta(0, {})

    def frame(self, choices: Sequence[Mapping[str, Any]], used: Union[Usage, msgspec.UnsetType, None]) -> bytes:
        """A chunk of the stream."""
        return _frame(self._id, "chat.completion.chunk", self._created, self._model, choices, used)


class TextForm:
    """Continuations of prompts, whole or in chunks."""

    def __init__(self, model: str) -> None:
        self._id = f"cmpl-{uuid.uuid4().hex}"
        self._model = model
        self._created = int(time.time())
        self._offsets: dict[int, int] = {}

    def whole(self, generations: Sequence[Sequence[AnyEvent]], used: Usage) -> bytes:
        """The continuations of all generations."""
        choices = []
        for index, events in enumerate(generations):
            told = [each for event in events if isinstance(event, TextDelta) for each in event.logprobs]
            choices.append(TextChoice(index, _text(events), self._logprobs(index, told), _legacy_reason(events)))
        return _encode(Completion(id=self._id, created=self._created, model=self._model, choices=choices, usage=used))

    def chunks(self, index: int, event: AnyEvent) -> Iterable[dict[str, Any]]:
        """The choices that an event becomes."""
        if isinstance(event, TextDelta):
            logprobs = self._logprobs(index, event.logprobs)
            yield {"index": index, "text": event.text, "logprobs": logprobs, "finish_reason": None}
        elif isinstance(event, Finished):
            yield {"index": index, "text": "", "logprobs": None, "finish_reason": _legacy_reason((event,))}

    def silence(self) -> Iterable[dict[str, Any]]:
        """What is sent where nothing happens."""
        yield {"index": 0, "text": "", "logprobs": None, "finish_reason": None}

    def frame(self, choices: Sequence[Mapping[str, Any]], used: Union[Usage, msgspec.UnsetType, None]) -> bytes:
        """A chunk of the stream."""
        return _frame(self._id, "text_completion", self._created, self._model, choices, used)

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


Form = Union[ChatForm, TextForm]


def _frame(
    id_: str,
    kind: str,
    created: int,
    model: str,
    choices: Sequence[Mapping[str, Any]],
    used: Union[Usage, msgspec.UnsetType, None],
) -> bytes:
    document: dict[str, Any] = {"id": id_, "object": kind, "created": created, "model": model, "choices": choices}
    if used is not msgspec.UNSET:
        document["usage"] = used
    return b"data: " + _encode(document) + b"\n\n"


def _delta(index: int, delta: Mapping[str, Any], logprobs: Any = None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None}


def _choice(index: int, events: Sequence[AnyEvent]) -> Choice:
    text, calls = _text(events), _calls(events)
    reasoning = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    told = [each for event in events if isinstance(event, TextDelta) for each in event.logprobs]
    message = Message("assistant", None if calls and not text else text, calls, reasoning, reasoning)
    return Choice(index, message, _chat_logprobs(told), _reason(events))


def _text(events: Sequence[AnyEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def _calls(events: Sequence[AnyEvent]) -> list[dict[str, Any]]:
    calls: dict[int, dict[str, Any]] = {}
    for event in events:
        if isinstance(event, ToolCallDelta):
            call = calls.setdefault(
                event.index, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
            )
            call["id"] = call["id"] or event.id
            call["function"]["name"] = call["function"]["name"] or event.name
            call["function"]["arguments"] += event.arguments
    return [calls[index] for index in sorted(calls)]


def _call_delta(event: ToolCallDelta) -> dict[str, Any]:
    """The first piece of a call names it, once: clients append what they are told again."""
    if event.id or event.name:
        function = {"name": event.name, "arguments": event.arguments}
        return {"index": event.index, "id": event.id, "type": "function", "function": function}
    return {"index": event.index, "function": {"arguments": event.arguments}}


def _reason(events: Sequence[AnyEvent]) -> str:
    return next((event.reason for event in events if isinstance(event, Finished)), "stop")


def _legacy_reason(events: Sequence[AnyEvent]) -> str:
    reason = _reason(events)
    return _LEGACY_REASONS.get(reason, reason)


def _chat_logprobs(told: Sequence[TokenLogprob]) -> dict[str, Any] | None:
    if not told:
        return None
    return {
        "content": [
            {
                **_token(each.token, each.logprob),
                "top_logprobs": [_token(token, logprob) for token, logprob in each.top],
            }
            for each in told
        ]
    }


def _token(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}
