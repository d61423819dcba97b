"""What a protocol is: the endpoints that it adds to the table of paths, and the shape of its errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from airworthy.core.errors import AirworthyError
from airworthy.core.settings import ServeSettings
from airworthy.serve import errors
from airworthy.serve.access.principal import Role
from airworthy.serve.access.stages import Handler
from airworthy.serve.errors import RequestError
from airworthy.serve.metrics.metrics import Metrics
from airworthy.serve.models.catalogue import Models

ALWAYS = (errors.UrlTooLong, errors.HeadersTooLarge, errors.InferenceFailed)
"""What any path may answer."""
BODY = (errors.InvalidRequest, errors.BodyTooSlow, errors.BodyTooLarge, errors.UnsupportedEncoding)
"""What a path that takes a body may answer."""
RUN = (errors.Overloaded, errors.NotReady, errors.WorkerLost, errors.DeadlinePassed)
"""What a path that runs a model may answer."""
MODEL_RUN = (errors.UnknownModel, errors.NotThisTask, *BODY, *RUN)
"""What a path that runs the model that its body or its path names may answer."""
ADMIN = (errors.Unauthorized, errors.AdminOff)
"""What a path for the administrator may answer."""


class Operation(NamedTuple):
    """What one method of one path takes and gives, as far as its handler does not say it."""

    role: Role
    """The least role that may; there is no default, so that no endpoint is open by an oversight."""
    gives: Any = None
    """The type of the JSON response; None for an empty one."""
    takes: Any = None
    """The type of the JSON body; None for none."""
    refuses: Sequence[type[RequestError]] = ()
    """How it may refuse, beside what every path may."""
    body_optional: bool = False
    """Whether the body may be left out."""
    binary: bool = False
    """Whether the body and the response may be the binary extension's."""
    text: str = ""
    """The content type of a response that is no JSON."""
    limited: bool = True
    """Whether its callers' limits hold."""
    not_ready: bool = False
    """Whether a 503 has the same shape as the 200."""
    streams: str = ""
    """The content type of a response that may come in pieces; empty where it never does."""
    parks: bool = False
    """Whether a request may wait unparsed while its model is busy: its path alone names the model."""


class RouteEndpoint(NamedTuple):
    """One method of one path of the table."""

    template: str
    """The path with its parameters in braces."""
    method: str
    """GET or POST."""
    handler: Handler
    """What answers; the first line of its docstring says what it does."""
    operation: Operation
    """What it takes and gives."""


class ProtocolContext(NamedTuple):
    """What a protocol is made of."""

    models: Models
    """The served models."""
    settings: ServeSettings
    """The service's settings."""
    metrics: Metrics
    """The service's counters."""
    describe: Callable[[], bytes]
    """The OpenAPI document of all protocols together, as JSON."""


class ServedProtocol(Protocol):
    """One protocol of a running service."""

    name: str
    """Its name in the registry, and its tag in the OpenAPI document."""
    prefixes: tuple[str, ...]
    """Beginnings of paths below which an error for a missing page has its shape; the longest one wins."""
    error_type: type
    """The type of an error's body."""

    def endpoints(self) -> Sequence[RouteEndpoint]:
        """Its part of the table of paths. A later endpoint wins where a model has the name of a path."""

    def error_body(self, error: AirworthyError) -> bytes:
        """An error in its shape."""


MakeProtocol = Callable[[ProtocolContext], ServedProtocol]
