"""Errors in Anthropic's shape."""

from __future__ import annotations

from typing import Literal

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.serve.http.messages import message_of, status_of

_KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


class AnthropicErrorDetail(msgspec.Struct):
    """What went wrong."""

    type: str
    """`invalid_request_error`, `not_found_error`, `rate_limit_error`, `overloaded_error`, `api_error` and so on."""
    message: str
    """The message, with the way out."""


class AnthropicError(msgspec.Struct, kw_only=True):
    """An error."""

    type: Literal["error"] = "error"
    """What it is."""
    error: AnthropicErrorDetail
    """What went wrong."""


def error_of(error: AirworthyError) -> AnthropicError:
    """An error in Anthropic's shape."""
    status = status_of(error)
    kind = _KINDS.get(status) or ("invalid_request_error" if status < 500 else "api_error")
    return AnthropicError(error=AnthropicErrorDetail(kind, message_of(error)))


def error_body(error: AirworthyError) -> bytes:
    """An error as a whole body."""
    return msgspec.json.encode(error_of(error))
