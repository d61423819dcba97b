"""What an upstream did wrong, and what follows from it: another try, an open breaker, a status for the client."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from airworthy.core.messages import say
from airworthy.serve.workers.wire import RunFailure

UNAVAILABLE = "upstream-unavailable"
"""The code of a failure that says when to come back."""
RETRIED = frozenset({429, 502, 503, 504})
"""Statuses after which another upstream, or the same one later, may answer."""
CLIENTS_OWN = frozenset({400, 413, 422})
"""Statuses that blame the request, which no other upstream would answer."""
MAX_MESSAGE = 500
"""Characters of an upstream's message that are passed on."""
_CONTEXT = re.compile(r"maximum context length is (\d{1,9}) tokens.{0,200}?(\d{1,9})(?: input)? tokens", re.DOTALL)
_KEY = re.compile(r"(?i)\b(?:bearer\s+|sk-|hf_)[^\s\"',}]{4,}")


class UpstreamError(Exception):
    """One try of one request ended without an answer."""

    def __init__(
        self,
        detail: str,
        *,
        code: str = "upstream-failed",
        retry: bool = False,
        pause: float | None = None,
        blames: bool = True,
        params: dict[str, Any] | None = None,
        summary: str = "",
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.summary = summary or detail
        """The detail without the upstream's own words, which may repeat a prompt: for pages that need no key."""
        self.code = code
        """The code of the failure that the client gets."""
        self.can_retry = retry
        """Whether another try may end otherwise, as long as the client has seen nothing."""
        self.pause = pause
        """Seconds for which the upstream asks to be left alone; None where it does not ask."""
        self.blames = blames
        """Whether it counts against the upstream."""
        self.params = params or {}
        """Parameters of the failure beside the detail."""

    def failure(self, number: int) -> RunFailure:
        """As the frame that reports it."""
        return RunFailure(number, self.code, {"detail": self.detail, **self.params})


def of_status(status: int, body: bytes, retry_after: float | None) -> UpstreamError:
    """A response whose status says that there is no answer."""
    text, params = describe(body)
    detail = say("status {status}: {text}", status=status, text=text)
    if status in CLIENTS_OWN:
        if params:
            return UpstreamError(detail, code="context-exceeded", blames=False, params=params)
        return UpstreamError(detail, code="invalid-generation", blames=False)
    if status == 429:
        return UpstreamError(
            say("it asks for a pause"), code=UNAVAILABLE, retry=True, pause=retry_after or 0.0, blames=False
        )
    if status in (401, 403):
        return UpstreamError(say("it refuses the key that it was given (status {status})", status=status))
    if 300 <= status < 400:
        return UpstreamError(say("it redirects (status {status}), which is not followed", status=status))
    summary = say("status {status}", status=status)
    if status == 503:
        return UpstreamError(detail, code=UNAVAILABLE, retry=True, pause=retry_after, summary=summary)
    return UpstreamError(detail, retry=status in RETRIED, summary=summary)


def of_error_event(error: Any) -> UpstreamError:
    """An error in place of a piece of the answer."""
    code = error.get("code") if isinstance(error, dict) else None
    status = code if isinstance(code, int) and not isinstance(code, bool) else 0
    if 400 <= status < 600:
        return of_status(status, msgspec.json.encode({"error": error}), None)
    text, params = describe(msgspec.json.encode({"error": error}))
    if params:
        return UpstreamError(text, code="context-exceeded", blames=False, params=params)
    return UpstreamError(say("it answered with an error: {text}", text=text), summary=say("it answered with an error"))


def describe(body: bytes) -> tuple[str, dict[str, Any]]:
    """What an error's body says, with keys taken out; and the tokens, where it is that a prompt is too long."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _plain(body.decode(errors="replace")), {}
    error = document.get("error", document) if isinstance(document, dict) else document
    if not isinstance(error, dict):
        return _plain(str(error)), {}
    message = str(error.get("message") or error.get("detail") or error.get("type") or "")
    prompt, context = error.get("n_prompt_tokens"), error.get("n_ctx")
    if isinstance(prompt, int) and isinstance(context, int):
        return _plain(message), {"prompt": prompt, "context": context}
    found = _CONTEXT.search(message)
    if found:
        return _plain(message), {"prompt": int(found[2]), "context": int(found[1])}
    return _plain(message), {}


def _plain(text: str) -> str:
    if text.lstrip()[:1] == "<":
        return say("it answered with a page of HTML")
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _KEY.sub("***", line)[:MAX_MESSAGE] or say("it says nothing")
