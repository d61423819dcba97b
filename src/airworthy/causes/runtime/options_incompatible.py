"""Options of the server cannot be combined, or it does not take one of them.

## What happens

A server stops while it reads its options, before it loads anything: `error: unrecognized arguments: --enable-
reasoning`, `argument --quantization: invalid choice: 'int3'`, `Pipeline parallelism is not supported with LoRA`,
`speculative decoding requires chunked prefill to be disabled`.

## Why

Each option is right by itself. Two of them exclude each other, one needs another, the model or the device does not
have what an option turns on, or the release that runs has renamed, removed or not yet got it. Guides are written for
one release, and options change with nearly every one.

## How to end it

Take the option out that the message names, or set what it asks for. For an option that is not recognised, read
`--help` of the release that is installed, then change the option's name or the release.

## How to prevent it

Keep the options in one file with the release that they were written for, and try them with `--help` and a small model
before an upgrade reaches the service.

## Example

```
vllm: error: unrecognized arguments: --enable-reasoning --reasoning-parser deepseek_r1
```

## References

- https://docs.vllm.ai/en/latest/configuration/engine_args/
- https://docs.sglang.ai/advanced_features/server_arguments.html
- https://docs.python.org/3/library/argparse.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

_UNKNOWN = "{program} does not know {options}"
_CHOICE = "{value!r} is no value of {option}: {choices}"
_TOGETHER = "{first} does not go together with {second}"

CAUSE = Cause(
    slug="options-incompatible",
    severity=Severity.ERROR,
    message=_TOGETHER,
    unpredictable="which options go together is known to the release of the server that reads them",
    signatures=(
        Signature(
            "error: unrecognized arguments: ",
            r"(?P<program>[\w.-]{1,60}): error: unrecognized arguments: (?P<options>[^\n]{1,300})",
            message=_UNKNOWN,
            weight=0.95,
        ),
        Signature(
            ": invalid choice: ",
            r"argument (?P<option>[-\w/]{2,80}): invalid choice: '?(?P<value>[^'\s]{1,60})'? \(choose from "
            r"(?P<choices>[^)\n]{1,300})",
            message=_CHOICE,
            weight=0.95,
        ),
        Signature(": invalid choice: ", r"error: argument .{1,80}: invalid choice: ", weight=0.9),
        Signature(
            "error: the following arguments are required: ",
            r"(?P<program>[\w.-]{1,60}): error: the following arguments are required: (?P<missing>[^\n]{1,200})",
            message="{program} needs {missing}",
            weight=0.9,
        ),
        Signature(
            ": not allowed with argument ",
            r"argument (?P<first>[-\w/]{2,80}): not allowed with argument (?P<second>[-\w/]{2,80})",
            weight=0.95,
        ),
        Signature(
            "error: invalid argument: ",
            r"error: invalid argument: (?P<option>-[-\w]{1,60})",
            weight=0.9,
            message="{option} is no option of this program",
        ),
        Signature(
            "error: unexpected argument '",
            r"error: unexpected argument '(?P<option>-[^']{1,80})' found",
            weight=0.9,
            message="{option} is no option of this program",
        ),
        Signature(
            "error: the argument '",
            r"error: the argument '(?P<first>[^']{1,80})' cannot be used with '(?P<second>[^']{1,80})'",
            weight=0.95,
        ),
        Signature(
            "unknown flag: --",
            r"[Ee]rror: unknown flag: (?P<option>--[\w-]{1,80})",
            weight=0.85,
            message="{option} is no option of this program",
        ),
        Signature(
            "got an unexpected keyword argument '",
            r"(?:EngineArgs|ServerArgs|LLM|AsyncEngineArgs|SamplingParams|ModelConfig|CacheConfig|SchedulerConfig|"
            r"LlmArgs)(?:\.__init__\(\))? got an unexpected keyword argument '(?P<option>\w{1,80})'",
            weight=0.9,
            message="{option} is no option of this release",
        ),
        Signature(
            " is not supported with ",
            r"(?i)(?:ValueError|NotImplementedError|AssertionError|error)\b.{0,40}: (?P<first>.{1,120}?) (?:is|are)"
            r" not supported with (?P<second>[^\n.]{1,120})",
            weight=0.8,
        ),
        Signature(
            " not supported together",
            r"(?i)(?:ValueError|NotImplementedError|AssertionError|error)\b.{0,40}: (?:.{1,160}) not supported "
            r"together",
            weight=0.8,
        ),
        Signature(
            " cannot be used with ",
            r"(?i)(?:ValueError|AssertionError|error)\b.{0,40}: (?P<first>.{1,120}?) can(?:not| not) be used "
            r"(?:together )?with (?P<second>[^\n.]{1,120})",
            weight=0.8,
        ),
        Signature(
            " cannot be used together",
            r"(?i)(?:ValueError|AssertionError|error)\b.{0,200} cannot be used together",
            weight=0.8,
        ),
        Signature(
            " is not compatible with ",
            r"(?i)(?:ValueError|NotImplementedError|AssertionError): (?P<first>.{1,120}?) (?:is|are) not "
            r"compatible with (?P<second>(?!the current)[^\n.]{1,120})",
            weight=0.7,
        ),
        Signature(
            " is incompatible with ",
            r"(?i)(?:ValueError|NotImplementedError|AssertionError): (?P<first>.{1,120}?) (?:is|are) incompatible "
            r"with (?P<second>[^\n.]{1,120})",
            weight=0.7,
        ),
        Signature("mutually exclusive", r"(?i)(?:Error|error)\b.{0,200}mutually exclusive", weight=0.85),
        Signature(" is only supported for multimodal models", weight=0.85),
        Signature(
            " is only supported ",
            r"(?:ValueError|NotImplementedError|AssertionError): (?P<first>[`'\w -]{2,80}) is only supported "
            r"(?:with|when|for|on|in) (?P<second>[^\n.]{1,120})",
            weight=0.65,
            message="{first} is only supported with {second}",
        ),
        Signature("must be greater than or equal to max_num_seqs", weight=0.95),
        Signature(
            "is smaller than max_model_len",
            r"max_num_batched_tokens \(\d+\) is smaller than max_model_len",
            weight=0.95,
        ),
        Signature(
            "User-specified max_model_len",
            r"User-specified max_model_len \((?P<first>\d+)\) is greater than the derived max_model_len",
            weight=0.9,
            message="a context of {first} tokens is longer than the model's own",
        ),
        Signature(
            "validation error for ",
            r"\d+ validation errors? for (?:\w*Config|ServerArgs|EngineArgs|LlmArgs)\b",
            weight=0.75,
        ),
        Signature("remaining_argv: [", weight=0.9),
        Signature("Could not consume arg: ", weight=0.85),
    ),
    related=(
        "feature-not-enabled",
        "serving-config-mismatch",
        "parallelism-indivisible",
        "memory-budget-misconfigured",
    ),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """What the installed release takes."""
    program = str(params.get("program", "") or "vllm")
    words = ("vllm", "serve", "--help=all") if program == "vllm" else (program, "--help")
    if "options" in params or "option" in params:
        named = params.get("options") or params.get("option")
        yield Remedy(
            why=say("Read whether the release that is installed has {named}, under this or another name.", named=named),
            commands=(command(facts, *words),),
            safe=True,
        )
    elif "second" in params:
        yield Remedy(
            why=say(
                "Leave one of the two out: {first}, or {second}.",
                first=params.get("first", ""),
                second=params["second"],
            ),
            safe=True,
        )
    else:
        yield Remedy(
            why=say("Change the option that the message names; the help of the installed release lists its values."),
            commands=(command(facts, *words),),
            safe=True,
        )
    yield Remedy(why=say("Or install the release that the options were written for."))
