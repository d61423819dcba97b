"""Text generation: what is asked of an engine, the events that it answers with, and what a generator runner is.

One request goes in and events come out as they happen; the engine batches its requests by itself. All of it is plain
data that crosses to the worker process as MessagePack.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Optional, Protocol, Union, runtime_checkable

import msgspec

from airworthy.core.errors import AirworthyError

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "cancelled"]
"""Why an answer ended, in OpenAI's terms; `cancelled` where the caller wanted no more of it."""

BYTES_PER_TOKEN = 3.5
"""Bytes of text in a token, where nothing better is known; English in common vocabularies."""


class Sampling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the next token is chosen; None leaves a choice to the engine."""

    temperature: Optional[float] = None
    """0 takes the likeliest token."""
    top_p: Optional[float] = None
    """The share of probability among which it is drawn."""
    top_k: Optional[int] = None
    """The number of tokens among which it is drawn; 0 for all."""
    min_p: Optional[float] = None
    """The probability, relative to the likeliest token's, below which none is drawn."""
    presence_penalty: float = 0.0
    """Subtracted once from the logit of a token that occurred."""
    frequency_penalty: float = 0.0
    """Subtracted from a token's logit for each time that it occurred."""
    repeat_penalty: Optional[float] = None
    """Divides the logit of a token that occurred."""
    seed: Optional[int] = None
    """Makes drawing repeatable for a request that runs by itself."""
    logit_bias: dict[str, float] = {}
    """Added to logits, by token id."""


class GenerationRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One text to generate: from a conversation, or from a prompt as it stands."""

    messages: tuple[dict[str, Any], ...] = ()
    """A conversation in OpenAI's shape; the model's chat template makes the prompt of it. Empty for a plain prompt."""
    prompt: str = ""
    """A plain prompt."""
    prompt_ids: tuple[int, ...] = ()
    """A plain prompt as token ids."""
    max_tokens: int = 0
    """Tokens that may be generated; 0 for as many as the context holds."""
    stop: tuple[str, ...] = ()
    """Texts that end the answer, and are not part of it."""
    sampling: Sampling = Sampling()
    """How tokens are chosen."""
    top_logprobs: Optional[int] = None
    """Alternatives reported with each token's log-probability; None for no log-probabilities."""
    schema: Optional[dict[str, Any]] = None
    """The JSON schema of the answer; `{}` for any JSON object, None for free text."""
    tools: tuple[dict[str, Any], ...] = ()
    """Functions that the model may call, in OpenAI's shape."""
    tool_choice: Union[str, dict[str, Any]] = "auto"
    """`auto`, `none`, `required`, or one function."""
    parallel_tool_calls: bool = True
    """Whether one answer may hold several calls."""
    template_arguments: dict[str, Any] = {}
    """Further arguments of the chat template, `{"enable_thinking": false}`."""
    ignore_end: bool = False
    """Whether the token that ends an answer is passed over, so that its length is `max_tokens`: for measuring."""

    def estimate_prompt(self) -> int:
        """Tokens of the prompt by its length, before anything is tokenised; exact for token ids."""
        if self.prompt_ids:
            return len(self.prompt_ids)
        size = len(self.prompt.encode()) + sum(len(str(m.get("content") or "").encode()) for m in self.messages)
        return int(size / BYTES_PER_TOKEN) + 1


class Event(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The base of what an engine reports while it answers."""


class PromptProgress(Event, frozen=True, tag=True, array_like=True):
    """A part of the prompt was read. Sent at least once before the first token, so that a caller can end a prefill."""

    processed: int
    """Tokens read so far."""
    total: int
    """Tokens of the prompt."""


class TokenLogprob(msgspec.Struct, frozen=True, array_like=True):
    """A token with its log-probability."""

    token: str
    """Its text."""
    logprob: float
    """Natural logarithm of its probability."""
    top: tuple[tuple[str, float], ...] = ()
    """The likeliest tokens in its place, the likeliest first."""


class TextDelta(Event, frozen=True, tag=True, array_like=True):
    """A piece of the answer; whole code points."""

    text: str
    """The piece."""
    logprobs: tuple[TokenLogprob, ...] = ()
    """Its tokens, where they were requested."""


class ReasoningDelta(Event, frozen=True, tag=True, array_like=True):
    """A piece of what the model thinks before it answers."""

    text: str
    """The piece."""


class ToolCallDelta(Event, frozen=True, tag=True, array_like=True):
    """A piece of a call: the first one has its id and name and no arguments, the others arguments alone."""

    index: int
    """The call's place among the answer's calls, from 0."""
    arguments: str = ""
    """A piece of its arguments, which together are JSON."""
    id: str = ""
    """The call's name for its answer."""
    name: str = ""
    """The function."""


class Finished(Event, frozen=True, tag=True, array_like=True):
    """The last event of an answer."""

    reason: FinishReason
    """Why it ended."""
    prompt_tokens: int
    """Tokens of the prompt."""
    completion_tokens: int
    """Tokens generated."""
    cached_tokens: int = 0
    """Tokens of the prompt that were still known from the same caller's request before."""


AnyEvent = Union[PromptProgress, TextDelta, ReasoningDelta, ToolCallDelta, Finished]
Emit = Callable[[AnyEvent], bool]
"""Takes an event; False means that no client wants the rest."""


class ContextExceeded(AirworthyError):
    """A prompt that leaves no room for an answer."""

    code = "context-exceeded"
    message = "the prompt has {prompt} tokens, and the context of this model holds {context}, the answer included"
    hint = "shorten the conversation, or serve the model with a longer context"


class InvalidGeneration(AirworthyError):
    """A request that the engine can't carry out as it stands."""

    code = "invalid-generation"
    message = "{detail}"


class GeneratorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a loaded generator is, as the engine says once it is loaded."""

    slots: int
    """Requests that it takes at a time."""
    context: int
    """Tokens of one request, prompt and answer together: what was really allocated, not what was requested."""
    trained_context: int = 0
    """Tokens that the model was made for; 0 where nothing says."""
    chat: bool = True
    """Whether it has a chat template, so that it takes conversations."""
    tools: bool = False
    """Whether its template takes tools."""
    schemas: bool = False
    """Whether the engine can hold an answer to a JSON schema."""
    logprobs: Optional[int] = None
    """Alternatives that it can report with each token's log-probability, 0 for none; None for no log-probabilities."""


@runtime_checkable
class GeneratorRunner(Protocol):
    """A loaded language model. `generate` is called by as many threads at a time as it has slots."""

    info: GeneratorInfo

    def generate(self, request: GenerationRequest, emit: Emit) -> Finished:
        """Answer one request in the calling thread; each event goes to `emit`, the last one is returned instead.

        Once `emit` answers False the engine gives the slot up, and the reason is `cancelled`.

        Raises:
            ContextExceeded: the prompt does not fit; reported before any token.
            InvalidGeneration: the request asks for what the engine or the model doesn't do.
            RunFailed: the engine failed.
        """

    def count(self, request: GenerationRequest) -> int:
        """Tokens of a request's prompt, its conversation put through the chat template.

        Raises:
            InvalidGeneration: the template refuses the conversation.
        """

    def tokenize(self, text: str) -> tuple[int, ...]:
        """The token ids of a text, without those that begin or end a prompt."""

    def close(self) -> None:
        """Release the model. Calling it twice is harmless."""
