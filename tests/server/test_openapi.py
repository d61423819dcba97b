"""The service's own description: complete, valid, and true under a fuzzer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from server.running import Running, environment, infer_body

BODIES: dict[str, Any] = {
    "/v1/embeddings": {"model": "words", "input": "w1"},
    "/v1/rerank": {"model": "pairs", "query": "w1", "documents": ["w2"]},
    "/v2/rerank": {"model": "pairs", "query": "w1", "documents": ["w2"]},
    "/rerank": {"model": "pairs", "query": "w1", "documents": ["w2"]},
    "/v2/repository/index": {},
    "/embed": {"model": "words", "inputs": ["w1", "w2"]},
    "/predict": {"model": "moods", "inputs": "w1"},
    "/api/show": {"model": "words"},
    "/api/embed": {"model": "words:latest", "input": ["w1", "w2"]},
}
GENERATE = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/chat",
    "/tokenize",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/api/chat",
    "/api/generate",
)
"""What language models answer, which have tests of their own."""


@pytest.fixture(scope="module")
def document(service: Running) -> dict[str, Any]:
    answer = httpx.get(f"{service.url}/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


def refs(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(refs, value.values()))
    return set().union(*map(refs, value)) if isinstance(value, list) else set()


def test_it_is_whole(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert refs(document) == known, "nothing dangles, and nothing is there that no path needs"
    operations = [each for path in document["paths"].values() for each in path.values()]
    names = [each["operationId"] for each in operations]
    assert len(set(names)) == len(names)
    for each in operations:
        assert each["summary"], each["operationId"]
        assert {"200", "414", "431", "500"} <= set(each["responses"])
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_path_of_the_table_is_in_it(document: dict[str, Any]) -> None:
    """By construction; held here so that nobody adds a path beside the table."""
    templates = set(document["paths"])
    base = "/v2/models/{name}"
    assert {"/", "/health", "/metrics", "/openapi.json", "/v2", base, f"{base}/infer", f"{base}/stats"} <= templates
    assert {"/v2/models/{name}/versions/{version}/infer", "/v2/repository/models/{name}/load"} <= templates
    assert set(document["paths"]["/v2/models/{name}/infer"]) == {"post"}


def test_what_is_answered_is_what_is_described(service: Running, document: dict[str, Any]) -> None:
    resolver = {"components": document["components"]}
    checked = 0
    for template, methods in document["paths"].items():
        for method, operation in methods.items():
            if template.endswith(("/load", "/unload")) or template in GENERATE:
                continue  # the first two are for the administrator
            path = template.replace("{name}", "linear").replace("{version}", "1")
            body = BODIES.get(template)
            if template.endswith("/infer"):
                answer = httpx.post(service.url + path, content=infer_body("x", "FP32", [[1, 2]]))
            else:
                answer = httpx.request(method, service.url + path, json=body)
            assert answer.status_code == 200, (template, answer.text)
            kind = answer.headers["content-type"]
            described = operation["responses"]["200"]["content"][kind]["schema"]
            if kind == "application/json":
                jsonschema.validate(answer.json(), {**resolver, **described})
                checked += 1
    assert checked > 15


def test_refusals_are_what_is_described(service: Running, document: dict[str, Any]) -> None:
    for path, family in (("/v2/models/{name}/infer", {"model": 1}), ("/v1/embeddings", {"model": 1})):
        answer = httpx.post(service.url + path.replace("{name}", "linear"), json=family)
        described = document["paths"][path]["post"]["responses"][str(answer.status_code)]
        schema = described["content"]["application/json"]["schema"]
        jsonschema.validate(answer.json(), {"components": document["components"], **schema})
        assert "Request" in described["description"] or "request" in described["description"]


def test_the_administrators_key_is_described_where_there_is_one(service: Running, document: dict[str, Any]) -> None:
    assert "securitySchemes" not in document["components"]
    assert {"401", "403"} <= set(document["paths"]["/v2/repository/models/{name}/load"]["post"]["responses"])


@pytest.mark.slow
def test_a_fuzzer_finds_no_answer_that_is_not_described(service: Running, tmp_path: Path) -> None:
    """Whether requests fit the description or not: never a 5xx, nor a status, type or shape of its own."""
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/openapi.json", "--checks", checks]
    options = ["--mode", "all", "--max-examples", "40", "--seed", "7", "--workers", "1", "--no-color"]
    done = subprocess.run(
        [*command, *options], capture_output=True, text=True, timeout=110, cwd=tmp_path, env=environment(), check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert httpx.get(f"{service.url}/health/ready").status_code == 200
