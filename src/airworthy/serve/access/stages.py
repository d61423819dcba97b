"""What a request passes before its handler: size, authenticate, authorise, rate. The handler decodes.

Each stage refuses by raising; what none refuses runs. A request without a principal reaches no handler that asks for
one, since the attribute is not set before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Union
from urllib.parse import unquote

from airworthy.core.settings import ServeSettings
from airworthy.serve import errors
from airworthy.serve.access.admin_key import AdminKey
from airworthy.serve.access.authenticate import Authenticator
from airworthy.serve.access.authorise import authorise
from airworthy.serve.access.principal import Credentials, Principal, Role
from airworthy.serve.access.rate import RateStage
from airworthy.serve.access.size import HeadLimits
from airworthy.serve.http.messages import Request, Response
from airworthy.serve.http.streaming import StreamingResponse
from airworthy.serve.metrics.metrics import Metrics

Handler = Callable[[Request], Awaitable[Union[Response, StreamingResponse]]]
"""Answers a request, whole or as a stream."""

_AUTHORIZATION = b"authorization"


class AccessStages:
    """The stages of one service, for HTTP requests and gRPC calls alike."""

    def __init__(self, settings: ServeSettings, metrics: Metrics, key: AdminKey) -> None:
        self.key = key
        """The administrator's key."""
        self._head = HeadLimits(settings)
        self._authenticator = Authenticator(settings, key)
        self._rate = RateStage(settings, metrics)

    @property
    def limits_callers(self) -> bool:
        """Whether a request must be read to know its caller and its limits."""
        return self._rate.is_on

    def check_size(self, request: Request) -> None:
        """The first stage, for every request, whether or not anything is at its path.

        Raises:
            UrlTooLong: its URL is out of proportion.
            HeadersTooLarge: its headers are.
        """
        self._head.check(request)

    async def answer(
        self, request: Request, handler: Handler, role: Role, *, limited: bool
    ) -> Response | StreamingResponse:
        """Pass a request through the other stages to its handler.

        Args:
            request: the request; its principal is set.
            handler: what answers it.
            role: the least role that may.
            limited: whether its caller's limits hold.

        Raises:
            RequestError: a stage or the handler refused it.
        """
        request.principal = self._of_request(request, role)
        self._authorise(request.principal, role, limited=limited)
        if not (limited and self._rate.is_on):
            return await handler(request)
        size = request.length(b"content-length")
        with contextlib.ExitStack() as admitted:
            admitted.enter_context(self._rate.admit(request.principal, size or 0))
            try:
                response = await handler(request)
            finally:
                if size is None:
                    self._rate.charge(request.principal, request.size)
            if isinstance(response, StreamingResponse):
                # A stream counts among its caller's requests until its last piece is sent.
                response.when_ended(admitted.pop_all().close)
            return response

    def _authorise(self, principal: Principal, role: Role, *, limited: bool) -> None:
        """Refuse a role that does not reach; guessing a key counts against its caller's rate."""
        try:
            authorise(principal, role, self.key)
        except errors.RequestError:
            if limited and self._rate.is_on:
                with self._rate.admit(principal, 0):
                    pass
            raise

    def _of_request(self, request: Request, role: Role) -> Principal:
        authenticator = self._authenticator
        header = authenticator.caller_header
        if not header and not self._rate.is_on and role <= authenticator.anonymous.role:
            return authenticator.anonymous
        credentials = Credentials(
            request.address, request.header(header) if header else None, request.header(_AUTHORIZATION)
        )
        return authenticator.authenticate(credentials, role)

    @contextlib.contextmanager
    def admit_call(self, context: Any, size: int, role: Role, *, limited: bool) -> Iterator[Principal]:
        """Pass a gRPC call through the stages; gRPC has bounded its size.

        Args:
            context: grpc's own context of the call.
            size: bytes of its message.
            role: the least role that may.
            limited: whether its caller's limits hold.

        Raises:
            RequestError: a stage refused it.
        """
        principal = self._of_call(context, role)
        self._authorise(principal, role, limited=limited)
        if not (limited and self._rate.is_on):
            yield principal
            return
        with self._rate.admit(principal, size):
            yield principal

    def _of_call(self, context: Any, role: Role) -> Principal:
        metadata: dict[str, str | bytes] = dict(context.invocation_metadata() or ())
        header = self._authenticator.caller_header.decode("latin-1")
        credentials = Credentials(
            _address(context.peer()), metadata.get(header) if header else None, metadata.get("authorization")
        )
        return self._authenticator.authenticate(credentials, role)


def _address(peer: str) -> str:
    """The IP address of a gRPC peer, `ipv4:127.0.0.1:5000` or `ipv6:%5B::1%5D:5000`."""
    kind, _, rest = unquote(peer).partition(":")
    if kind not in ("ipv4", "ipv6"):
        return peer
    return rest.rpartition(":")[0].strip("[]")
