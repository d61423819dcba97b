"""Which web pages of other origins may call the service: none, unless the settings name their origins."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.serve.http.messages import Header, Request, Response

_METHODS = b"GET, POST, HEAD, OPTIONS"
_HEADERS = b"authorization, content-type, content-encoding, inference-header-content-length, x-request-id"
_EXPOSED: Header = (
    b"access-control-expose-headers",
    b"inference-header-content-length, retry-after, retry-after-ms, x-request-id",
)
_MAX_AGE = b"600"
_VARY: Header = (b"vary", b"origin")


class Cors:
    """Answers to browsers. Cookies are never let in: the service has none."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._any = "*" in origins
        self._origins = frozenset(origin.encode() for origin in origins)

    def _allowed(self, request: Request) -> bytes | None:
        origin = request.header(b"origin")
        if origin is None:
            return None
        if self._any:
            return b"*"
        return origin if origin in self._origins else None

    def headers(self, request: Request) -> tuple[Header, ...]:
        """The headers that a response gets."""
        allowed = self._allowed(request)
        if allowed is None:
            return () if self._any else (_VARY,)
        headers: tuple[Header, ...] = ((b"access-control-allow-origin", allowed), _EXPOSED)
        return headers if self._any else (*headers, _VARY)

    def preflight(self, request: Request) -> Response | None:
        """The answer to a browser that asks before it sends; None for any other request."""
        if request.method != "OPTIONS" or request.header(b"access-control-request-method") is None:
            return None
        headers: tuple[Header, ...] = ()
        if self._allowed(request) is not None:
            headers = (
                (b"access-control-allow-methods", _METHODS),
                (b"access-control-allow-headers", _HEADERS),
                (b"access-control-max-age", _MAX_AGE),
            )
        return Response(204, b"", headers)
