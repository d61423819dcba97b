"""The chat template fails to render, or refuses the messages of a request.

## What happens

A chat request ends with an error of the template language: `jinja2.exceptions.TemplateError: Conversation roles must
alternate user/assistant/user/assistant/...`, `UndefinedError: 'dict object' has no attribute 'content'`,
`TemplateSyntaxError: Encountered unknown tag`, `System role not supported`. Completions work.

## Why

The template is a program in the tokenizer's files. It raises an error on purpose where the model was never trained on
such a conversation (a system message, two messages of the user in a row, tools), or it was damaged or written for
another renderer: llama.cpp's, Hugging Face's and Ollama's differ.

## How to end it

Change the messages to what the template takes: put the system text into the first message of the user, join
neighbouring messages of one role. Or give the server a template that takes them (`--chat-template FILE`).

## How to prevent it

Render a conversation with a system message, tools and several turns when a model is taken in. `airworthy inspect
MODEL` reports templates that can't be read.

## Example

```
jinja2.exceptions.TemplateError: Conversation roles must alternate user/assistant/user/assistant/...
```

## References

- https://huggingface.co/docs/transformers/chat_templating
- https://jinja.palletsprojects.com/en/stable/api/#exceptions
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command, model_folder
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="chat-template-invalid",
    severity=Severity.ERROR,
    message="the chat template refuses the conversation: {reason}",
    unpredictable="a template refuses some conversations and renders others",
    signatures=(
        Signature("jinja2.exceptions.TemplateError: ", r"TemplateError: (?P<reason>[^\n]{1,200})"),
        Signature("TemplateError: ", r"\bTemplateError: (?P<reason>[^\n]{1,200})", weight=0.95),
        Signature(
            "TemplateSyntaxError",
            r"(?:jinja2\.exceptions\.|jinja2\.)TemplateSyntaxError(?:: (?P<reason>[^\n]{1,200}))?",
        ),
        Signature("jinja2.exceptions.UndefinedError", r"UndefinedError: (?P<reason>[^\n]{1,200})", weight=0.95),
        Signature("jinja2.exceptions.SecurityError", r"SecurityError: (?P<reason>[^\n]{1,200})", weight=0.95),
        Signature(
            "jinja2.exceptions.TemplateRuntimeError", r"TemplateRuntimeError: (?P<reason>[^\n]{1,200})", weight=0.95
        ),
        Signature("Conversation roles must alternate", r"(?P<reason>Conversation roles must alternate)", weight=0.95),
        Signature(
            "onversation roles must alternate user",
            r"(?P<reason>[Cc]onversation roles must alternate user)",
            weight=0.95,
        ),
        Signature("System role not supported", r"(?P<reason>System role not supported)", weight=0.9),
        Signature(
            "Only user and assistant roles are supported",
            r"(?P<reason>Only user and assistant roles are supported)",
            weight=0.95,
        ),
        Signature("Jinja Exception: ", r"Jinja Exception: (?P<reason>[^\n\"]{1,200})", weight=0.95),
        Signature("failed to parse chat template", weight=0.95),
        Signature("Failed to parse chat template", weight=0.95),
        Signature(
            "failed to apply chat template",
            r"(?i)failed to apply chat template(?:: (?P<reason>[^\n]{1,200}))?",
            weight=0.85,
        ),
        Signature(
            "Error rendering prompt with jinja template",
            r"jinja template(?:: \"?(?P<reason>[^\n\"]{1,200}))?",
            weight=0.95,
        ),
        Signature("rror applying chat template", r"(?i)error applying chat template", weight=0.85),
        Signature("the supplied chat template is not supported", weight=0.95),
        Signature("chat template parsing error", weight=0.95),
        Signature(
            "Template error: ",
            r"Template error: (?P<reason>(?:syntax|invalid operation|undefined|unknown)[^\n]{1,200})",
            weight=0.9,
        ),
        Signature("minijinja", r"(?i)minijinja.{0,80}error|error.{0,80}minijinja", weight=0.85),
        Signature("While executing ", r"While executing \w{1,40} at line \d+, column \d+ in source", weight=0.85),
    ),
    related=("chat-template-missing", "tokenizer-broken", "feature-not-enabled"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Other messages, or another template."""
    reason = str(params.get("reason", "")).lower()
    if "system" in reason:
        yield Remedy(why=say("Put the system message's text at the head of the first message of the user."), safe=True)
    elif "alternate" in reason:
        yield Remedy(
            why=say(
                "Join neighbouring messages of one role, and begin with one of the user, after at most one of the "
                "system."
            ),
            safe=True,
        )
    yield Remedy(
        why=say(
            "Give the server a template that takes such conversations, of the family that the model was tuned from."
        ),
        commands=(command(facts, "vllm", "serve", model_folder(facts), "--chat-template", "template.jinja"),),
        safe=True,
    )
