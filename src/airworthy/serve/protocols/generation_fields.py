"""What all dialects of text generation check alike: limits, sampling, stops, schemas, tools, messages.

Each check raises `InvalidRequest` with the name of the field, so that nothing a client asked for is dropped.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

import msgspec

from airworthy.core.messages import say
from airworthy.engines.generation import GeneratorInfo, Sampling
from airworthy.serve import errors

MAX_STOPS = 16
"""Texts that end an answer; OpenAI takes four, other servers more."""
MAX_MESSAGES = 4096
"""Messages of a conversation."""
MAX_SCHEMA_DEPTH = 64
"""Levels of a JSON schema."""
MAX_SCHEMA_SIZE = 64 * 1024
"""Bytes of a JSON schema."""
MAX_ANSWER_TOKENS = 1 << 30
"""Tokens of an answer that an engine's counters hold, more than any context has."""
MAX_TOOLS = 128
"""Functions that a request may offer."""


def refuse(field: str, problem: str) -> NoReturn:
    """Refuse a request for one of its fields.

    Raises:
        InvalidRequest: always.
    """
    raise errors.InvalidRequest(detail=say("`{field}`: {problem}", field=field, problem=problem))


def refuse_given(fields: Mapping[str, Any], problem: str) -> None:
    """Refuse the first of these fields that has a value.

    Raises:
        InvalidRequest: one has.
    """
    for name, value in fields.items():
        if value not in (None, "", False, [], {}):
            refuse(name, problem)


def limit(asked: int | None, most: int, field: str = "max_tokens") -> int:
    """The limit of an answer's tokens: the client's, within the service's own; 0 for none."""
    if asked is not None and asked < 1:
        refuse(field, say("at least 1"))
    bound = most or MAX_ANSWER_TOKENS
    return min(asked, bound) if asked is not None else most


def stops(given: str | Sequence[str] | None, field: str = "stop") -> tuple[str, ...]:
    """The texts that end an answer."""
    found = (given,) if isinstance(given, str) else tuple(given or ())
    if len(found) > MAX_STOPS or not all(found):
        refuse(field, say("up to {most} texts, none of them empty", most=MAX_STOPS))
    return found


def sampling(
    *,
    prefix: str = "",
    repeat_name: str = "repetition_penalty",
    temperature: float | None = None,
    top_p: float | None = None,
    top_k: int | None = None,
    min_p: float | None = None,
    presence_penalty: float | None = None,
    frequency_penalty: float | None = None,
    repeat_penalty: float | None = None,
    seed: int | None = None,
    logit_bias: Mapping[str, float] | None = None,
) -> Sampling:
    """How tokens are chosen, its numbers in their ranges.

    Args:
        prefix: where the fields lie in the request, for messages.
        repeat_name: the dialect's name of `repeat_penalty`.
        temperature: 0 takes the likeliest token.
        top_p: the share of probability among which tokens are drawn.
        top_k: the number of tokens among which one is drawn; 0 or less for all.
        min_p: the least probability, relative to the likeliest token's.
        presence_penalty: subtracted once from the logit of a token that occurred.
        frequency_penalty: subtracted for each time that it occurred.
        repeat_penalty: divides the logit of a token that occurred.
        seed: makes drawing repeatable.
        logit_bias: added to logits, by token id.
    """
    ranges: tuple[tuple[str, float | None, float, float], ...] = (
        ("temperature", temperature, 0.0, 100.0),
        ("top_p", top_p, 0.0, 1.0),
        ("min_p", min_p, 0.0, 1.0),
        ("presence_penalty", presence_penalty, -2.0, 2.0),
        ("frequency_penalty", frequency_penalty, -2.0, 2.0),
        (repeat_name, repeat_penalty, 0.0, 10.0),
        ("top_k", top_k, -1, 1 << 20),
    )
    for name, value, low, high in ranges:
        if value is not None and not low <= value <= high:
            refuse(prefix + name, say("{low} to {high}", low=low, high=high))
    bias = dict(logit_bias or {})
    if not all(
        token.isascii() and token.isdigit() and len(token) < 10 and -100 <= value <= 100
        for token, value in bias.items()
    ):
        refuse(f"{prefix}logit_bias", say("token ids with numbers from -100 to 100"))
    return Sampling(
        temperature=temperature,
        top_p=top_p,
        top_k=None if top_k is None else max(0, top_k),
        min_p=min_p,
        presence_penalty=presence_penalty or 0.0,
        frequency_penalty=frequency_penalty or 0.0,
        repeat_penalty=repeat_penalty,
        seed=None if seed is None else seed % (1 << 31),
        logit_bias=bias,
    )


def alternatives(field: str, asked: int, info: GeneratorInfo) -> int:
    """Alternatives with log-probabilities that the engine can report."""
    if info.logprobs is None:
        refuse(field, say("this engine returns no log-probabilities"))
    if not 0 <= asked <= info.logprobs:
        refuse(field, say("0 to {most}", most=info.logprobs))
    return asked


def check_schemas(field: str, info: GeneratorInfo) -> None:
    """Refuse an answer of a given form where the engine can't guarantee one."""
    if not info.schemas:
        refuse(field, say("this engine can't hold an answer to a schema"))


def schema(field: str, given: Any) -> dict[str, Any]:
    """A JSON schema of a bearable size."""
    if not isinstance(given, dict) or not given:
        refuse(field, say("a JSON schema is missing"))
    if len(msgspec.json.encode(given)) > MAX_SCHEMA_SIZE or _depth(given) > MAX_SCHEMA_DEPTH:
        refuse(field, say("at most {size:bytes} and {depth} levels", size=MAX_SCHEMA_SIZE, depth=MAX_SCHEMA_DEPTH))
    return given


def _depth(value: Any) -> int:
    """How deep a JSON value is nested; walked without recursion."""
    deepest, level = 0, [value]
    while level:
        deepest += 1
        level = [inner for each in level for inner in _inside(each)]
    return deepest


def _inside(value: Any) -> Sequence[Any]:
    if isinstance(value, Mapping):
        return tuple(value.values())
    return value if isinstance(value, list) else ()


def tools(given: Sequence[dict[str, Any]] | None, info: GeneratorInfo) -> tuple[dict[str, Any], ...]:
    """Functions that the model may call, in OpenAI's shape."""
    found = tuple(given or ())
    if found and not info.tools:
        refuse("tools", say("this model's chat template takes none"))
    if len(found) > MAX_TOOLS:
        refuse("tools", say("at most {most} functions", most=MAX_TOOLS))
    return found


def check_conversation(count: int, info: GeneratorInfo, field: str = "messages") -> None:
    """Refuse a conversation that the model can't take, or that holds nothing or too much."""
    if not info.chat:
        refuse(field, say("this model has no chat template; send a prompt to /v1/completions"))
    if not 1 <= count <= MAX_MESSAGES:
        refuse(field, say("a conversation has 1 to {most} messages", most=MAX_MESSAGES))


def check_not_empty(messages: Sequence[Any], field: str = "messages") -> None:
    """Refuse a conversation of which nothing is left for the model, such as one of hidden thoughts alone."""
    if not messages:
        refuse(field, say("nothing in it is for the model to read"))


def check_known(where: str, message: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse a field that no message has."""
    unknown = set(message).difference(known)
    if unknown:
        refuse(f"{where}.{min(unknown)}", say("no message has this"))


def chat_logprobs(logprobs: bool | None, top_logprobs: int | None, info: GeneratorInfo) -> int | None:
    """Alternatives to report with each token of a conversation; None for no log-probabilities."""
    if not logprobs and not top_logprobs:
        return None
    if not logprobs:
        refuse("top_logprobs", say("it needs `logprobs`"))
    return alternatives("top_logprobs", top_logprobs or 0, info)


def text_of(where: str, content: Any, kinds: Sequence[str] = ("text", "input_text")) -> str | None:
    """A message's content as one text; None where it has none."""
    if isinstance(content, list):
        return "".join(_part(where, part, kinds) for part in content)
    if content is not None and not isinstance(content, str):
        refuse(where, say("a text, or parts of type `text`"))
    return content


def _part(where: str, part: Any, kinds: Sequence[str]) -> str:
    if isinstance(part, dict) and part.get("type") in kinds and isinstance(part.get("text"), str):
        return str(part["text"])
    kind = part.get("type") if isinstance(part, dict) else type(part).__name__
    refuse(where, say("this model takes text alone, not {kind!r}", kind=kind))


def thinking(field: str, asked: bool | str | None, template: str) -> dict[str, Any]:
    """The chat template's arguments for how a reasoning model thinks.

    Args:
        field: the dialect's name of it.
        asked: whether it thinks, or how much; None leaves it to the template.
        template: the chat template.
    """
    if asked is None:
        return {}
    switch, effort = "enable_thinking" in template, "reasoning_effort" in template
    if isinstance(asked, str) and effort:
        return {"reasoning_effort": asked}
    if asked not in (False, "none", "") and not switch:
        refuse(field, say("this model's chat template takes none"))
    return {"enable_thinking": asked not in (False, "none", "")} if switch else {}
