"""Errors in OpenAI's shape."""

from __future__ import annotations

from typing import Union

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.serve.http.messages import message_of, status_of


class ErrorDetail(msgspec.Struct):
    """What went wrong."""

    message: str
    """The message, with the way out."""
    type: str
    """`invalid_request_error`, `authentication_error`, `rate_limit_error` or `server_error`."""
    param: Union[str, None]
    """What it is about."""
    code: str
    """A stable name for programs."""


class OpenAIErrorBody(msgspec.Struct):
    """An error."""

    error: ErrorDetail
    """What went wrong."""


_encode = msgspec.json.Encoder().encode
_KINDS = {401: "authentication_error", 429: "rate_limit_error"}


def error_body(error: AirworthyError) -> bytes:
    """An error in OpenAI's shape."""
    status = status_of(error)
    kind = _KINDS.get(status) or ("invalid_request_error" if status < 500 else "server_error")
    param = error.params.get("name") if status == 404 or error.code == "invalid-tensor" else None
    return _encode(OpenAIErrorBody(ErrorDetail(message_of(error), kind, param, error.code.replace("-", "_"))))
