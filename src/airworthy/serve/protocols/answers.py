"""One generation's events put together: what every dialect needs of a whole answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from airworthy.engines.generation import (
    AnyEvent,
    Finished,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
)


class Call(msgspec.Struct):
    """A call of a function."""

    id: str
    """Its name for the answer to it."""
    name: str
    """The function."""
    arguments: str = ""
    """Its arguments, as JSON."""

    def values(self) -> dict[str, Any]:
        """The arguments as an object; empty where the answer was cut amid them."""
        try:
            found = msgspec.json.decode(self.arguments or "{}")
        except msgspec.DecodeError:
            return {}
        return found if isinstance(found, dict) else {}


class WholeAnswer:
    """A generation so far."""

    def __init__(self, events: Iterable[AnyEvent] = ()) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, Call] = {}
        self.logprobs: list[TokenLogprob] = []
        """Its tokens, where the request wants them."""
        self.reason: FinishReason = "stop"
        """Why it ended."""
        for event in events:
            self.add(event)

    def add(self, event: AnyEvent) -> None:
        """Add its next event."""
        if isinstance(event, TextDelta):
            self._text.append(event.text)
            self.logprobs += event.logprobs
        elif isinstance(event, ReasoningDelta):
            self._reasoning.append(event.text)
        elif isinstance(event, ToolCallDelta):
            call = self._calls.setdefault(event.index, Call("", ""))
            call.id, call.name = call.id or event.id, call.name or event.name
            call.arguments += event.arguments
        elif isinstance(event, Finished):
            self.reason = event.reason

    @property
    def text(self) -> str:
        """Its text."""
        return "".join(self._text)

    @property
    def reasoning(self) -> str:
        """What the model thought before."""
        return "".join(self._reasoning)

    @property
    def calls(self) -> list[Call]:
        """Its calls, in their order."""
        return [self._calls[index] for index in sorted(self._calls)]


def logprobs_of(tokens: Sequence[TokenLogprob]) -> list[dict[str, Any]]:
    """Tokens with their log-probabilities and those of their alternatives, in the shape that most dialects have."""
    return [
        {**_token(each.token, each.logprob), "top_logprobs": [_token(*other) for other in each.top]} for each in tokens
    ]


def _token(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}
