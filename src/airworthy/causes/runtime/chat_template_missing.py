"""There is no chat template for a chat request.

## What happens

`/v1/chat/completions` answers 400: `As of transformers v4.44, default chat template is no longer allowed, so you must
provide a chat template if the tokenizer does not define one`. `/v1/completions` works.

## Why

A chat is a list of messages, a model reads one text. The template that joins them is part of the tokenizer
(`chat_template` in `tokenizer_config.json`, or `chat_template.jinja`). Base models have none, since they were never
trained on chats; older instruct models, and many fine-tuned or converted ones, lost it. Until 4.43 transformers made
one up.

## How to end it

Give the server the template of the family that the model was tuned from (`--chat-template FILE`), or use the
instruct variant of the model. For a base model use `/v1/completions`.

## How to prevent it

Look for the template when a model is taken in; `airworthy check MODEL` does. Save the tokenizer together with a
fine-tuned model.

## Example

```
{'error': {'message': 'As of transformers v4.44, default chat template is no longer allowed, so you must provide a chat template if the tokenizer does not define one.', 'type': 'BadRequestError', 'param': None, 'code': 400}}
```

## References

- https://huggingface.co/docs/transformers/chat_templating
- https://docs.vllm.ai/en/latest/serving/openai_compatible_server/#chat-template
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command, model_folder
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import MODEL_CHAT_TEMPLATE, MODEL_PATH
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="chat-template-missing",
    severity=Severity.ERROR,
    needs=(MODEL_CHAT_TEMPLATE,),
    uses=(MODEL_PATH,),
    message="no chat template lies beside {model}, so chat requests will be refused",
    signatures=(
        Signature("default chat template is no longer allowed"),
        Signature("tokenizer.chat_template is not set and no template argument was passed"),
        Signature("this tokenizer does not have a chat template"),
        Signature("you must provide a chat template"),
        Signature("chat_template is not set"),
        Signature("does not have a chat template"),
        Signature(
            "No chat template", r"(?i)no chat template (?:is )?(?:was )?(?:found|defined|set|specified|available)"
        ),
        Signature("missing chat template", weight=0.95),
        Signature("emplate error: template not found"),
        Signature("chat template", r"(?i)\btemplate not found\b.{0,40}chat|chat template not found", weight=0.95),
        Signature("does not support chat", r'"?[\w.:/-]+"? does not support chat', weight=0.7),
        Signature("this custom template is not supported", weight=0.6),
    ),
    related=("tokenizer-broken", "serving-config-mismatch", "architecture-unknown"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """A text generator whose files hold no template."""
    if facts.value(MODEL_CHAT_TEMPLATE):
        return
    yield CAUSE.finding(
        facts,
        facts.get_value(MODEL_PATH, "MODEL"),
        evidence=(MODEL_CHAT_TEMPLATE,),
        # Completions work, and a base model was never meant for chats.
        severity=Severity.WARNING,
        model=facts.get_value(MODEL_PATH, "MODEL"),
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The family's template, or another kind of request."""
    yield Remedy(
        why=say("Give the server the template of the family that the model was tuned from."),
        commands=(command(facts, "vllm", "serve", model_folder(facts), "--chat-template", "template.jinja"),),
        safe=True,
    )
    yield Remedy(
        why=say("For a base model send `/v1/completions`, or serve the instruct variant of the model."), safe=True
    )
