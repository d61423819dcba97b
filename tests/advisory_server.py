"""Advisories in OSV's form, planted in folders and zip files, and a service that gives them or fails in its ways."""

from __future__ import annotations

import json
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WAYS = ("answering", "refusing", "not found", "cut half-way", "no JSON", "error in JSON")
"""The ways in which the service behaves."""


def advisory(name: str, package: str, *events: tuple[str, str], **more: Any) -> dict[str, Any]:
    """An advisory about one package between events."""
    entry: dict[str, Any] = {"package": {"name": package, "ecosystem": "PyPI"}, "versions": more.pop("versions", [])}
    entry["ranges"] = [{"type": "ECOSYSTEM", "events": [{kind: at} for kind, at in events]}] if events else []
    document = {
        "schema_version": "1.7.0",
        "id": name,
        "modified": "2026-11-28T00:00:00Z",
        "summary": f"about {package}",
    }
    return {**document, "affected": [entry], **more}


def write_zip(path: Path, documents: Sequence[dict[str, Any]]) -> Path:
    """A snapshot as OSV publishes it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in documents:
            archive.writestr(f"{each['id']}.json", json.dumps(each))
    return path


@contextmanager
def service(documents: Sequence[dict[str, Any]], way: str = "answering") -> Iterator[str]:
    """OSV's query interface on loopback; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            return

        def do_POST(self) -> None:  # the name that the standard library asks for
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))) or b"{}")
            if way == "not found":
                self.answer(404, b'{"code": 5, "message": "not found"}')
            elif way == "refusing":
                self.answer(503, b"{}")
            elif way == "no JSON":
                self.answer(200, b"<html>Sign in to this network</html>")
            elif way == "error in JSON":
                self.answer(200, b'{"vulns": [{"id": 7}]}')
            else:
                queries = body.get("queries", [body])
                results = [{"vulns": self.found(query)} for query in queries]
                if self.path.endswith("querybatch"):
                    results = [
                        {"vulns": [{"id": v["id"], "modified": v["modified"]} for v in r["vulns"]]} for r in results
                    ]
                content = {"results": results} if "queries" in body else results[0]
                self.answer(200, json.dumps(content).encode(), cut=way == "cut half-way")

        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            found = [each for each in documents if each["id"] == name]
            if way != "answering" or not found:
                self.answer(404, b"{}")
            else:
                self.answer(200, json.dumps(found[0]).encode())

        def found(self, query: dict[str, Any]) -> list[dict[str, Any]]:
            name, version = query["package"]["name"].lower(), query.get("version")
            fitting = [each for each in documents if each["affected"][0]["package"]["name"].lower() == name]
            if version is None:
                return fitting
            from airworthy.environment.audit.advisories import matches, parse_advisory

            hits, _ = matches([parse_advisory(each) for each in fitting], name, version)
            return [each for each in fitting if each["id"] in {hit.id for hit in hits}]

        def answer(self, status: int, content: bytes, *, cut: bool = False) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content) + 200 * cut))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if cut else content)
            self.close_connection = self.close_connection or cut

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            return  # clients give up on answers that are cut

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
