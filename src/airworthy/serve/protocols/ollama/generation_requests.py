"""`/api/chat` and `/api/generate`: what clients ask for, checked, as the engine's request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

import msgspec

from airworthy.core.messages import say
from airworthy.engines.generation import GenerationRequest, GeneratorInfo
from airworthy.serve.protocols import generation_fields as fields
from airworthy.serve.protocols.generation_fields import refuse

ROLES = ("system", "user", "assistant", "tool")
_FILLS_CONTEXT = (-1, -2)
"""Values of `num_predict` for as many tokens as there is room for."""
_NEUTRAL: Mapping[str, Sequence[Any]] = {
    "mirostat": (0,),
    "mirostat_tau": (5.0,),
    "mirostat_eta": (0.1,),
    "tfs_z": (1.0,),
    "typical_p": (1.0,),
    "repeat_last_n": (64,),
    "penalize_newline": (True, False),
    "num_keep": (0, 4),
}
"""Options that no engine here has, with the values that ask for nothing: Ollama's own defaults."""
_LOADING = (
    "numa",
    "num_batch",
    "num_gpu",
    "main_gpu",
    "low_vram",
    "f16_kv",
    "logits_all",
    "vocab_only",
    "use_mmap",
    "use_mlock",
    "embedding_only",
    "num_thread",
)
"""Options for how a model is loaded; here that is its owner's choice."""


class Options(msgspec.Struct, forbid_unknown_fields=True):
    """What an answer is generated with, as far as it is supported."""

    num_ctx: Optional[int] = None
    """Tokens of prompt and answer together; refused above what is served, without effect below."""
    num_predict: Optional[int] = None
    """The most tokens of the answer; -1 and -2 for as many as there is room for."""
    stop: Union[str, list[str], None] = None
    """Texts that end an answer."""
    seed: Optional[int] = None
    """Makes drawing repeatable."""
    temperature: Optional[float] = None
    """0 takes the likeliest token."""
    top_p: Optional[float] = None
    """The share of probability among which tokens are drawn."""
    top_k: Optional[int] = None
    """The number of tokens among which one is drawn."""
    min_p: Optional[float] = None
    """The least probability, relative to the likeliest token's."""
    repeat_penalty: Optional[float] = None
    """Divides the logit of a token that occurred."""
    presence_penalty: Optional[float] = None
    """Subtracted once from the logit of a token that occurred."""
    frequency_penalty: Optional[float] = None
    """Subtracted for each time that it occurred."""


class _OllamaGeneration(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    model: str
    """The model's name."""
    stream: Optional[bool] = None
    """Whether the answer comes in pieces; it does where nothing is said."""
    format: Union[str, dict[str, Any], None] = None
    """`json`, or the JSON schema of the answer."""
    options: Optional[dict[str, Any]] = None
    """What the answer is generated with."""
    keep_alive: Union[float, str, None] = None
    """Passed over: the model stays loaded."""
    think: Union[bool, str, None] = None
    """Whether a reasoning model thinks, or how much: `low`, `medium`, `high`."""
    truncate: Optional[bool] = None
    """Passed over: a prompt that does not fit is refused."""
    shift: Optional[bool] = None
    """Passed over: an answer ends where the context does, with `length`."""
    logprobs: Optional[bool] = None
    """Whether log-probabilities are reported."""
    top_logprobs: Optional[int] = None
    """Alternatives reported for each token."""


class OllamaChatRequest(_OllamaGeneration, forbid_unknown_fields=True, kw_only=True):
    """`POST /api/chat`."""

    messages: list[dict[str, Any]] = []
    """The conversation; none to ask whether the model is loaded."""
    tools: Optional[list[dict[str, Any]]] = None
    """Functions that the model may call."""


class GenerateRequest(_OllamaGeneration, forbid_unknown_fields=True, kw_only=True):
    """`POST /api/generate`."""

    prompt: str = ""
    """The prompt; empty to ask whether the model is loaded."""
    system: Optional[str] = None
    """What stands before it in the conversation."""
    raw: Optional[bool] = None
    """Whether the prompt is taken as it stands, without the chat template."""
    suffix: Optional[str] = None
    """Refused: what stands behind the answer."""
    template: Optional[str] = None
    """Refused: another template."""
    context: Optional[list[int]] = None
    """Refused: an earlier answer's tokens."""
    images: Optional[list[str]] = None
    """Refused."""


def of_chat(given: OllamaChatRequest, info: GeneratorInfo, most: int, template: str) -> GenerationRequest:
    """A conversation as the engine's request.

    Args:
        given: what the client asks for.
        info: what the model can do.
        most: the service's own bound on an answer's tokens; 0 for none.
        template: the model's chat template.

    Raises:
        InvalidRequest: a field holds what can't be done; the message names it.
    """
    fields.check_conversation(len(given.messages), info)
    messages = tuple(_message(index, message) for index, message in enumerate(given.messages))
    tools = fields.tools(given.tools, info)
    return GenerationRequest(messages=messages, tools=tools, **_common(given, info, most, template))


def of_generate(given: GenerateRequest, info: GeneratorInfo, most: int, template: str) -> GenerationRequest:
    """A prompt as the engine's request: the only message of a conversation, where the model has a chat template.

    Raises:
        InvalidRequest: a field holds what can't be done; the message names it.
    """
    unable = {name: getattr(given, name) for name in ("suffix", "template", "context", "images")}
    fields.refuse_given(unable, say("it is not supported"))
    common = _common(given, info, most, template)
    if given.raw or not info.chat:
        fields.refuse_given({"system": given.system}, say("it needs the model's chat template"))
        return GenerationRequest(prompt=given.prompt, **common)
    said = (("system", given.system), ("user", given.prompt))
    return GenerationRequest(messages=tuple({"role": role, "content": text} for role, text in said if text), **common)


def _common(given: _OllamaGeneration, info: GeneratorInfo, most: int, template: str) -> dict[str, Any]:
    options = _options(given.options, info)
    predicted = None if options.num_predict in _FILLS_CONTEXT else options.num_predict
    return {
        "max_tokens": fields.limit(predicted, most, "options.num_predict"),
        "stop": fields.stops(options.stop, "options.stop"),
        "sampling": fields.sampling(
            prefix="options.",
            repeat_name="repeat_penalty",
            temperature=options.temperature,
            top_p=options.top_p,
            top_k=options.top_k,
            min_p=options.min_p,
            presence_penalty=options.presence_penalty,
            frequency_penalty=options.frequency_penalty,
            repeat_penalty=options.repeat_penalty,
            seed=options.seed,
        ),
        "top_logprobs": fields.chat_logprobs(given.logprobs, given.top_logprobs, info),
        "schema": _schema(given.format, info),
        "template_arguments": fields.thinking("think", given.think, template),
    }


def _options(given: Mapping[str, Any] | None, info: GeneratorInfo) -> Options:
    left: dict[str, Any] = {}
    for name, value in (given or {}).items():
        if name in _LOADING and value is not None:
            refuse(f"options.{name}", say("the model is loaded, and its owner decides this"))
        if name in _NEUTRAL and value is not None and value not in _NEUTRAL[name]:
            refuse(f"options.{name}", say("no engine here has it"))
        if value is not None and name not in _NEUTRAL:
            left[name] = value
    for name in left:
        if name not in Options.__struct_fields__:
            refuse(f"options.{name}", say("no such option is known"))
    try:
        options = msgspec.convert(left, Options)
    except msgspec.ValidationError as error:
        refuse("options", str(error))
    if options.num_ctx is not None and options.num_ctx > info.context:
        problem = say(
            "{asked} tokens; this model is served with {context}", asked=options.num_ctx, context=info.context
        )
        refuse("options.num_ctx", problem)
    return options


def without_effect(given: _OllamaGeneration) -> tuple[str, ...]:
    """Fields of a request that change nothing here."""
    found = [name for name in ("keep_alive", "truncate", "shift") if getattr(given, name) is not None]
    return (*found, *(("options.num_ctx",) if (given.options or {}).get("num_ctx") is not None else ()))


def _schema(asked: str | dict[str, Any] | None, info: GeneratorInfo) -> dict[str, Any] | None:
    if asked is None or asked == "":
        return None
    fields.check_schemas("format", info)
    if asked == "json":
        return {}
    return fields.schema("format", asked)


def _message(index: int, message: Mapping[str, Any]) -> dict[str, Any]:
    """A message as chat templates expect it: calls have their arguments as text, and ids."""
    role, where = message.get("role"), f"messages[{index}]"
    if role not in ROLES:
        refuse(f"{where}.role", say("one of {roles}", roles=ROLES))
    made: dict[str, Any] = {"role": role, "content": fields.text_of(f"{where}.content", message.get("content")) or ""}
    fields.refuse_given({f"{where}.images": message.get("images")}, say("this model takes text alone"))
    if message.get("thinking") and role == "assistant":
        made["reasoning_content"] = str(message["thinking"])
    calls = message.get("tool_calls")
    if calls:
        if not isinstance(calls, list):
            refuse(f"{where}.tool_calls", say("a list of calls"))
        made["tool_calls"] = [_call(f"{where}.tool_calls[{place}]", place, call) for place, call in enumerate(calls)]
    if name := message.get("tool_name") or message.get("name"):
        made["name"] = str(name)
    if message.get("tool_call_id"):
        made["tool_call_id"] = str(message["tool_call_id"])
    known = ("role", "content", "images", "thinking", "tool_calls", "tool_name", "name", "tool_call_id")
    fields.check_known(where, message, known)
    return made


def _call(where: str, place: int, call: Any) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        refuse(where, say("a call has a `function` with a `name`"))
    arguments = function.get("arguments") or {}
    text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
    return {
        "id": str(call.get("id") or f"call_{place}"),
        "type": "function",
        "function": {"name": function["name"], "arguments": text},
    }
