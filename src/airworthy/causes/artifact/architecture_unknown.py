"""The runtime does not know this model architecture.

## What happens

The loader reads the configuration and stops: `model type qwen3_next but Transformers does not recognize this
architecture`, `unknown model architecture: 'pangu-embedded'`, `Model architectures [...] are not supported for
now`.

## Why

Each architecture is code in the runtime. Models are published within hours of that code, and the release in a
server image is months old. Some architectures are never added, because the model brings its own code
(`remote-code-refused`), and some servers serve only a part of what their library can load: encoders, heads and
adapters are missing there.

## How to end it

Upgrade the runtime to the release that brought the architecture. Where it has none, use a runtime that has, or
convert the model to a format whose graph needs no code (ONNX).

## How to prevent it

Read `transformers_version` in the model's `config.json` before choosing an image.

## Example

```
llama_model_load: error loading model: error loading model architecture: unknown model architecture: 'pangu-embedded'
llama_model_load_from_file_impl: failed to load model
```

## References

- https://docs.vllm.ai/en/latest/models/supported_models.html
- https://huggingface.co/docs/transformers/index
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install
from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.core.facts import Facts, Unknown
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import DISTRIBUTIONS, MODEL_CONFIGURATION, MODEL_ENTRY_FORMAT, MODEL_PATH
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="architecture-unknown",
    severity=Severity.ERROR,
    needs=(MODEL_CONFIGURATION,),
    uses=(MODEL_ENTRY_FORMAT, DISTRIBUTIONS, MODEL_PATH),
    message="transformers {installed} does not know {type}; {first} does",
    signatures=(
        Signature(
            "The checkpoint you are trying to load has model type",
            r"has model type `(?P<type>[\w.-]{1,80})`",
            message="transformers does not know the model type {type}",
        ),
        Signature("Transformers does not recognize this architecture"),
        Signature(
            "Model architectures [",
            r"Model architectures \['(?P<type>\w{1,100})'.{0,400}\] are not supported",
            message="the server does not know the architecture {type}",
        ),
        Signature(
            "has no vLLM implementation and", r"(?P<type>\w{1,100}) has no vLLM implementation and the Transformers"
        ),
        Signature(
            "unknown model architecture",
            r"unknown model architecture: '(?P<type>[^'\n]{1,80})'",
            message="the runtime does not know the architecture {type}",
        ),
        Signature(
            "rchitecture",
            r"(?i)\bunsupported (?:model )?architectures?\b|\barchitecture '?(?P<type>[\w-]{1,80})'? (?:is )?not "
            r"supported",
        ),
        Signature(
            "odel type", r"(?i)unsupported model type:? |model type '?(?P<type>[\w.-]{1,80})'? (?:is )?not supported"
        ),
        Signature("is not supported", r"(?:hf-to-gguf:|ERROR:.{0,40})Model (?P<type>\w{1,80}) is not supported"),
        Signature(
            "Unrecognized configuration class",
            r"configuration class <class '(?P<type>[\w.]{1,200})'> for this kind of AutoModel",
            weight=0.92,
        ),
        Signature("custom or unsupported architecture", weight=0.9),
        Signature("Unrecognized model in", r"Should have a `model_type` key", weight=0.87),
        Signature("CONFIG_MAPPING[config_dict[", weight=0.85),
        Signature(
            "transformers",
            r"(?:module '?transformers'? has no attribute|cannot import name) "
            r"'?(?P<type>\w{1,80}(?:For[A-Z]\w{1,60}|Config))'?(?: from 'transformers|$)",
            weight=0.8,
        ),
        Signature("Model architectures [", r"\['(?P<type>\w{1,100})'\] failed to be inspected", weight=0.8),
        Signature("error loading model hyperparameters", weight=0.7),
        Signature("unknown pre-tokenizer type", weight=0.6),
    ),
    related=("remote-code-refused", "format-version-unsupported", "tokenizer-broken", "api-removed"),
)

CODE_FORMATS = frozenset({"safetensors", "pytorch"})
"""Formats of weights that mean nothing without the architecture's code."""


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The configuration's model type against the installed transformers."""
    configuration = facts.value(MODEL_CONFIGURATION)
    model_type = configuration.model_type
    if not model_type or configuration.remote_code or facts.get_value(MODEL_ENTRY_FORMAT, "") not in CODE_FORMATS:
        return
    fact = facts.fact(DISTRIBUTIONS)
    if isinstance(fact, Unknown):
        raise Undecidable("{fact} is unknown: {reason}", fact=DISTRIBUTIONS.name, reason=fact.reason)
    installed = next((d.version for d in facts.get_value(DISTRIBUTIONS, ()) if d.name == "transformers"), None)
    if installed is None:
        return  # another program loads it
    answer = known.knows_model_type(model_type, installed)
    if answer.value is None:
        raise Undecidable("{reason}", reason=answer.reason)
    if answer.value:
        return
    yield CAUSE.finding(
        facts,
        facts.get_value(MODEL_PATH, model_type),
        evidence=(MODEL_CONFIGURATION, DISTRIBUTIONS),
        confidence=Confidence.MEDIUM,
        type=model_type,
        installed=installed.text,
        first=str(known.first_with_model_type(model_type)),
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The release that has it, or another runtime."""
    first = params.get("first") or Knowledge().first_with_model_type(str(params.get("type", "")))
    if first:
        yield Remedy(
            why=say("transformers {first} knows it; check that the server in use takes that release.", first=first),
            commands=(pip_install(facts, "--upgrade", f"transformers>={first}"),),
        )
    else:
        yield Remedy(why=say("Upgrade the runtime that refused the model; its release notes name what it learnt."))
    yield Remedy(
        why=say("Where it never learns it: use a runtime that has the architecture, or an export such as ONNX or GGUF.")
    )
