"""Answers of `/api/chat` and `/api/generate`: one object, or a line of JSON for each piece."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Literal, Union

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.engines.generation import AnyEvent, Finished, ReasoningDelta, TextDelta, ToolCallDelta
from airworthy.serve.protocols.answers import WholeAnswer, logprobs_of
from airworthy.serve.protocols.generations import Usage
from airworthy.serve.protocols.ollama.bodies import error_body, timestamp

_encode = msgspec.json.Encoder().encode


class OllamaMessage(msgspec.Struct, omit_defaults=True):
    """An answer, or a piece of one."""

    role: str
    """`assistant`."""
    content: str
    """The text."""
    thinking: str = ""
    """What the model thought before."""
    tool_calls: list[dict[str, Any]] = []
    """Calls of functions; their arguments are an object."""


class _OllamaAnswer(msgspec.Struct, omit_defaults=True, kw_only=True):
    model: str
    """The model's name, as the request has it."""
    created_at: str
    """When."""
    done: bool
    """Whether this is the last object."""
    done_reason: str = ""
    """Why it ended: `stop` or `length`; `load` for an empty request."""
    logprobs: list[dict[str, Any]] = []
    """Its tokens with log-probabilities, where the request wants them."""
    total_duration: Union[int, msgspec.UnsetType] = msgspec.UNSET
    """Nanoseconds from the request to the end."""
    load_duration: Union[int, msgspec.UnsetType] = msgspec.UNSET
    """0: the model is loaded."""
    prompt_eval_count: Union[int, msgspec.UnsetType] = msgspec.UNSET
    """Tokens of the prompt."""
    prompt_eval_duration: Union[int, msgspec.UnsetType] = msgspec.UNSET
    """Nanoseconds to the first token, the wait for a slot included."""
    eval_count: Union[int, msgspec.UnsetType] = msgspec.UNSET
    """Tokens of the answer."""
    eval_duration: Union[int, msgspec.UnsetType] = msgspec.UNSET
    """Nanoseconds from the first token to the end."""


class OllamaChatAnswer(_OllamaAnswer, omit_defaults=True, kw_only=True):
    """The answer to a conversation."""

    message: OllamaMessage
    """The answer, or a piece of it."""


class GenerateAnswer(_OllamaAnswer, omit_defaults=True, kw_only=True):
    """The answer to a prompt."""

    response: str
    """The text, or a piece of it."""
    thinking: str = ""
    """What the model thought before."""


class OllamaForm:
    """Answers of either path."""

    def __init__(self, model: str, kind: Literal["chat", "generate"]) -> None:
        self._model = model
        self._kind = kind
        self._began = time.monotonic_ns()
        self._calls = WholeAnswer()
        self._finished: Finished | None = None

    def whole(self, generations: Sequence[Sequence[AnyEvent]], used: Usage) -> bytes:
        """The answer as one object."""
        answer = WholeAnswer(generations[0])
        more = self._end(answer.reason, used)
        return self._object(
            answer.text, answer.reasoning, _calls(answer), logprobs=logprobs_of(answer.logprobs), **more
        )

    def loaded(self) -> bytes:
        """What a request without a prompt gets: the model is loaded, as it always is."""
        return self._object(done=True, done_reason="load")

    def first(self, prompt_tokens: int) -> bytes:
        """Nothing."""
        return b""

    def piece(self, index: int, event: AnyEvent) -> bytes:
        """The line of an event; calls are collected, since their arguments are an object."""
        if isinstance(event, TextDelta):
            return self._line(event.text, logprobs=logprobs_of(event.logprobs))
        if isinstance(event, ReasoningDelta):
            return self._line("", event.text)
        if isinstance(event, ToolCallDelta):
            self._calls.add(event)
        if isinstance(event, Finished):
            self._finished = event
        return b""

    def silence(self) -> bytes:
        """A piece that adds nothing."""
        return self._line()

    def last(self, used: Usage) -> bytes:
        """The calls, and the object with durations and counts."""
        calls = _calls(self._calls)
        end = self._line(**self._end(self._finished.reason if self._finished else "stop", used))
        return (self._line(calls=calls) if calls else b"") + end

    def error(self, error: AirworthyError) -> bytes:
        """A line with the error, and none with `done` behind it."""
        return error_body(error) + b"\n"

    def _end(self, reason: str, used: Usage) -> dict[str, Any]:
        now = time.monotonic_ns()
        first = used.first_event_ns or now
        return {
            "done": True,
            "done_reason": "length" if reason == "length" else "stop",
            "total_duration": now - self._began,
            "load_duration": 0,
            "prompt_eval_count": used.prompt,
            "prompt_eval_duration": first - self._began,
            "eval_count": used.completion,
            "eval_duration": now - first,
        }

    def _line(self, text: str = "", thinking: str = "", calls: Sequence[dict[str, Any]] = (), **more: Any) -> bytes:
        return self._object(text, thinking, calls, **more) + b"\n"

    def _object(self, text: str = "", thinking: str = "", calls: Sequence[dict[str, Any]] = (), **more: Any) -> bytes:
        common = {"model": self._model, "created_at": timestamp(), "done": False, **more}
        if self._kind == "generate":
            return _encode(GenerateAnswer(response=text, thinking=thinking, **common))
        return _encode(OllamaChatAnswer(message=OllamaMessage("assistant", text, thinking, list(calls)), **common))


def _calls(answer: WholeAnswer) -> list[dict[str, Any]]:
    return [
        {"id": call.id, "function": {"index": index, "name": call.name, "arguments": call.values()}}
        for index, call in enumerate(answer.calls)
    ]
