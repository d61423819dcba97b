"""`/v1/chat/completions` and `/v1/completions`: what clients ask for, checked, as the engine's request.

Fields that change nothing here are taken and passed over; any other that is not known is refused by its name, so that
nothing a client asked for is dropped without a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Optional, Union

import msgspec

from airworthy.core.messages import say
from airworthy.engines.generation import GenerationRequest, GeneratorInfo, Sampling
from airworthy.serve.protocols import generation_fields as fields
from airworthy.serve.protocols.generation_fields import refuse

MAX_CHOICES = 16
"""Answers to one request."""
_PASSED_OVER = ("refusal", "reasoning", "reasoning_content", "audio", "annotations", "function_call")
"""What clients send back of answers, and no template reads."""
ROLES = ("system", "developer", "user", "assistant", "tool")


class StreamOptions(msgspec.Struct, forbid_unknown_fields=True):
    """How a stream is sent."""

    include_usage: bool = False
    """Whether a last chunk reports the tokens."""
    include_obfuscation: bool = False
    """Passed over: chunks are as long as their tokens."""


class ResponseFormat(msgspec.Struct):
    """What the answer must look like."""

    type: Literal["text", "json_object", "json_schema"]
    """Free text, any JSON object, or JSON of a schema."""
    json_schema: Optional[dict[str, Any]] = None
    """`{"name": …, "schema": …, "strict": …}`."""


class _Generation(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    model: str
    """The model's name."""
    max_tokens: Optional[int] = None
    """The most tokens of the answer."""
    temperature: Optional[float] = None
    """0 takes the likeliest token."""
    top_p: Optional[float] = None
    """The share of probability among which tokens are drawn."""
    top_k: Optional[int] = None
    """The number of tokens among which one is drawn."""
    min_p: Optional[float] = None
    """The least probability, relative to the likeliest token's."""
    n: int = 1
    """Answers."""
    stop: Union[str, list[str], None] = None
    """Texts that end an answer."""
    seed: Optional[int] = None
    """Makes drawing repeatable."""
    stream: bool = False
    """Whether the answer comes in pieces."""
    stream_options: Optional[StreamOptions] = None
    """How."""
    presence_penalty: float = 0.0
    """Subtracted once from the logit of a token that occurred."""
    frequency_penalty: float = 0.0
    """Subtracted for each time that it occurred."""
    repetition_penalty: Optional[float] = None
    """Divides the logit of a token that occurred."""
    logit_bias: Optional[dict[str, float]] = None
    """Added to logits, by token id."""
    ignore_eos: bool = False
    """Whether the token that ends an answer is passed over; for measuring."""
    priority: int = 0
    """Passed over: tenants share by tokens."""
    user: Optional[str] = None
    """Passed over."""
    metadata: Optional[dict[str, Any]] = None
    """Passed over."""
    store: Optional[bool] = None
    """Passed over: nothing is stored."""
    service_tier: Optional[str] = None
    """Passed over."""
    safety_identifier: Optional[str] = None
    """Passed over."""
    prompt_cache_key: Optional[str] = None
    """Passed over."""


class ChatRequest(_Generation, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/chat/completions`."""

    messages: list[dict[str, Any]]
    """The conversation."""
    max_completion_tokens: Optional[int] = None
    """The most tokens of the answer; wins over `max_tokens`."""
    logprobs: Optional[bool] = None
    """Whether log-probabilities are reported."""
    top_logprobs: Optional[int] = None
    """Alternatives reported for each token."""
    tools: Optional[list[dict[str, Any]]] = None
    """Functions that the model may call."""
    tool_choice: Union[str, dict[str, Any], None] = None
    """`auto`, `none`, `required`, or one function."""
    parallel_tool_calls: Optional[bool] = None
    """Whether one answer may hold several calls."""
    response_format: Optional[ResponseFormat] = None
    """What the answer must look like."""
    reasoning_effort: Optional[str] = None
    """How long a reasoning model thinks; its chat template takes it."""
    chat_template_kwargs: Optional[dict[str, Any]] = None
    """Further arguments of the chat template."""


class CompletionRequest(_Generation, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/completions`."""

    prompt: Union[str, list[Union[str, int]]]
    """The prompt: a text, or token ids."""
    logprobs: Optional[int] = None
    """Alternatives reported for each token."""


def of_chat(given: ChatRequest, info: GeneratorInfo, most: int) -> GenerationRequest:
    """A conversation as the engine's request.

    Args:
        given: what the client asks for.
        info: what the model can do.
        most: the service's own bound on an answer's tokens; 0 for none.

    Raises:
        InvalidRequest: a field holds what can't be done; the message names it.
    """
    fields.check_conversation(len(given.messages), info)
    tools = fields.tools(given.tools if given.tool_choice != "none" else None, info)
    return GenerationRequest(
        messages=tuple(_message(index, message) for index, message in enumerate(given.messages)),
        max_tokens=_limit(given, most),
        stop=fields.stops(given.stop),
        sampling=_sampling(given),
        top_logprobs=fields.chat_logprobs(given.logprobs, given.top_logprobs, info),
        schema=_schema(given.response_format, info),
        tools=tools,
        tool_choice=given.tool_choice or "auto",
        parallel_tool_calls=given.parallel_tool_calls is not False,
        template_arguments=_template_arguments(given),
        ignore_end=given.ignore_eos,
    )


def of_completion(given: CompletionRequest, info: GeneratorInfo, most: int) -> GenerationRequest:
    """A prompt as the engine's request.

    Raises:
        InvalidRequest: a field holds what can't be done; the message names it.
    """
    prompt = [given.prompt] if isinstance(given.prompt, str) else given.prompt
    texts = [each for each in prompt if isinstance(each, str)]
    ids = tuple(each for each in prompt if isinstance(each, int))
    if not prompt or (texts and (len(prompt) > 1 or not texts[0])):
        refuse("prompt", say("it takes one text that is not empty, or token ids"))
    prompts: dict[str, Any] = {"prompt": texts[0]} if texts else {"prompt_ids": ids}
    return GenerationRequest(
        **prompts,
        max_tokens=fields.limit(given.max_tokens if given.max_tokens is not None else 16, most),
        stop=fields.stops(given.stop),
        sampling=_sampling(given),
        top_logprobs=None if given.logprobs is None else fields.alternatives("logprobs", given.logprobs, info),
        ignore_end=given.ignore_eos,
    )


def _limit(given: ChatRequest, most: int) -> int:
    if given.max_completion_tokens is not None:
        return fields.limit(given.max_completion_tokens, most, "max_completion_tokens")
    return fields.limit(given.max_tokens, most)


def choices_of(given: _Generation) -> int:
    """How many answers are requested.

    Raises:
        InvalidRequest: none, or more than one request may have.
    """
    if not 1 <= given.n <= MAX_CHOICES:
        refuse("n", say("1 to {most} answers", most=MAX_CHOICES))
    return given.n


def _sampling(given: _Generation) -> Sampling:
    return fields.sampling(
        temperature=given.temperature,
        top_p=given.top_p,
        top_k=given.top_k,
        min_p=given.min_p,
        presence_penalty=given.presence_penalty,
        frequency_penalty=given.frequency_penalty,
        repeat_penalty=given.repetition_penalty,
        seed=given.seed,
        logit_bias=given.logit_bias,
    )


def _template_arguments(given: ChatRequest) -> dict[str, Any]:
    arguments = dict(given.chat_template_kwargs or {})
    if given.reasoning_effort is not None:
        arguments["reasoning_effort"] = given.reasoning_effort
    return arguments


def _schema(asked: ResponseFormat | None, info: GeneratorInfo) -> dict[str, Any] | None:
    if asked is None or asked.type == "text":
        return None
    fields.check_schemas("response_format", info)
    if asked.type == "json_object":
        return {}
    return fields.schema("response_format.json_schema.schema", (asked.json_schema or {}).get("schema"))


def _message(index: int, message: Mapping[str, Any]) -> dict[str, Any]:
    """A message as chat templates expect it: plain text, and the roles that they know."""
    role, where = message.get("role"), f"messages[{index}]"
    if role not in ROLES:
        refuse(f"{where}.role", say("one of {roles}", roles=ROLES))
    made: dict[str, Any] = {"role": "system" if role == "developer" else role}
    content = fields.text_of(f"{where}.content", message.get("content"))
    calls = message.get("tool_calls")
    if content is None and not (role == "assistant" and calls):
        refuse(f"{where}.content", say("it is missing"))
    made["content"] = content or ""
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    if reasoning and role == "assistant":
        made["reasoning_content"] = str(reasoning)
    for field in ("tool_calls", "tool_call_id", "name"):
        if message.get(field) is not None:
            made[field] = message[field]
    fields.check_known(where, message, {*made, *_PASSED_OVER})
    return made
