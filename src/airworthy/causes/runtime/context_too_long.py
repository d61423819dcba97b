"""The input is longer than the model's maximum sequence length.

## What happens

A server answers 400: `This model's maximum context length is 4096 tokens. However, you requested 4118 tokens`. A
library that does not check fails inside the model: `index out of range in self`, sizes 532 and 512 that do not fit,
or a device-side assertion.

## Why

A model has a largest number of positions, in a table or by its training, and the server may have been started with
less. Prompt **and** the tokens to be generated count together. Chat history, retrieved documents and images grow
beyond it unnoticed; characters are not tokens, and languages other than English need more of them.

## How to end it

Shorten what is sent, or ask for fewer tokens (`max_tokens`). Let the tokenizer truncate where losing the end is
right: `truncation=True, max_length=…`. Where the model can do more than the server was configured for, start it with a larger
context.

## How to prevent it

Count tokens with the model's own tokenizer before sending, and cut history by tokens.

## Example

```
openai.BadRequestError: Error code: 400 - {'object': 'error', 'message': "This model's maximum context length is 8192 tokens. However, you requested 9300 tokens (8788 in the messages, 512 in the completion). Please reduce the length of the messages or completion.", 'code': 400}
```

## References

- https://docs.vllm.ai/en/latest/serving/openai_compatible_server/
- https://huggingface.co/docs/transformers/pad_truncation
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

_NUMBERS = "the limit is {limit} tokens, and {wanted} were sent or asked for"
_TABLE = "512|514|77|1024|1026|2048|4096|8192"
"""Rows of the position tables of the usual models."""


def _beyond(params: dict[str, str]) -> dict[str, str] | None:
    return params if int(params["wanted"]) > int(params["limit"]) else None


def _first_beyond(params: dict[str, str]) -> dict[str, str] | None:
    """An index just past a table whose rows are those of a position table."""
    return params if int(params["index"]) - int(params["limit"]) in (0, 1) else None


CAUSE = Cause(
    slug="context-too-long",
    severity=Severity.ERROR,
    message=_NUMBERS,
    unpredictable="inputs come when the service runs; their length can be limited, not foreseen",
    signatures=(
        Signature(
            "maximum context length is",
            r"maximum context length is (?P<limit>\d+) tokens.{1,60}?(?:requested|resulted in|has) (?:about )?"
            r"(?P<wanted>\d+)",
        ),
        Signature(
            "exceeds the available context size",
            r"request \((?P<wanted>\d+) tokens\) exceeds the available context size \((?P<limit>\d+)",
        ),
        Signature("exceeds the available context size"),
        Signature("Context size has been exceeded"),
        Signature("exceed context window of", r"tokens \((?P<wanted>\d+)\) exceed context window of (?P<limit>\d+)"),
        Signature(
            "longer than the maximum model length",
            r"(?:length |Prompt length of )\(?(?P<wanted>\d+)\)?.{1,60}maximum model length of (?P<limit>\d+)",
        ),
        Signature("longer than the maximum model length"),
        Signature(
            "is too long and exceeds limit of",
            r"\((?P<wanted>\d+) tokens\) is too long and exceeds limit of (?P<limit>\d+)",
        ),
        Signature(
            "longer than the model's context length",
            r"\(?(?P<wanted>\d+) tokens\)? is longer than the model's context length \((?P<limit>\d+)",
        ),
        Signature("longer than the model's context length"),
        Signature(
            "exceeds the maximum allowed length",
            r"\((?P<wanted>\d+) tokens\) exceeds the maximum allowed length \((?P<limit>\d+)",
        ),
        Signature("exceeds the model's maximum context length"),
        Signature("exceeds the maximum sequence length"),
        Signature("exceeds max_seq_len", weight=0.95),
        Signature("exceeds maximum input length", r"(?i)exceeds maximum input length"),
        Signature(
            "`inputs` tokens + `max_new_tokens` must be <=",
            r"must be <= (?P<limit>\d+)\. Given: (?P<inputs>\d+) `inputs` tokens",
            message="the limit is {limit} tokens for input and answer together, and the input alone has {inputs}",
        ),
        Signature(
            "`inputs` must have less than",
            r"less than (?P<limit>\d+) tokens\. Given: (?P<wanted>\d+)",
        ),
        Signature("Input validation error: `inputs` must have"),
        Signature("must have less than", r"less than (?P<limit>\d+) tokens\. Given: (?P<wanted>\d+)"),
        Signature("prompt is too long", r"(?:(?P<wanted>\d+) tokens > (?P<limit>\d+))|prompt is too long", weight=0.95),
        Signature("is larger than the maximum input length", weight=0.95),
        Signature("prompt length", r"(?i)prompt length \(?(?P<wanted>\d+)\)?.{0,40}exceeds.{0,60}?(?P<limit>\d+)"),
        Signature("input token count", r"input token count \(?(?P<wanted>\d+)\)? exceeds.{0,80}?(?P<limit>\d+)"),
        Signature("Please reduce the length of the", weight=0.95),
        Signature("Please reduce your prompt", weight=0.95),
        Signature("input length and `max_tokens` exceed context limit"),
        Signature("input is too large to process", r"input (?:\((?P<wanted>\d+) tokens\) )?is too large to process"),
        Signature(
            "longer than the specified maximum sequence length for this model",
            r"\((?P<wanted>\d+) > (?P<limit>\d+)\)",
            weight=0.93,
        ),
        Signature(
            "The size of tensor a (",
            rf"tensor a \((?P<wanted>\d+)\) must match the size of tensor b \((?P<limit>{_TABLE})\) at non-singleton "
            r"dimension 1",
            weight=0.85,
            refine=_beyond,
        ),
        Signature(
            "The expanded size of the tensor (",
            rf"tensor \((?P<wanted>\d+)\) must match the existing size \((?P<limit>{_TABLE})\) at non-singleton "
            r"dimension 1",
            weight=0.88,
            refine=_beyond,
        ),
        Signature(
            "Tried to access index",
            r"access index (?P<index>\d+) out of table with (?P<limit>\d+) rows",
            weight=0.9,
            message="position {index} was asked of a table of {limit} rows",
            refine=_first_beyond,
        ),
        Signature("IndexError: index out of range in self", weight=0.6),
        Signature("index out of range in self", weight=0.6),
        Signature(
            "indices[",
            r"indices\[\d+,(?P<at>\d+)\] = (?P=at) is not in \[0, (?P<limit>\d+)\)",
            weight=0.85,
            message="position {at} was asked of a table of {limit} rows",
        ),
        Signature("maximum context length is"),
        Signature("context_length_exceeded"),
        Signature("exceed_context_size_error"),
        Signature("This is a friendly reminder - the current text generation call will exceed", weight=0.4),
        Signature(
            "Input is too long", r"(?i)input is too long for (?:the )?requested model|Input is too long\b", weight=0.9
        ),
        Signature("truncating input prompt", r"limit=(?P<limit>\d+) prompt=(?P<wanted>\d+)", weight=0.5),
        Signature(
            "maximum context length of",
            r"exceeds? .{0,40}maximum context length of (?P<limit>\d+)",
            message="the limit is {limit} tokens, and more were sent or asked for",
        ),
        Signature("input length exceeds", r"input length exceeds (?:the |maximum )*context length"),
        Signature(
            "is greater than the derived max_model_len",
            r"max_model_len \((?P<wanted>\d+)\) is greater than the "
            r"derived max_model_len \(\w+=(?P<limit>\d+)",
            weight=0.9,
        ),
        Signature(
            "Range of input length should be", r"should be \[\d+, ?(?P<limit>\d+)\]", message="the limit is {limit}"
        ),
        Signature(
            "too many tokens",
            r"too many tokens: .{0,80}cannot exceed (?P<limit>\d+)",
            message="the limit is {limit} tokens",
        ),
        Signature("Sequence length must be less than max_position_embeddings"),
        Signature(
            "but `max_length` is set to",
            r"Input length of \w+ is (?P<wanted>\d+), but `max_length` is set to "
            r"(?P<limit>\d+)",
            weight=0.8,
        ),
    ),
    related=("kv-cache-too-small", "device-assert", "shape-mismatch"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Less input, or a server that takes more."""
    limit = str(params.get("limit", ""))
    if limit:
        yield Remedy(
            why=say(
                "Send and ask for at most {limit} tokens together: shorter input, smaller `max_tokens`.", limit=limit
            )
        )
    else:
        yield Remedy(why=say("Send less, or ask for fewer tokens with `max_tokens`; both count together."))
    yield Remedy(
        why=say("In your own code let the tokenizer cut: `tokenizer(text, truncation=True, max_length=…)`."), safe=True
    )
    yield Remedy(
        why=say(
            "If the model can do more, start the server with a larger context: `--max-model-len` of "
            "vLLM, `--context-length` of SGLang, `--ctx-size` of llama.cpp, `OLLAMA_CONTEXT_LENGTH` of Ollama."
        )
    )
