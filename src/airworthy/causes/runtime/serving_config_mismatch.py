"""The server's configuration of the model disagrees with the model.

## What happens

Triton Inference Server does not load a model: `the model expects 4 dimensions (shape [-1,3,224,224]) but the model
configuration specifies 3`, `unexpected datatype INT64 for input 'users'`, `unexpected inference output`. Or it is
loaded, and every request is refused for its shape. With OpenAI servers: `The model '…' does not exist`, though the
server serves one.

## Why

Names, types and dimensions stand in two places, in the model and in the server's configuration (`config.pbtxt`, a
served name, a number of classes), and one of them was changed. In Triton `max_batch_size` above 0 adds a batch axis
in front of `dims`: a model without one, or `dims` that already hold it, do not fit.

## How to end it

Let the server write the configuration (Triton: leave `config.pbtxt` out) and compare. Correct names, types and
dimensions to what the model has. Call the model by the name that `GET /v1/models` reports.

## How to prevent it

Make the configuration from the model in the build, in place of writing it by hand.

## Example

```
E0330 09:12:44.101 1 model_lifecycle.cc:621] failed to load 'densenet' version 1: Invalid argument: model 'densenet', tensor 'fc6_1': the model expects 4 dimensions (shape [1,1000,1,1]) but the model configuration specifies 1 dimensions (shape [1001])
```

## References

- https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_configuration.html
- https://github.com/triton-inference-server/server/issues/2644
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command, model_file
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.keys import MODEL_PATH
from airworthy.core.messages import say

CAUSE = Cause(
    slug="serving-config-mismatch",
    severity=Severity.ERROR,
    uses=(MODEL_PATH,),
    message="`{tensor}`: the model has {found}, the configuration {configured}",
    unpredictable="servers' own configuration files are not read",
    signatures=(
        Signature(
            "but the model configuration specifies",
            r"tensor '(?P<tensor>[^']{1,120})'[,:]* the model expects \d+ dimensions \(shape (?P<found>\[[-\d,]*\])\) "
            r"but "
            r"the model configuration specifies \d+ dimensions.{0,160}?shape (?P<configured>\[[-\d,]*\])",
        ),
        Signature(
            "the model expects data-type",
            r"data-type (?P<found>\w+) but the model configuration specifies data-type "
            r"(?P<configured>\w+)",
            message="the model has {found}, the configuration {configured}",
        ),
        Signature("but the model configuration specifies"),
        Signature(
            "unexpected shape for input",
            r"input '(?P<tensor>[^']{1,120})' for model '[^']*'\. Expected (?P<configured>\[[-\d, ]*\]), got "
            r"(?P<sent>\[[-\d, ]*\])",
            weight=0.95,
            message="requests send `{tensor}` as {sent}, and it is configured as {configured}",
        ),
        Signature(
            "unexpected datatype",
            r"unexpected (?:datatype|data-type) (?:TYPE_)?(?P<found>\w+) for "
            r"(?:input|output|inference (?:input|output)|inference output) '(?P<tensor>[^']{1,120})', expecting "
            r"(?:TYPE_)?(?P<configured>\w+)",
        ),
        Signature(
            "unexpected inference input",
            r"inference input '(?P<tensor>[^']{1,120})'",
            message="the model has no input named `{tensor}`",
        ),
        Signature(
            "unexpected inference output",
            r"inference output '(?P<tensor>[^']{1,120})'",
            message="the model has no output named `{tensor}`",
        ),
        Signature(
            "inference input data-type is",
            r"data-type is '(?P<sent>\w+)', but the model '[^']*' expects "
            r"'(?P<configured>\w+)'",
            weight=0.92,
            message="requests send {sent}, and {configured} is configured",
        ),
        Signature("unable to autofill for"),
        Signature("failed to autofill"),
        Signature("Must specify platform for"),
        Signature("must specify 'platform' or 'backend'"),
        Signature("unexpected platform type"),
        Signature(
            "model configuration", r"(?:invalid|failed to (?:load|read|parse)) (?:the )?model configuration", weight=0.9
        ),
        Signature("Error parsing text-format inference.ModelConfig"),
        Signature("Error parsing text-format", r"text-format \S*ModelConfig"),
        Signature("model output must specify 'dims'", r"model (?:input|output) must specify 'dims'", weight=0.95),
        Signature("must specify 'dims' for"),
        Signature("does not support batching", r"model .{0,80}does not support batching", weight=0.9),
        Signature("expected batch-size to be", weight=0.95),
        Signature(
            "batch-size must be <=",
            r"batch-size must be <= (?P<configured>\d+) for",
            message="a request is larger than the configured batch of {configured}",
        ),
        Signature(
            "inputs but got",
            r"expected (?P<configured>\d+) inputs but got (?P<sent>\d+) inputs for model",
            weight=0.95,
            message="{sent} inputs were sent, and {configured} are configured",
        ),
        Signature(
            "Request for unknown model",
            r"unknown model: '(?P<model>[^']{1,200})'",
            weight=0.85,
            message="the server serves no model named `{model}`",
        ),
        Signature(
            "does not exist.",
            r"The model [`'\"](?P<model>[^`'\"]{1,200})[`'\"] does not exist\.",
            weight=0.8,
            message="the server serves no model named `{model}`",
        ),
        Signature("Servable not found for request", weight=0.85),
        Signature("No versions of servable", weight=0.7),
        Signature("Serving signature", r"Serving signature (?:name|key).{0,80}not found", weight=0.9),
        Signature(
            "tensorrt_llm",
            r"(?i)max_(?:beam_width|batch_size|input_len|seq_len|tokens) .{0,80}(?:exceeds|larger than|"
            r"greater than) .{0,60}engine",
            weight=0.85,
        ),
        Signature("failed to parse the model config", r"(?i)failed to parse the model config", weight=0.85),
        Signature(
            "unexpected shape for output",
            r"output '(?P<tensor>[^']{1,120})'",
            message="the model's output `{tensor}` has another shape than is configured",
        ),
        Signature("ModelNotFoundException", weight=0.8),
    ),
    related=("shape-mismatch", "dtype-mismatch", "model-not-found", "context-too-long"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The model's own word, then the configuration."""
    if "model" in params:
        yield Remedy(
            why=say("Ask the server for the names that it serves, and call the model by one of them."),
            commands=("curl -s http://127.0.0.1:8000/v1/models",),
            safe=True,
        )
        return
    yield Remedy(
        why=say("List names, types and shapes as the model has them, and write the configuration like that."),
        commands=(command(facts, "airworthy", "inspect", model_file(facts)),),
        safe=True,
    )
    yield Remedy(
        why=say(
            "Let Triton write it: start without `config.pbtxt` and compare with what it made, "
            "`GET /v2/models/NAME/config`. With `max_batch_size` above 0 leave the batch axis out of `dims`."
        ),
        safe=True,
    )
