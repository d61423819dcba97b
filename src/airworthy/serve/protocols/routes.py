"""The table of paths: whole paths, one row for each model and version; what is not in the table is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from airworthy.core.errors import AirworthyError
from airworthy.serve import errors
from airworthy.serve.access.principal import Role
from airworthy.serve.access.stages import Handler
from airworthy.serve.models.catalogue import Models
from airworthy.serve.protocols.interface import ServedProtocol

ErrorBody = Callable[[AirworthyError], bytes]

_NAMED = (("", "v2", "models"), ("", "v1", "models"), ("", "v2", "repository", "models"))
"""What stands before a model's name in paths."""


class Route(NamedTuple):
    """What answers at a path."""

    name: str
    """Its name in the metrics."""
    handlers: Mapping[str, Handler]
    """Method → handler."""
    error_body: ErrorBody
    """An error in its protocol's shape."""
    role: Role
    """The least role that may."""
    model: str = ""
    """The model that the path names."""
    limited: bool = False
    """Whether its callers' limits apply; they do not for probes and scrapers."""
    parks: bool = False
    """Whether requests may wait unparsed while the model is busy."""
    version: str = ""
    """The version that the path names."""


class Routes:
    """Finds the route of a path, or why there is none."""

    def __init__(self, protocols: Sequence[ServedProtocol], models: Models) -> None:
        self._models = models
        self._protocols = protocols
        self._table = dict(_rows(protocols, models))
        by_prefix = {prefix: protocol.error_body for protocol in protocols for prefix in protocol.prefixes}
        self._shapes = sorted(by_prefix.items(), key=lambda item: len(item[0]), reverse=True)

    def refresh(self) -> None:
        """Follow which versions of models can be named."""
        self._table = dict(_rows(self._protocols, self._models))

    def find(self, path: str) -> Route | None:
        """The route of a path; None where nothing is."""
        return self._table.get(path)

    def parking(self) -> Iterator[tuple[str, Route]]:
        """The paths whose requests may wait unparsed."""
        return ((path, route) for path, route in self._table.items() if route.parks)

    def shape_for(self, path: str) -> ErrorBody:
        """The shape of errors at a path where nothing is: that of the protocol whose prefix it has."""
        return next(shape for prefix, shape in self._shapes if path.startswith(prefix) or prefix == "/")

    def missing(self, path: str) -> AirworthyError:
        """Why nothing is at a path; under a model's name it is the model that is unknown."""
        parts = path.split("/")
        at = next((len(head) for head in _NAMED if tuple(parts[: len(head)]) == head and len(parts) > len(head)), 0)
        if at:
            version = parts[at + 2] if len(parts) > at + 2 and parts[at + 1] == "versions" else ""
            try:
                self._models.find(parts[at], version)
            except errors.UnknownModel as error:
                return error
        return errors.NotFound(path=path)


def _rows(protocols: Iterable[ServedProtocol], models: Models) -> Iterator[tuple[str, Route]]:
    """Every path there is, with its methods."""
    for protocol in protocols:
        for endpoint in protocol.endpoints():
            handler, operation = endpoint.handler, endpoint.operation
            handlers = {"GET": handler, "HEAD": handler} if endpoint.method == "GET" else {endpoint.method: handler}
            label = endpoint.template.replace("/versions/{version}", "")
            for name, version in _named(endpoint.template, models):
                path = endpoint.template.replace("{name}", name).replace("{version}", version)
                route = Route(
                    label,
                    handlers,
                    protocol.error_body,
                    operation.role,
                    name,
                    operation.limited,
                    operation.parks,
                    version,
                )
                yield path, route


def _named(template: str, models: Models) -> Iterator[tuple[str, str]]:
    """The models and versions that a template's paths name."""
    if "{name}" not in template:
        yield "", ""
        return
    for name in models:
        for version in models.versions(name) if "{version}" in template else ("",):
            yield name, version
