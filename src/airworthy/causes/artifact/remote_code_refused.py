"""The model needs code of its own that was not allowed to run.

## What happens

Loading stops before the weights: `Loading … requires you to execute the configuration file in that repo on your
local machine … set the option trust_remote_code=True`. A service without a terminal may hang at the question or end
at once.

## Why

The library has no code for this architecture; the model's folder brings it (`auto_map` in `config.json`), and
loading the model runs that code with all rights of the process. So it is refused until the user allows it. Keras
refuses a `Lambda` layer with Python code inside for the same reason.

## How to end it

First see whether a newer release of the library knows the architecture itself: then no code is needed. Else read
the code, pin the revision that you read, and allow it for this model only.

## How to prevent it

Prefer models whose architecture the library has. Keep code that you allowed in a place of your own, by revision.

## Example

```
ValueError: Loading /srv/models/ChatGLM3-6b requires you to execute the configuration file in that repo on your local
machine. Make sure you have read the code there to avoid malicious use, then set the option `trust_remote_code=True`
to remove this error.
```

## References

- https://huggingface.co/docs/transformers/models#custom-models
- https://docs.vllm.ai/en/latest/usage/security.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.artifact.architecture_unknown import CODE_FORMATS
from airworthy.causes.commands import command, model_folder, pip_install
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import DISTRIBUTIONS, MODEL_CONFIGURATION, MODEL_ENTRY_FORMAT, MODEL_PATH
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="remote-code-refused",
    severity=Severity.ERROR,
    needs=(MODEL_CONFIGURATION,),
    uses=(MODEL_ENTRY_FORMAT, DISTRIBUTIONS, MODEL_PATH),
    message=(
        "the model runs code of its own when it is loaded ({code}), and loaders refuse that unless they are set to"
    ),
    signatures=(
        Signature("requires you to execute the"),
        Signature("custom code ", r"(?:contains|references) custom code .{0,80}which must be executed"),
        Signature("Do you wish to run the custom code?"),
        Signature("Requested the deserialization of a", r"disallowed by default"),
        Signature("The loading of this model requires remote code"),
        Signature(
            "trust_remote_code",
            r"(?:set|pass|Please pass)(?:ing)? (?:the (?:option|argument) )?`?trust_remote_code=True` ?(?:to|$)",
            weight=0.93,
        ),
        Signature("trust_remote_code", r"consider setting `trust_remote_code=True`", weight=0.85),
        Signature(
            "trust-remote-code", r"(?:requires|need|must|please|set|pass|use).{0,60}--trust-remote-code", weight=0.8
        ),
        Signature(
            "trust_remote_code",
            r"trust_remote_code.{0,40}(?:must be|is required|needs to be|to be) (?:set|True)",
            weight=0.8,
        ),
    ),
    related=("architecture-unknown", "unsafe-pickle", "serialized-code-incompatible"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Code of its own, where no release of transformers is known to have the architecture."""
    configuration = facts.value(MODEL_CONFIGURATION)
    if not configuration.remote_code or facts.get_value(MODEL_ENTRY_FORMAT, "") not in CODE_FORMATS:
        return
    installed = next((d.version for d in facts.get_value(DISTRIBUTIONS, ()) if d.name == "transformers"), None)
    first = known.first_with_model_type(configuration.model_type)
    if first is not None and (
        installed is None or known.knows_model_type(configuration.model_type, installed).value is not False
    ):
        return  # the library's own code is used unless the other is requested
    yield CAUSE.finding(
        facts,
        facts.get_value(MODEL_PATH, configuration.model_type),
        evidence=(MODEL_CONFIGURATION,),
        # The user who starts it may allow it, and then it works.
        severity=Severity.WARNING,
        confidence=Confidence.MEDIUM,
        code=configuration.remote_code[:3],
        type=configuration.model_type,
        first=str(first) if first else "",
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Do without, or read first."""
    first = str(params.get("first", ""))
    if first:
        yield Remedy(
            why=say("transformers {first} has this architecture itself; then no other code runs.", first=first),
            commands=(pip_install(facts, "--upgrade", f"transformers>={first}"),),
        )
    folder = model_folder(facts)
    yield Remedy(
        why=say("Read the code before you let it run; it has all rights of the process."),
        commands=(command(facts, "find", folder, "-name", "*.py"),),
        safe=True,
    )
    yield Remedy(
        why=say("Then allow it for this model only: `trust_remote_code=True`, or `--trust-remote-code` for a server.")
    )
