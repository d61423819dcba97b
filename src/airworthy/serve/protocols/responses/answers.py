"""Answers of `/v1/responses`: one object, or numbered events without `[DONE]`."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Optional

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.engines.generation import AnyEvent, Finished, ReasoningDelta, TextDelta, ToolCallDelta
from airworthy.serve.http.messages import message_of
from airworthy.serve.protocols.answers import logprobs_of
from airworthy.serve.protocols.generation_responses import server_event
from airworthy.serve.protocols.generations import Usage
from airworthy.serve.protocols.responses.requests import ResponsesRequest

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class ResponseUsage(msgspec.Struct):
    """What was used. Tokens of a kept prefix are left out: they would show one caller what another one sent."""

    input_tokens: int
    """Tokens of the prompt."""
    input_tokens_details: dict[str, int]
    """`cached_tokens`: 0."""
    output_tokens: int
    """Tokens of the answer."""
    output_tokens_details: dict[str, int]
    """`reasoning_tokens`: 0, since engines don't count them apart."""
    total_tokens: int
    """Both."""


class ResponseObject(msgspec.Struct, kw_only=True):
    """An answer."""

    id: str
    """A name of this answer; it can't be retrieved."""
    object: Literal["response"] = "response"
    """What it is."""
    created_at: int
    """When the request came, in seconds since 1970."""
    completed_at: Optional[int] = None
    """When it ended."""
    status: str
    """`in_progress`, `completed`, `incomplete` or `failed`."""
    error: Optional[dict[str, str]] = None
    """What went wrong: `code` and `message`."""
    incomplete_details: Optional[dict[str, str]] = None
    """`reason`: `max_output_tokens` or `content_filter`."""
    instructions: Optional[str]
    """As asked for."""
    max_output_tokens: Optional[int]
    """As asked for."""
    model: str
    """The model's name."""
    output: list[dict[str, Any]]
    """Items of type `message`, `reasoning` or `function_call`."""
    parallel_tool_calls: bool
    """As asked for."""
    previous_response_id: None = None
    """Null: nothing is stored."""
    reasoning: dict[str, Any]
    """As asked for."""
    store: bool = False
    """False: nothing is stored."""
    background: bool = False
    """False."""
    temperature: Optional[float]
    """As asked for; null where the engine chooses."""
    top_p: Optional[float]
    """As asked for; null where the engine chooses."""
    presence_penalty: float
    """As asked for."""
    frequency_penalty: float
    """As asked for."""
    top_logprobs: int
    """As asked for."""
    text: dict[str, Any]
    """As asked for."""
    tool_choice: Any
    """As asked for."""
    tools: list[dict[str, Any]]
    """As asked for."""
    truncation: str = "disabled"
    """Nothing is cut."""
    usage: Optional[ResponseUsage] = None
    """What was used; null until it ended."""
    metadata: dict[str, str]
    """As asked for."""


class ResponseForm:
    """An answer as an object, or as events."""

    def __init__(self, given: ResponsesRequest) -> None:
        self._given = given
        self._id = f"resp_{uuid.uuid4().hex}"
        self._created = int(time.time())
        self._number = 0
        self._items: list[dict[str, Any]] = []
        self._kind: Any = None
        self._logprobs: list[dict[str, Any]] = []
        self._reason = "stop"

    def whole(self, generations: Sequence[Sequence[AnyEvent]], used: Usage) -> bytes:
        """The object: what the events of a stream add up to."""
        for event in generations[0]:
            self.piece(0, event)
        self._finish()
        return msgspec.json.encode(self._response(used))

    def first(self, prompt_tokens: int) -> bytes:
        """`response.created` and `response.in_progress`."""
        started = self._response()
        return self._event("response.created", response=started) + self._event("response.in_progress", response=started)

    def piece(self, index: int, event: AnyEvent) -> bytes:
        """The events that one of an engine becomes; an item begins where its kind changes."""
        return b"".join(self._events(event))

    def silence(self) -> bytes:
        """`response.in_progress` again, which adds nothing."""
        return self._event("response.in_progress", response=self._response())

    def last(self, used: Usage) -> bytes:
        """The end of the last item, and `response.completed` or `response.incomplete`."""
        ended = self._finish()
        response = self._response(used)
        return ended + self._event(f"response.{response.status}", response=response)

    def error(self, error: AirworthyError) -> bytes:
        """`response.failed`."""
        response = self._response()
        response.status = "failed"
        response.error = {"code": "server_error", "message": message_of(error)}
        return self._event("response.failed", response=response)

    # --- items ------------------------------------------------------------------------------------------------------

    def _events(self, event: AnyEvent) -> Iterator[bytes]:
        if isinstance(event, TextDelta):
            yield from self._enter("message", {"role": "assistant", "content": []})
            told = logprobs_of(event.logprobs)
            self._logprobs += told
            self._part["text"] += event.text
            yield self._in_part("response.output_text.delta", delta=event.text, logprobs=told)
        elif isinstance(event, ReasoningDelta):
            yield from self._enter("reasoning", {"summary": [], "content": []})
            self._part["text"] += event.text
            yield self._in_part("response.reasoning_text.delta", delta=event.text)
        elif isinstance(event, ToolCallDelta):
            call = {"call_id": event.id, "name": event.name, "arguments": ""}
            yield from self._enter(("function_call", event.index), call)
            if event.arguments:
                self._item["arguments"] += event.arguments
                yield self._in_item("response.function_call_arguments.delta", delta=event.arguments)
        elif isinstance(event, Finished):
            self._reason = event.reason

    @property
    def _item(self) -> dict[str, Any]:
        return self._items[-1]

    @property
    def _part(self) -> dict[str, Any]:
        part: dict[str, Any] = self._item["content"][0]
        return part

    def _enter(self, kind: Any, item: dict[str, Any]) -> Iterator[bytes]:
        if kind == self._kind:
            return
        yield from self._leave("completed")
        self._kind = kind
        name = kind if isinstance(kind, str) else kind[0]
        made = {"id": f"{_PREFIXES[name]}_{uuid.uuid4().hex}", "type": name, "status": "in_progress", **item}
        self._items.append(made)
        yield self._event("response.output_item.added", output_index=len(self._items) - 1, item=made)
        if "content" in made:
            made["content"].append(_part(name))
            yield self._in_part("response.content_part.added", part=self._part)

    def _leave(self, status: str) -> Iterator[bytes]:
        if self._kind is None:
            return
        item = self._item
        item["status"] = status
        if item["type"] == "function_call":
            more = {"name": item["name"], "arguments": item["arguments"]}
            yield self._in_item("response.function_call_arguments.done", **more)
        else:
            is_text = item["type"] == "message"
            if is_text:
                self._part["logprobs"] = self._logprobs
            logprobs = {"logprobs": self._logprobs} if is_text else {}
            name = "response.output_text.done" if is_text else "response.reasoning_text.done"
            yield self._in_part(name, text=self._part["text"], **logprobs)
            yield self._in_part("response.content_part.done", part=self._part)
            self._logprobs = []
        yield self._event("response.output_item.done", output_index=len(self._items) - 1, item=item)
        self._kind = None

    def _finish(self) -> bytes:
        opened = [] if self._items else list(self._enter("message", {"role": "assistant", "content": []}))
        return b"".join((*opened, *self._leave("incomplete" if self._reason in _INCOMPLETE else "completed")))

    # --- frames -----------------------------------------------------------------------------------------------------

    def _in_item(self, name: str, /, **more: Any) -> bytes:
        return self._event(name, item_id=self._item["id"], output_index=len(self._items) - 1, **more)

    def _in_part(self, name: str, /, **more: Any) -> bytes:
        return self._in_item(name, content_index=0, **more)

    def _event(self, name: str, /, **more: Any) -> bytes:
        frame = server_event({"type": name, "sequence_number": self._number, **more}, name)
        self._number += 1
        return frame

    def _response(self, used: Usage | None = None) -> ResponseObject:
        given, why = self._given, _INCOMPLETE.get(self._reason)
        status = "in_progress" if used is None else "incomplete" if why else "completed"
        reasoning = given.reasoning or {}
        return ResponseObject(
            id=self._id,
            created_at=self._created,
            completed_at=int(time.time()) if status == "completed" else None,
            status=status,
            incomplete_details={"reason": why} if used and why else None,
            instructions=given.instructions,
            max_output_tokens=given.max_output_tokens,
            model=given.model,
            output=self._items,
            parallel_tool_calls=given.parallel_tool_calls is not False,
            reasoning={"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
            temperature=given.temperature,
            top_p=given.top_p,
            presence_penalty=given.presence_penalty or 0.0,
            frequency_penalty=given.frequency_penalty or 0.0,
            top_logprobs=given.top_logprobs or 0,
            text={"format": {"type": "text"}, **(given.text or {})},
            tool_choice=given.tool_choice or "auto",
            tools=given.tools or [],
            usage=None if used is None else _usage(used.prompt, used.completion),
            metadata=given.metadata or {},
        )


_PREFIXES = {"message": "msg", "reasoning": "rs", "function_call": "fc"}


def _part(name: str) -> dict[str, Any]:
    if name == "reasoning":
        return {"type": "reasoning_text", "text": ""}
    return {"type": "output_text", "text": "", "annotations": [], "logprobs": []}


def _usage(prompt: int, completion: int) -> ResponseUsage:
    return ResponseUsage(prompt, {"cached_tokens": 0}, completion, {"reasoning_tokens": 0}, prompt + completion)
