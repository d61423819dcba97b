"""The service's own description: OpenAPI 3.1, made from the table of paths, the structs and the refusals."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

import airworthy
from airworthy.serve import errors
from airworthy.serve.access.principal import Role
from airworthy.serve.errors import RequestError
from airworthy.serve.protocols.interface import ALWAYS, Operation, RouteEndpoint, ServedProtocol

REF = "#/components/schemas/{name}"

_BINARY = {"schema": {"type": "string", "contentEncoding": "binary"}}
_HEADERS = {
    "x-request-id": {"description": "The request's own, echoed.", "schema": {"type": "string"}},
    "retry-after": {"description": "Seconds after which another try makes sense.", "schema": {"type": "integer"}},
    "retry-after-ms": {"description": "The same in milliseconds.", "schema": {"type": "integer"}},
    "inference-header-content-length": {
        "description": "Bytes of JSON before the tensors' data.",
        "schema": {"type": "integer", "minimum": 0},
    },
}


def describe(
    protocols: Sequence[ServedProtocol], models: Mapping[str, Sequence[str]], *, admin: bool
) -> dict[str, Any]:
    """The document.

    Args:
        protocols: what adds to the table of paths.
        models: the names of the models, which stand in paths, and the versions of each that can be named.
        admin: whether there is an administrator's key.
    """
    rows = [(protocol, endpoint) for protocol in protocols for endpoint in protocol.endpoints()]
    types = list(_types(rows))
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    by_type = dict(zip(map(repr, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for protocol, endpoint in rows:
        paths.setdefault(endpoint.template, {})[endpoint.method.lower()] = _operation(
            protocol, endpoint, by_type, models
        )
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "airworthy", "version": airworthy.__version__},
        "paths": paths,
        "components": {"schemas": components},
    }
    if admin:
        document["components"]["securitySchemes"] = {"admin": {"type": "http", "scheme": "bearer"}}
    return document


def _types(rows: Iterable[tuple[ServedProtocol, RouteEndpoint]]) -> Iterable[Any]:
    seen: dict[str, Any] = {}
    for protocol, endpoint in rows:
        for kind in (endpoint.operation.gives, endpoint.operation.takes, protocol.error_type):
            if kind is not None:
                seen[repr(kind)] = kind
    return seen.values()


def _operation(
    protocol: ServedProtocol, row: RouteEndpoint, schemas: Mapping[str, Any], models: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    operation = row.operation
    described: dict[str, Any] = {
        "operationId": f"{row.method.lower()}{row.template}",
        "summary": _summary(row.handler),
        "tags": [protocol.name],
        "parameters": _parameters(row, models),
        "responses": _responses(operation, schemas, schemas[repr(protocol.error_type)]),
    }
    if operation.takes is not None:
        content: dict[str, Any] = {"application/json": {"schema": schemas[repr(operation.takes)]}}
        if operation.binary:
            content["application/octet-stream"] = _BINARY
        described["requestBody"] = {"required": not operation.body_optional, "content": content}
    if operation.role is Role.ADMIN:
        described["security"] = [{"admin": []}]
    return described


def _summary(handler: Any) -> str:
    line = (inspect.getdoc(handler) or "").partition("\n")[0]
    said = line.partition(": ")[2] or line
    return said[:1].upper() + said[1:]


def _parameters(row: RouteEndpoint, models: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    versions = dict.fromkeys(version for each in models.values() for version in each)
    values = {"name": list(models), "version": list(versions)}
    found = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "enum": choices}}
        for name, choices in values.items()
        if f"{{{name}}}" in row.template
    ]
    optional = ["x-request-id", *(["inference-header-content-length"] if row.operation.binary else [])]
    return found + [{"name": name, "in": "header", **_HEADERS[name]} for name in optional]


def _responses(operation: Operation, schemas: Mapping[str, Any], error: Any) -> dict[str, Any]:
    headers = {"x-request-id": _HEADERS["x-request-id"]}
    good: dict[str, Any] = {"description": "The answer.", "headers": dict(headers)}
    if operation.text:
        good["content"] = {operation.text: {"schema": {"type": "string"}}}
    if operation.gives is not None:
        good.setdefault("content", {})["application/json"] = {"schema": schemas[repr(operation.gives)]}
    if operation.streams:
        good["content"][operation.streams] = {"schema": {"type": "string"}}
    if operation.binary:
        good["content"]["application/octet-stream"] = _BINARY
        good["headers"]["inference-header-content-length"] = _HEADERS["inference-header-content-length"]
    found = {"200": good}
    if operation.not_ready:
        found["503"] = {**good, "description": "Not ready."}
    by_status: dict[int, list[type[RequestError]]] = {}
    limits = (errors.TooManyRequests,) if operation.limited else ()
    every: tuple[type[RequestError], ...] = (*operation.refuses, *limits, *ALWAYS)
    for kind in every:
        by_status.setdefault(kind.http_status, []).append(kind)
    for status, kinds in sorted(by_status.items()):
        reasons = dict.fromkeys((inspect.getdoc(kind) or "").partition("\n")[0] for kind in kinds)
        more = dict(headers)
        if status in (429, 503):
            more.update({name: _HEADERS[name] for name in ("retry-after", "retry-after-ms")})
        content = {"application/json": {"schema": error}}
        found[str(status)] = {"description": " ".join(reasons), "headers": more, "content": content}
    return found
