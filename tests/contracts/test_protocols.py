"""What every protocol keeps, whatever its dialect: errors in its shape, limits, disconnects, request ids, roles."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

import models
from airworthy.core.settings import ServeSettings
from airworthy.serve import errors
from airworthy.serve.access.principal import Role
from airworthy.serve.metrics.metrics import Metrics
from airworthy.serve.models.catalogue import Models
from airworthy.serve.protocols.interface import ProtocolContext, RouteEndpoint, ServedProtocol
from airworthy.serve.protocols.registry import PROTOCOLS
from server.running import Running, running

MAX_BODY = 4096
ROLES = {
    "GET /": Role.PUBLIC,
    "GET /health": Role.PUBLIC,
    "GET /health/live": Role.PUBLIC,
    "GET /health/ready": Role.PUBLIC,
    "GET /metrics": Role.DEVELOPER,
    "GET /openapi.json": Role.PUBLIC,
    "GET /v2/health/live": Role.PUBLIC,
    "GET /v2/health/ready": Role.PUBLIC,
    "GET /v2": Role.USER,
    "GET /v2/models": Role.USER,
    "GET /v2/models/stats": Role.DEVELOPER,
    "GET /v2/models/{name}": Role.USER,
    "GET /v2/models/{name}/config": Role.USER,
    "GET /v2/models/{name}/ready": Role.PUBLIC,
    "GET /v2/models/{name}/stats": Role.DEVELOPER,
    "GET /v2/models/{name}/versions/{version}": Role.USER,
    "GET /v2/models/{name}/versions/{version}/config": Role.USER,
    "GET /v2/models/{name}/versions/{version}/ready": Role.PUBLIC,
    "GET /v2/models/{name}/versions/{version}/stats": Role.DEVELOPER,
    "POST /v2/models/{name}/infer": Role.USER,
    "POST /v2/models/{name}/versions/{version}/infer": Role.USER,
    "POST /v2/repository/index": Role.USER,
    "POST /v2/repository/models/{name}/load": Role.ADMIN,
    "POST /v2/repository/models/{name}/unload": Role.ADMIN,
    "GET /v1/models": Role.USER,
    "GET /v1/models/{name}": Role.USER,
    "POST /v1/embeddings": Role.USER,
    "POST /v1/chat/completions": Role.USER,
    "POST /v1/completions": Role.USER,
    "POST /v1/rerank": Role.USER,
    "POST /v2/rerank": Role.USER,
    "POST /rerank": Role.USER,
    "POST /v1/responses": Role.USER,
    "GET /api/version": Role.PUBLIC,
    "GET /api/tags": Role.USER,
    "GET /api/ps": Role.USER,
    "POST /api/show": Role.USER,
    "POST /api/chat": Role.USER,
    "POST /api/generate": Role.USER,
    "POST /api/embed": Role.USER,
    "POST /v1/messages": Role.USER,
    "POST /v1/messages/count_tokens": Role.USER,
    "POST /embed": Role.USER,
    "POST /predict": Role.USER,
    "POST /chat": Role.USER,
    "POST /tokenize": Role.USER,
}
"""Who may what; a new endpoint is added here by whoever decides it."""


def _protocols() -> list[ServedProtocol]:
    context = ProtocolContext(Models({}), ServeSettings(), Metrics(), lambda: b"{}")
    return [make(context) for make in PROTOCOLS]


def _rows() -> list[tuple[ServedProtocol, RouteEndpoint]]:
    return [(protocol, endpoint) for protocol in _protocols() for endpoint in protocol.endpoints()]


def _path(endpoint: RouteEndpoint) -> str:
    return endpoint.template.replace("{name}", "linear").replace("{version}", "1")


ROWS = _rows()
IDS = [f"{endpoint.method} {endpoint.template}" for _, endpoint in ROWS]
READS = [row for row in ROWS if row[1].method == "GET"]
BODIES = [(protocol, endpoint) for protocol, endpoint in ROWS if endpoint.operation.takes is not None]
BODY_IDS = [endpoint.template for _, endpoint in BODIES]
NOT_ADMIN = [row for row in BODIES if row[1].operation.role is not Role.ADMIN]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("models")
    models.linear(folder / "linear.onnx")
    with running("serve", folder / "linear.onnx", env={"AIRWORTHY_SERVE_LIMITS_MAX_BODY": str(MAX_BODY)}) as started:
        yield started


def _check_shape(protocol: ServedProtocol, answer: httpx.Response) -> None:
    assert answer.headers["content-type"] == "application/json"
    error = msgspec.json.decode(answer.content, type=protocol.error_type, strict=True)
    assert msgspec.to_builtins(error)["error"]


def _leaves(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for value in document.values():
            yield from _leaves(value)
    elif isinstance(document, str):
        yield document


def test_the_registry_names_each_protocol_as_it_names_itself() -> None:
    assert tuple(protocol.name for protocol in _protocols()) == PROTOCOLS.names()


def test_every_endpoint_has_the_role_that_was_decided() -> None:
    assert {f"{row.method} {row.template}": row.operation.role for _, row in ROWS} == ROLES


@pytest.mark.parametrize("protocol", _protocols(), ids=lambda protocol: protocol.name)
def test_every_error_has_the_protocols_shape(protocol: ServedProtocol) -> None:
    made = (
        errors.InvalidRequest(detail="x\n\x00\u202e"),
        errors.NotFound(path="/nowhere"),
        errors.Unauthorized(),
        errors.TooManyRequests(limit="its rate", retry_after=1.0),
        errors.Overloaded(name="m", waiting=3, retry_after=1.0),
        errors.InferenceFailed(detail="it broke"),
    )
    for error in made:
        document = msgspec.json.decode(protocol.error_body(error), type=protocol.error_type, strict=True)
        assert any(error.text in leaf for leaf in _leaves(msgspec.to_builtins(document)))


@pytest.mark.parametrize(("protocol", "endpoint"), ROWS, ids=IDS)
def test_another_method_is_refused_in_its_shape(
    service: Running, protocol: ServedProtocol, endpoint: RouteEndpoint
) -> None:
    answer = httpx.request("DELETE", service.url + _path(endpoint), headers={"x-request-id": "r-1"})
    assert answer.status_code == 405
    assert answer.headers["allow"] == ("GET, HEAD" if endpoint.method == "GET" else "POST")
    assert answer.headers["x-request-id"] == "r-1"
    _check_shape(protocol, answer)


@pytest.mark.parametrize("protocol", _protocols(), ids=lambda protocol: protocol.name)
def test_what_is_missing_is_told_in_its_shape(service: Running, protocol: ServedProtocol) -> None:
    for prefix in protocol.prefixes:
        answer = httpx.get(f"{service.url}{prefix.rstrip('/')}/no-such-path", headers={"x-request-id": "r-2"})
        assert (answer.status_code, answer.headers["x-request-id"]) == (404, "r-2")
        _check_shape(protocol, answer)


@pytest.mark.parametrize(("protocol", "endpoint"), NOT_ADMIN, ids=[row.template for _, row in NOT_ADMIN])
@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[" * 3000, {}, 400),
        (b"\xff\xfe", {}, 400),
        (b"x" * (MAX_BODY + 1), {}, 413),
        (b"{}", {"content-encoding": "br"}, 415),
    ],
    ids=["cut JSON", "nested JSON", "not UTF-8", "too large", "unknown encoding"],
)
def test_a_bad_body_is_refused_in_its_shape(
    service: Running,
    protocol: ServedProtocol,
    endpoint: RouteEndpoint,
    body: bytes,
    headers: dict[str, str],
    status: int,
) -> None:
    sent = {"content-type": "application/json", "x-request-id": "r-3", **headers}
    answer = httpx.post(service.url + _path(endpoint), content=body, headers=sent)
    assert (answer.status_code, answer.headers["x-request-id"]) == (status, "r-3")
    _check_shape(protocol, answer)


@pytest.mark.parametrize(("protocol", "endpoint"), READS, ids=[endpoint.template for _, endpoint in READS])
def test_reading_answers_and_names_the_request(
    service: Running, protocol: ServedProtocol, endpoint: RouteEndpoint
) -> None:
    url = service.url + _path(endpoint)
    answer, head = (httpx.request(method, url, headers={"x-request-id": "r-4"}) for method in ("GET", "HEAD"))
    assert (answer.status_code, head.status_code) == (200, 200)
    assert answer.headers["x-request-id"] == head.headers["x-request-id"] == "r-4"
    assert (head.content, bool(answer.content)) == (b"", True)
    if endpoint.operation.gives is not None:
        msgspec.json.decode(answer.content, type=endpoint.operation.gives)


@pytest.mark.parametrize(("protocol", "endpoint"), BODIES, ids=BODY_IDS)
def test_a_client_that_leaves_in_its_body_leaves_nothing(
    service: Running, protocol: ServedProtocol, endpoint: RouteEndpoint
) -> None:
    host, _, port = service.url.removeprefix("http://").partition(":")
    for _ in range(20):
        with socket.create_connection((host, int(port)), timeout=5) as sock:
            head = f"POST {_path(endpoint)} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n"
            sock.sendall(head.encode() + b'{"inputs"')
    state = service.health()["models"]["linear"]
    assert (state["state"], state["waiting"], state["running"]) == ("ready", 0, 0)


def test_callers_limits_hold_where_they_are_said_to(tmp_path: Path) -> None:
    models.linear(tmp_path / "linear.onnx")
    env = {"AIRWORTHY_SERVE_CALLERS_RATE": "0.001", "AIRWORTHY_SERVE_CALLERS_BURST": "1"}
    with running("serve", tmp_path / "linear.onnx", env=env) as service, httpx.Client(base_url=service.url) as client:
        client.get("/v2")
        for protocol, endpoint in ROWS:
            path = _path(endpoint)
            answer = client.get(path) if endpoint.method == "GET" else client.post(path, json={})
            if endpoint.operation.limited:
                assert answer.status_code == 429, path
                assert int(answer.headers["retry-after"]) >= 1
                _check_shape(protocol, answer)
            else:
                assert answer.status_code == 200, path
