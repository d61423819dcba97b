r"""The request needs a feature that the server was started without.

## What happens

A server runs and answers plain requests, and refuses some: `"auto" tool choice requires --enable-auto-tool-choice and
--tool-call-parser to be set`, `This server does not support embeddings. Start it with --embeddings`, `image input is
not supported - hint: if this is unexpected, you may need to provide the mmproj`.

## Why

Tool calls, embeddings, reranking, adapters, images and metrics each cost memory or need a parser of the model's own
format, so that servers turn them on only where an option says so. The client cannot turn them on.

## How to end it

Start the server again with the option that the message names, and with the value that fits the model: the parser of
its family for tools, its projector file for images.

## How to prevent it

Write down what clients will send, and send one request of each kind to a new release before it gets traffic.

## Example

```
{"object":"error","message":"\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set","type":"BadRequestError","code":400}
```

## References

- https://docs.vllm.ai/en/latest/features/tool_calling/
- https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command, model_folder
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

_FLAG = "the server was started without {option}"

CAUSE = Cause(
    slug="feature-not-enabled",
    severity=Severity.ERROR,
    message=_FLAG,
    unpredictable="what clients will ask for is known only when they do",
    signatures=(
        Signature("tool choice requires --enable-auto-tool-choice", r"(?P<option>--enable-auto-tool-choice)"),
        Signature("requires --tool-call-parser", r"(?P<option>--tool-call-parser)", weight=0.95),
        Signature("tool_choice=", r"tool_choice=.{1,60} requires (?P<option>--[\w-]{1,60})", weight=0.95),
        Signature("tools param requires --jinja flag", r"(?P<option>--jinja)"),
        Signature("requires --jinja", r"requires (?P<option>--jinja)", weight=0.95),
        Signature("Start it with `--embeddings`", r"(?P<option>--embeddings)"),
        Signature("does not support embeddings. Start it with", r"Start it with `?(?P<option>--embeddings?)"),
        Signature("does not support reranking. Start it with", r"Start it with `?(?P<option>--rerank(?:ing)?)"),
        Signature(
            "This server does not support",
            r"This server does not support .{1,60}[Ss]tart it with `?(?P<option>--[\w-]{1,40})",
            weight=0.95,
        ),
        Signature("does not support metrics endpoint. Start it with", r"(?P<option>--metrics)"),
        Signature(
            "you may need to provide the mmproj",
            r"provide the (?P<option>mmproj)",
            message="the server was started without the model's projector of images (`--mmproj`)",
        ),
        Signature(
            "LoRA is not enabled",
            r"(?P<option>LoRA) is not enabled",
            weight=0.95,
            message="the server was started without adapters (`--enable-lora`)",
        ),
        Signature("Got lora_request", r"Got lora_request .{1,400} but LoRA is not enabled", weight=0.95),
        Signature(
            "enable_lora",
            r"(?P<option>--enable-lora|enable_lora)(?:=True)? (?:is|must be|needs to be) (?:set|required|enabled)",
            weight=0.9,
        ),
        Signature(
            "--reasoning-parser", r"(?i)(?:requires?|must|need).{0,60}(?P<option>--reasoning-parser)", weight=0.85
        ),
        Signature("Please set --enable", r"[Pp]lease set (?:the )?(?P<option>--enable[\w-]{1,60})", weight=0.9),
        Signature(
            " please enable ",
            r"(?i)please enable (?:it )?(?:with|using|by setting) [`'\"]?(?P<option>--[\w-]{2,60})",
            weight=0.85,
        ),
        Signature(
            "is not enabled. ",
            r"(?i)is not enabled\. (?:please )?(?:start|launch|restart|run|set|use|pass)"
            r".{0,60}(?P<option>--[\w-]{2,60})",
            weight=0.9,
        ),
        Signature(
            "The model does not support Embeddings API",
            r"(?P<option>Embeddings API)",
            weight=0.9,
            message="the model was started for another task than embeddings (`--task embed`, `--runner pooling`)",
        ),
        Signature("does not support Rerank (Score) API", weight=0.9),
        Signature("Profiler is not enabled", weight=0.9),
        Signature(
            "explicit model control is not enabled",
            r"(?P<option>explicit model control)",
            weight=0.9,
            message="the server was started without `--model-control-mode=explicit`",
        ),
    ),
    related=("options-incompatible", "chat-template-missing", "serving-config-mismatch"),
)

_TOOLS = frozenset(("--enable-auto-tool-choice", "--tool-call-parser"))


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Start it with the option."""
    option = str(params.get("option", ""))
    if option in _TOOLS:
        yield Remedy(
            why=say(
                "Start the server with the parser of the model's family: `hermes` for Qwen, `llama3_json`, `mistral`."
            ),
            commands=(
                command(
                    facts,
                    "vllm",
                    "serve",
                    model_folder(facts),
                    "--enable-auto-tool-choice",
                    "--tool-call-parser",
                    "hermes",
                ),
            ),
            safe=True,
        )
    elif option.startswith("--"):
        yield Remedy(why=say("Add {option} to the command that starts the server.", option=option), safe=True)
    else:
        yield Remedy(why=say("Start the server with the option that the message names."), safe=True)
    yield Remedy(
        why=say("Or let the client do without: leave tools, images or adapters out of the request."), safe=True
    )
