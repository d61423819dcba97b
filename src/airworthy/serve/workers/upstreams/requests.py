"""A request as the upstream's kind takes it; and what it would pass over in silence, which is refused."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from airworthy.core.messages import say
from airworthy.engines.generation import GenerationRequest
from airworthy.knowledge.upstreams import UpstreamKind

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
"""The paths of conversations, and of plain prompts."""


def refusal(kind: UpstreamKind, request: GenerationRequest) -> str:
    """Why a kind of server can't carry a request out; empty where it can."""
    for field in sorted(_needs(request)):
        if field not in kind.takes:
            name = {"repeat_penalty": "repetition_penalty", "ignore_end": "ignore_eos"}.get(field, field)
            name = {"template_arguments": "chat_template_kwargs", "prompt_ids": "prompt"}.get(name, name)
            return say("`{field}`: the server behind this model ({kind}) passes it over", field=name, kind=kind.name)
    if request.top_logprobs is not None and request.top_logprobs > kind.logprobs:
        return say("`top_logprobs`: the server behind this model gives at most {most}", most=kind.logprobs)
    return ""


def _needs(request: GenerationRequest) -> set[str]:
    sampling = request.sampling
    asked = {
        "logit_bias": bool(sampling.logit_bias),
        "tool_choice": bool(request.tools) and request.tool_choice != "auto",
        "logprobs": request.top_logprobs is not None,
        "top_k": sampling.top_k is not None,
        "min_p": sampling.min_p is not None,
        "repeat_penalty": sampling.repeat_penalty is not None,
        "ignore_end": request.ignore_end,
        "template_arguments": bool(set(request.template_arguments) - {"reasoning_effort"}),
        "reasoning_effort": "reasoning_effort" in request.template_arguments,
        "prompt_ids": bool(request.prompt_ids),
    }
    return {field for field, is_asked in asked.items() if is_asked}


def body_of(kind: UpstreamKind, request: GenerationRequest, model: str, salt: str) -> tuple[str, dict[str, Any]]:
    """The path and the JSON body of a request that the kind can carry out; always streamed, so that it can be ended.

    Args:
        kind: the kind of server.
        request: what to generate.
        model: the server's own name of the model.
        salt: what keeps the prefix cache of this tenant apart.
    """
    body: dict[str, Any] = {"model": model, "stream": True, "stream_options": {"include_usage": True}}
    body.update(_sampling(kind, request))
    if request.stop:
        body["stop"] = list(request.stop)
    if request.ignore_end:
        body["ignore_eos"] = True
    if kind.cache_salt and salt:
        body["cache_salt"] = salt
    if not request.messages:
        body["prompt"] = list(request.prompt_ids) or request.prompt
        if request.top_logprobs is not None:
            body["logprobs"] = request.top_logprobs
        if request.max_tokens:
            body["max_tokens"] = request.max_tokens
        return COMPLETIONS, body
    body["messages"] = [_message(message) for message in request.messages]
    if request.max_tokens:
        body[kind.limit_field] = request.max_tokens
    if request.top_logprobs is not None:
        body.update(logprobs=True, top_logprobs=request.top_logprobs)
    if request.tools:
        body["tools"] = list(request.tools)
        if request.tool_choice != "auto":
            body["tool_choice"] = request.tool_choice
        if not request.parallel_tool_calls:
            body["parallel_tool_calls"] = False
    if request.schema is not None:
        schema = {"name": "answer", "schema": request.schema, "strict": True}
        body["response_format"] = (
            {"type": "json_schema", "json_schema": schema} if request.schema else {"type": "json_object"}
        )
    arguments = dict(request.template_arguments)
    effort = arguments.pop("reasoning_effort", None)
    if effort is not None:
        body["reasoning_effort"] = effort
    if arguments:
        body["chat_template_kwargs"] = arguments
    return CHAT, body


def _sampling(kind: UpstreamKind, request: GenerationRequest) -> dict[str, Any]:
    sampling = request.sampling
    given = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty or None,
        "frequency_penalty": sampling.frequency_penalty or None,
        "logit_bias": sampling.logit_bias or None,
        kind.penalty_field: sampling.repeat_penalty,
    }
    return {field: value for field, value in given.items() if value is not None}


def _message(message: dict[str, Any]) -> dict[str, Any]:
    """A message with its reasoning under both names: servers differ in which one they read."""
    reasoning = message.get("reasoning_content")
    return {**message, "reasoning": reasoning} if reasoning else message


def cache_salt(secret: bytes, tenant: str) -> str:
    """What keeps a tenant's prefix cache apart: it follows from who asks, and can't be guessed."""
    return hmac.new(secret, tenant.encode(), hashlib.sha256).hexdigest()
