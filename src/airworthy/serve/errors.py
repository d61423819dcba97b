"""Why the service doesn't answer a request with a result: each with a code, and the HTTP status that says it."""

from __future__ import annotations

import math
import random
from typing import Any, ClassVar

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say

LEAST_SPREAD = 2.0
"""Seconds at least over which those who were refused at the same time are spread."""


class ClientGone(Exception):
    """The client closed the connection; there is no client to answer."""


class RequestError(AirworthyError):
    """A request that ends without a result."""

    http_status: ClassVar[int] = 400
    """The status of the response."""
    retry_after: float = 0.0
    """Seconds after which another try makes sense, other ones for each who is refused; 0 to say nothing."""

    def __init__(self, *, retry_after: float = 0.0, **params: Any) -> None:
        """Refuse.

        Args:
            retry_after: seconds until another try makes sense; 0 to say nothing.
            params: what the message says.
        """
        self.retry_after = spread(retry_after) if retry_after else 0.0
        super().__init__(**params)


def spread(seconds: float) -> float:
    """A time to come back, so that those who were refused together don't all come back together."""
    return seconds + random.uniform(0, max(LEAST_SPREAD, seconds))  # noqa: S311 - no secret


class InvalidRequest(RequestError):
    """The request itself is wrong."""

    code = "invalid-request"


class BodyTooLarge(RequestError):
    """More bytes than a body may have."""

    code = "body-too-large"
    message = "the body is larger than {limit:bytes}"
    http_status = 413


class UnsupportedEncoding(RequestError):
    """A body that is compressed in a way that we don't know."""

    code = "unsupported-encoding"
    message = "bodies of content-encoding {encoding!r} are not taken"
    hint = "send it as {known}, or without content-encoding"
    http_status = 415


class HeadersTooLarge(RequestError):
    """More header bytes, or more headers, than a request may have."""

    code = "headers-too-large"
    message = "the request has more than {most:bytes} of headers, or more than {count} headers"
    hint = "send fewer, or raise serve.limits.max_headers"
    http_status = 431


class UrlTooLong(RequestError):
    """A longer URL than a request may have."""

    code = "url-too-long"
    message = "the URL is longer than {most} bytes"
    http_status = 414


class AdminOff(RequestError):
    """The admin interface is off."""

    code = "admin-off"
    message = "models cannot be loaded or unloaded over the network here"
    hint = "start the service with serve.admin.enabled = true and an admin key"
    http_status = 403


class Unauthorized(RequestError):
    """No key, or a wrong one."""

    code = "invalid-api-key"
    message = "the key is missing or wrong"
    hint = "send it as the header `Authorization: Bearer KEY`"
    http_status = 401


class BodyTooSlow(RequestError):
    """The body did not arrive in time."""

    code = "body-too-slow"
    message = "the body did not arrive within {limit:seconds}"
    http_status = 408


class NotFound(RequestError):
    """No such path."""

    code = "not-found"
    message = "there is nothing at {path}"
    http_status = 404


class MethodNotAllowed(RequestError):
    """The path exists, with another method."""

    code = "method-not-allowed"
    message = "{path} takes {allowed}, not {method}"
    http_status = 405


class UnknownModel(RequestError):
    """No model of that name is served."""

    code = "model-not-found"
    # The beginning is what clients of the Open Inference Protocol look for.
    message = "Request for unknown model: {name!r} is not served here; served: {served}"
    http_status = 404


class NotThisTask(RequestError):
    """The model is served, and does something else."""

    code = "task-mismatch"
    message = "{name!r} does not support {task}{because}; use {path}"
    http_status = 400


class ContextTooLong(RequestError):
    """A text with more tokens than the model takes."""

    code = "context_length_exceeded"  # OpenAI's own spelling, which its clients look for
    message = "the input has {tokens} tokens and the model takes {most}"
    hint = "send shorter texts"


class PromptTooLong(RequestError):
    """A prompt that leaves no room for an answer in the model's context."""

    code = "context_length_exceeded"
    message = "the prompt has {tokens} tokens, and the context holds {most}, the answer included"
    hint = "shorten the conversation, or raise serve.generation.context"


class RetryLater(RequestError):
    """The base of what is refused now and let in later: its words say after how many seconds."""

    def __init__(self, *, retry_after: float, **params: Any) -> None:
        super().__init__(retry_after=retry_after, **params)
        self.params["retry_after"] = math.ceil(self.retry_after)


class Overloaded(RetryLater):
    """The queue is full."""

    code = "overloaded"
    message = "{waiting} requests already wait for {name!r}"
    hint = "try again after {retry_after} s, or raise serve.batching.max_queue"
    http_status = 503


class BodiesFull(RetryLater):
    """Other requests' bodies take all the memory that there is for them."""

    code = "bodies-full"
    message = "the bodies of other requests already take the {most:bytes} that there are for them"
    hint = "try again after {retry_after} s, or raise serve.limits.max_bodies"
    http_status = 503


class TooManyRequests(RetryLater):
    """The caller asks more than it may."""

    code = "rate-limit-exceeded"
    message = "rate limit exceeded: {limit}"
    hint = "try again after {retry_after} s"
    http_status = 429


class NotReady(RequestError):
    """The model isn't loaded, or the service is going down."""

    code = "not-ready"
    message = "{name!r} is not ready: {state}"
    http_status = 503


class LoadRefused(RequestError):
    """A model that an administrator asked for does not load; what served before goes on serving."""

    code = "load-failed"
    message = "{detail}"
    hint = "{way_out}"
    http_status = 500


class WorkerLost(RequestError):
    """The worker died with this request in its hands, twice."""

    code = "worker-died"
    message = "the worker of {name!r} died on this request ({status})"
    http_status = 503


class DeadlinePassed(RequestError):
    """The answer would have come too late."""

    code = "deadline-exceeded"
    message = "no answer within {deadline:seconds}"
    http_status = 504


class InferenceFailed(RequestError):
    """The model failed."""

    code = "run-failed"
    message = "{detail}"
    http_status = 500


def internal_error() -> InferenceFailed:
    """What a client gets where the service itself broke."""
    return InferenceFailed(detail=say("the service failed on this request; its log says more"))


class NotANumber(RequestError):
    """The model answered with NaN or infinity, which JSON can't hold."""

    code = "nan-in-output"
    message = "the model's output {name!r} holds NaN or infinity"
    hint = "run `airworthy explain nan-in-output`; binary output carries such values"
    http_status = 500


class NotText(RequestError):
    """The model answered with bytes that are no text, which JSON can't hold."""

    code = "not-text"
    message = "the model's output {name!r} holds bytes that are no UTF-8"
    hint = "ask for binary output, which carries them"


class UpstreamFailed(RequestError):
    """The server behind a model gave no whole answer."""

    code = "upstream-failed"
    message = "the server behind this model gave no answer: {detail}"
    http_status = 502


class UpstreamTimeout(RequestError):
    """The server behind a model took too long."""

    code = "upstream-timeout"
    message = "the server behind this model took too long: {detail}"
    http_status = 504


class UpstreamUnavailable(RetryLater):
    """No server behind a model takes requests now."""

    code = "upstream-unavailable"
    message = "no server behind this model takes requests now: {detail}"
    hint = "try again after {retry_after} s"
    http_status = 503


def from_failure(code: str, params: dict[str, Any]) -> RequestError:
    """What a worker's failure means to the client: bad input is theirs, the rest is ours."""
    detail = str(params.get("detail") or params.get("problem") or code)
    if code == "context-exceeded":
        return PromptTooLong(tokens=params.get("prompt", 0), most=params.get("context", 0))
    if code == "invalid-generation":
        return InvalidRequest(detail=detail)
    if code == UpstreamUnavailable.code:
        return UpstreamUnavailable(detail=detail, retry_after=float(params.get("retry_after", 1.0)))
    if code in (UpstreamFailed.code, UpstreamTimeout.code):
        return (UpstreamFailed if code == UpstreamFailed.code else UpstreamTimeout)(detail=detail)
    return InvalidRequest(detail=detail) if code == "invalid-input" else InferenceFailed(detail=detail)
