"""The model, or this server's implementation of it, does not have the feature that is used.

## What happens

A server refuses an option or a request for this model alone: `Model architectures ['X'] do not support LoRA`, `does
not support pipeline parallelism`, `"llava" does not support tools`, `this model does not support embeddings`. Another
model works.

## Why

Adapters, pipeline parallelism, tools, images, embeddings and speculative decoding are written or trained for each
architecture. This one lacks it, or the server's release does not have it for this architecture yet.

## How to end it

Do without the feature, or take a model that has it. Read the server's table of supported models; a newer release may
have it.

## How to prevent it

Compare the list of what clients use with the server's table of models before choosing one.

## Example

```
ValueError: Model architectures ['GPT2LMHeadModel'] do not support LoRA yet.
```

## References

- https://docs.vllm.ai/en/latest/models/supported_models/
- https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="feature-unsupported-by-model",
    severity=Severity.ERROR,
    message="{model} does not support {feature}",
    unpredictable="what a server implements for an architecture is known to its release",
    signatures=(
        Signature(
            "do not support LoRA",
            r"(?:Model architectures? )?(?P<model>[\w.\[\]', /:-]{1,120}?) do not support (?P<feature>LoRA)",
            weight=0.95,
        ),
        Signature(
            "does not support LoRA", r"(?P<model>[\w./:-]{1,120}) does not support (?P<feature>LoRA)", weight=0.95
        ),
        Signature("ipeline parallelism is not supported for this model", weight=0.95),
        Signature(
            "ipeline parallel",
            r"(?P<model>[\w.\[\]', /:-]{1,120}?) do(?:es)? not support (?P<feature>pipeline parallel\w{0,5})",
            weight=0.9,
        ),
        Signature(
            "does not support tools",
            r"\\?\"?(?P<model>[\w./:-]{1,200}?)\\?\"? does not support (?P<feature>tools)",
            weight=0.95,
        ),
        Signature(
            "does not support thinking",
            r"\\?\"?(?P<model>[\w./:-]{1,200}?)\\?\"? does not support (?P<feature>thinking)",
            weight=0.95,
        ),
        Signature(
            "does not support generate",
            r"\\?\"?(?P<model>[\w./:-]{1,200}?)\\?\"? does not support (?P<feature>generate)",
            weight=0.9,
        ),
        Signature(
            "does not support insert",
            r"\\?\"?(?P<model>[\w./:-]{1,200}?)\\?\"? does not support (?P<feature>insert)",
            weight=0.9,
        ),
        Signature(
            "does not support embeddings",
            r"(?:this model|\"?(?P<model>[\w./:-]{1,200}?)\"?) does not support (?P<feature>embeddings)(?!\. Start)",
            weight=0.85,
        ),
        Signature("does not support BitsAndBytes quantization yet", weight=0.9),
        Signature("does not support multimodal", r"(?i)does not support multi-?modal", weight=0.85),
        Signature(
            "At most 0 image",
            r"At most 0 (?P<feature>image|audio|video)",
            weight=0.9,
            message="the model takes no {feature} input",
        ),
        Signature(
            "is not a multimodal model",
            r"(?P<model>\S{1,200}) is not a multimodal model",
            weight=0.9,
            message="{model} takes text only",
        ),
        Signature("This model does not support image input", weight=0.95),
        Signature(
            "The model does not support ",
            r"[Tt]he model does not support (?P<feature>(?!Embeddings API)[\w /-]{3,60})",
            weight=0.85,
            message="the model does not support {feature}",
        ),
        Signature(
            "This model does not support ",
            r"This model does not support (?P<feature>[\w /-]{3,60})",
            weight=0.85,
            message="the model does not support {feature}",
        ),
        Signature("peculative decoding is not supported for", weight=0.9),
        Signature("prefix caching is not supported for", r"(?i)prefix caching is not supported for", weight=0.8),
        Signature("does not support cache quantization", weight=0.8),
    ),
    related=("feature-not-enabled", "options-incompatible", "architecture-unknown"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Without it, or with another model."""
    feature = str(params.get("feature", ""))
    yield Remedy(
        why=say("Leave {feature} out, or take a model whose card says that it has it.", feature=feature)
        if feature
        else say("Leave the feature out that the message names, or take a model whose card says that it has it."),
        safe=True,
    )
    yield Remedy(
        why=say("Read the server's table of supported models; a newer release may have it for this architecture.")
    )
