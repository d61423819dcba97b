"""`/v1/responses`: what clients ask for, checked, as the engine's request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Optional, Union

import msgspec

from airworthy.core.messages import say
from airworthy.engines.generation import GenerationRequest, GeneratorInfo
from airworthy.serve.protocols import generation_fields as fields
from airworthy.serve.protocols.generation_fields import refuse

LOGPROBS = "message.output_text.logprobs"
"""The value of `include` for log-probabilities."""
_INCLUDES = (LOGPROBS, "reasoning.encrypted_content")
_TEXTS = ("input_text", "output_text", "text", "refusal")


class ResponsesRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/responses`."""

    model: str
    """The model's name."""
    input: Union[str, list[dict[str, Any]]]
    """A text, or the items of a conversation."""
    instructions: Optional[str] = None
    """What stands before it."""
    max_output_tokens: Optional[int] = None
    """The most tokens of the answer."""
    temperature: Optional[float] = None
    """0 takes the likeliest token."""
    top_p: Optional[float] = None
    """The share of probability among which tokens are drawn."""
    presence_penalty: Optional[float] = None
    """Subtracted once from the logit of a token that occurred."""
    frequency_penalty: Optional[float] = None
    """Subtracted for each time that it occurred."""
    top_logprobs: Optional[int] = None
    """Alternatives reported for each token."""
    include: Optional[list[str]] = None
    """`message.output_text.logprobs`; `reasoning.encrypted_content` is passed over."""
    stream: Optional[bool] = None
    """Whether the answer comes in pieces."""
    stream_options: Optional[dict[str, Any]] = None
    """Passed over."""
    tools: Optional[list[dict[str, Any]]] = None
    """Functions that the model may call."""
    tool_choice: Union[str, dict[str, Any], None] = None
    """`auto`, `none`, `required`, or one function."""
    parallel_tool_calls: Optional[bool] = None
    """Whether one answer may hold several calls."""
    text: Optional[dict[str, Any]] = None
    """`format`: what the answer must look like."""
    reasoning: Optional[dict[str, Any]] = None
    """`effort`: how long a reasoning model thinks."""
    truncation: Optional[Literal["auto", "disabled"]] = None
    """`auto` is refused: nothing is cut."""
    store: Optional[bool] = None
    """True is refused: nothing is stored."""
    previous_response_id: Optional[str] = None
    """Refused: nothing is stored."""
    conversation: Union[str, dict[str, Any], None] = None
    """Refused: nothing is stored."""
    background: Optional[bool] = None
    """True is refused: nothing is stored."""
    prompt: Optional[dict[str, Any]] = None
    """Refused: nothing is stored."""
    metadata: Optional[dict[str, str]] = None
    """Given back."""
    user: Optional[str] = None
    """Passed over."""
    safety_identifier: Optional[str] = None
    """Passed over."""
    service_tier: Optional[str] = None
    """Passed over."""
    prompt_cache_key: Optional[str] = None
    """Passed over."""


def of_responses(given: ResponsesRequest, info: GeneratorInfo, most: int, template: str) -> GenerationRequest:
    """A conversation as the engine's request.

    Args:
        given: what the client asks for.
        info: what the model can do.
        most: the service's own bound on an answer's tokens; 0 for none.
        template: the model's chat template.

    Raises:
        InvalidRequest: a field holds what can't be done; the message names it.
    """
    stateful = ("previous_response_id", "conversation", "store", "background", "prompt")
    unable = {name: getattr(given, name) for name in stateful}
    fields.refuse_given(unable, say("nothing is stored here; send the whole conversation as `input`"))
    if given.truncation == "auto":
        refuse("truncation", say("nothing is cut; a conversation that does not fit is refused"))
    for kind in given.include or ():
        if kind not in _INCLUDES:
            refuse("include", say("{kind!r} is not supported", kind=kind))
    items = [{"role": "user", "content": given.input}] if isinstance(given.input, str) else given.input
    fields.check_conversation(len(items), info, "input")
    choice = given.tool_choice or "auto"
    tools = [_tool(f"tools[{index}]", tool) for index, tool in enumerate(given.tools or ())]
    messages = (*_instructions(given.instructions), *_messages(items))
    fields.check_not_empty(messages, "input")
    return GenerationRequest(
        messages=messages,
        max_tokens=fields.limit(given.max_output_tokens, most, "max_output_tokens"),
        sampling=fields.sampling(
            temperature=given.temperature,
            top_p=given.top_p,
            presence_penalty=given.presence_penalty,
            frequency_penalty=given.frequency_penalty,
        ),
        top_logprobs=_logprobs(given, info),
        schema=_schema(given.text, info),
        tools=fields.tools(tools if choice != "none" else None, info),
        tool_choice=_choice(choice),
        parallel_tool_calls=given.parallel_tool_calls is not False,
        template_arguments=fields.thinking("reasoning.effort", (given.reasoning or {}).get("effort"), template),
    )


def _instructions(text: str | None) -> list[dict[str, Any]]:
    return [{"role": "system", "content": text}] if text else []


def _logprobs(given: ResponsesRequest, info: GeneratorInfo) -> int | None:
    if not given.top_logprobs and LOGPROBS not in (given.include or ()):
        return None
    return fields.alternatives("top_logprobs", given.top_logprobs or 0, info)


def _schema(asked: Mapping[str, Any] | None, info: GeneratorInfo) -> dict[str, Any] | None:
    form = (asked or {}).get("format") or {"type": "text"}
    kind = form.get("type") if isinstance(form, Mapping) else None
    if kind not in ("text", "json_object", "json_schema"):
        refuse("text.format", say("one of {kinds}", kinds=("text", "json_object", "json_schema")))
    if kind == "text":
        return None
    fields.check_schemas("text.format", info)
    return {} if kind == "json_object" else fields.schema("text.format.schema", form.get("schema"))


def _tool(where: str, tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function":
        refuse(f"{where}.type", say("only `function`: the service runs no tools itself"))
    if not isinstance(tool.get("name"), str):
        refuse(f"{where}.name", say("it is missing"))
    kept = {name: tool[name] for name in ("name", "description", "parameters", "strict") if tool.get(name) is not None}
    return {"type": "function", "function": kept}


def _choice(asked: str | Mapping[str, Any]) -> str | dict[str, Any]:
    if isinstance(asked, str):
        if asked not in ("auto", "none", "required"):
            refuse("tool_choice", say("one of {choices}", choices=("auto", "none", "required")))
        return asked
    if asked.get("type") != "function" or not isinstance(asked.get("name"), str):
        refuse("tool_choice", say("a function is named by `type` and `name`"))
    return {"type": "function", "function": {"name": asked["name"]}}


def _messages(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items as messages that chat templates expect: thoughts and calls belong to the assistant's message."""
    made: list[dict[str, Any]] = []
    thoughts = ""
    for index, item in enumerate(items):
        where, kind = f"input[{index}]", item.get("type", "message")
        if kind == "reasoning":
            for field in ("content", "summary"):
                thoughts += (
                    fields.text_of(f"{where}.{field}", item.get(field), ("reasoning_text", "summary_text")) or ""
                )
            continue
        if kind == "message":
            message = _message(where, item)
        elif kind == "function_call":
            message = {"role": "assistant", "content": "", "tool_calls": [_call(where, item)]}
        elif kind == "function_call_output":
            text = fields.text_of(f"{where}.output", item.get("output"), _TEXTS)
            message = {"role": "tool", "tool_call_id": str(item.get("call_id") or ""), "content": text or ""}
        else:
            refuse(f"{where}.type", say("{kind!r} is not supported", kind=kind))
        if thoughts and message["role"] == "assistant":
            message["reasoning_content"], thoughts = thoughts, ""
        last = made[-1] if made else {}
        if kind == "function_call" and last.get("role") == "assistant":
            last["tool_calls"] = [*last.get("tool_calls", ()), *message["tool_calls"]]
        else:
            made.append(message)
    return made


def _message(where: str, item: Mapping[str, Any]) -> dict[str, Any]:
    role = item.get("role")
    if role not in ("system", "developer", "user", "assistant"):
        refuse(f"{where}.role", say("one of {roles}", roles=("system", "developer", "user", "assistant")))
    fields.check_known(where, item, ("type", "role", "content", "id", "status", "phase"))
    text = fields.text_of(f"{where}.content", item.get("content"), _TEXTS)
    if text is None:
        refuse(f"{where}.content", say("it is missing"))
    return {"role": "system" if role == "developer" else role, "content": text}


def _call(where: str, item: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(item.get("call_id"), str) or not isinstance(item.get("name"), str):
        refuse(where, say("a call has a `call_id` and a `name`"))
    function = {"name": item["name"], "arguments": str(item.get("arguments") or "{}")}
    return {"id": item["call_id"], "type": "function", "function": function}
