"""`/v1/messages`: what clients ask for, checked, as the engine's request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Optional, Union

import msgspec

from airworthy.core.messages import say
from airworthy.engines.generation import GenerationRequest, GeneratorInfo
from airworthy.serve.protocols import generation_fields as fields
from airworthy.serve.protocols.generation_fields import refuse

_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_THINKS = {"enabled": True, "disabled": False}


class CountRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/messages/count_tokens`."""

    model: str
    """The model's name."""
    messages: list[dict[str, Any]]
    """The conversation."""
    system: Union[str, list[dict[str, Any]], None] = None
    """What stands before it: a text, or blocks of text."""
    tools: Optional[list[dict[str, Any]]] = None
    """Functions that the model may call."""
    tool_choice: Optional[dict[str, Any]] = None
    """`auto`, `any`, `none`, or one tool."""
    thinking: Optional[dict[str, Any]] = None
    """Whether a reasoning model thinks; its budget is passed over."""
    cache_control: Optional[dict[str, Any]] = None
    """Passed over."""


class MessagesRequest(CountRequest, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/messages`."""

    max_tokens: int
    """The most tokens of the answer."""
    stop_sequences: Optional[list[str]] = None
    """Texts that end an answer."""
    stream: bool = False
    """Whether the answer comes in pieces."""
    temperature: Optional[float] = None
    """0 takes the likeliest token."""
    top_p: Optional[float] = None
    """The share of probability among which tokens are drawn."""
    top_k: Optional[int] = None
    """The number of tokens among which one is drawn."""
    output_config: Optional[dict[str, Any]] = None
    """`format`: the JSON schema of the answer."""
    metadata: Optional[dict[str, Any]] = None
    """Passed over."""
    service_tier: Optional[str] = None
    """Passed over."""


def of_messages(given: MessagesRequest, info: GeneratorInfo, most: int, template: str) -> GenerationRequest:
    """A conversation as the engine's request.

    Args:
        given: what the client asks for.
        info: what the model can do.
        most: the service's own bound on an answer's tokens; 0 for none.
        template: the model's chat template.

    Raises:
        InvalidRequest: a field holds what can't be done; the message names it.
    """
    counted = of_count(given, info, template)
    return msgspec.structs.replace(
        counted,
        max_tokens=fields.limit(given.max_tokens, most),
        stop=fields.stops(given.stop_sequences, "stop_sequences"),
        sampling=fields.sampling(temperature=given.temperature, top_p=given.top_p, top_k=given.top_k),
        schema=_schema(given.output_config, info),
    )


def of_count(given: CountRequest, info: GeneratorInfo, template: str) -> GenerationRequest:
    """The part of a request that is its prompt.

    Raises:
        InvalidRequest: a field holds what can't be done; the message names it.
    """
    fields.check_conversation(len(given.messages), info)
    system = fields.text_of("system", given.system)
    messages = [{"role": "system", "content": system}] if system else []
    for index, message in enumerate(given.messages):
        messages.extend(_messages(f"messages[{index}]", message))
    fields.check_not_empty(messages)
    choice, parallel = _choice(given.tool_choice)
    tools = [_tool(f"tools[{index}]", tool) for index, tool in enumerate(given.tools or ())]
    return GenerationRequest(
        messages=tuple(messages),
        tools=fields.tools(tools if choice != "none" else None, info),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        template_arguments=_thinking(given.thinking, template),
    )


def _schema(asked: Mapping[str, Any] | None, info: GeneratorInfo) -> dict[str, Any] | None:
    form = (asked or {}).get("format")
    fields.refuse_given(
        {f"output_config.{name}": value for name, value in (asked or {}).items() if name != "format"},
        say("it is not supported"),
    )
    if form is None:
        return None
    fields.check_schemas("output_config.format", info)
    if not isinstance(form, Mapping) or form.get("type") != "json_schema":
        refuse("output_config.format", say("only `json_schema` is known"))
    return fields.schema("output_config.format.schema", form.get("schema"))


def _thinking(asked: Mapping[str, Any] | None, template: str) -> dict[str, Any]:
    kind = (asked or {}).get("type")
    if kind in (None, "adaptive"):
        return {}
    if not isinstance(kind, str) or kind not in _THINKS:
        refuse("thinking.type", say("one of {kinds}", kinds=("enabled", "disabled", "adaptive")))
    return fields.thinking("thinking", _THINKS[kind], template)


def _choice(asked: Mapping[str, Any] | None) -> tuple[str | dict[str, Any], bool]:
    if asked is None:
        return "auto", True
    kind, parallel = asked.get("type"), not asked.get("disable_parallel_tool_use")
    if kind == "tool" and isinstance(asked.get("name"), str):
        return {"type": "function", "function": {"name": asked["name"]}}, parallel
    if not isinstance(kind, str) or kind not in _CHOICES:
        refuse("tool_choice", say("`auto`, `any`, `none`, or `tool` with a name"))
    return _CHOICES[kind], parallel


def _tool(where: str, tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool as chat templates expect it."""
    if tool.get("type") not in (None, "custom"):
        refuse(f"{where}.type", say("the service runs no tools itself, as {kind!r} asks", kind=tool["type"]))
    if not isinstance(tool.get("name"), str):
        refuse(f"{where}.name", say("it is missing"))
    function = {"name": tool["name"], "parameters": tool.get("input_schema") or {"type": "object"}}
    if tool.get("description"):
        function["description"] = str(tool["description"])
    return {"type": "function", "function": function}


def _messages(where: str, message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A message as those that chat templates expect: the results of tools are messages of their own."""
    role, content = message.get("role"), message.get("content")
    if role not in ("user", "assistant", "system"):
        refuse(f"{where}.role", say("one of {roles}", roles=("user", "assistant")))
    fields.check_known(where, message, ("role", "content"))
    if isinstance(content, str):
        yield {"role": role, "content": content}
        return
    if not isinstance(content, list) or not content:
        refuse(f"{where}.content", say("a text, or blocks"))
    texts: list[str] = []
    calls: list[dict[str, Any]] = []
    thoughts: list[str] = []
    for index, block in enumerate(content):
        place = f"{where}.content[{index}]"
        kind = block.get("type") if isinstance(block, Mapping) else None
        if kind == "tool_result" and role == "user":
            yield _result(place, block)
        elif kind == "tool_use" and role == "assistant":
            calls.append(_call(place, block))
        elif kind == "thinking" and role == "assistant":
            thoughts.append(str(block.get("thinking") or ""))
        elif kind != "redacted_thinking":
            texts.append(fields.text_of(place, [block], ("text",)) or "")
    if not (texts or calls or thoughts):
        return
    made: dict[str, Any] = {"role": role, "content": "".join(texts)}
    if calls:
        made["tool_calls"] = calls
    if thoughts:
        made["reasoning_content"] = "".join(thoughts)
    yield made


def _result(where: str, block: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(block.get("tool_use_id"), str):
        refuse(f"{where}.tool_use_id", say("it is missing"))
    text = fields.text_of(f"{where}.content", block.get("content"), ("text",)) or ""
    return {"role": "tool", "tool_call_id": block["tool_use_id"], "content": text}


def _call(where: str, block: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(block.get("id"), str) or not isinstance(block.get("name"), str):
        refuse(where, say("a call has an `id` and a `name`"))
    arguments = msgspec.json.encode(block.get("input") or {}).decode()
    return {"id": block["id"], "type": "function", "function": {"name": block["name"], "arguments": arguments}}
