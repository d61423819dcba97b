"""Servers that exhibits talk to: plain, TLS with a certificate that nobody trusts, and ports that nobody answers."""

from __future__ import annotations

import contextlib
import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from zoo.workshop import Workshop


class Answer:
    """What a server answers to everything."""

    def __init__(self, status: int, body: str = "{}", headers: dict[str, str] | None = None) -> None:
        self.status, self.body, self.headers = status, body.encode(), headers or {}


@contextlib.contextmanager
def answering(answer: Answer, tls: Path | None = None) -> Iterator[int]:
    """A server on a port of this machine that gives one answer to everything.

    Args:
        answer: the answer.
        tls: a file with key and certificate, to speak TLS.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_POST = do_HEAD = answer  # noqa: N815 - the names that the library calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass  # clients that refuse the certificate hang up

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(10)


@contextlib.contextmanager
def listening() -> Iterator[int]:
    """A port that is taken: somebody listens there and never answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(16)
        yield taken.getsockname()[1]


def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def certificate(shop: Workshop, name: str = "localhost") -> Path:
    """A key and a certificate that signs itself, in one file."""
    key, cert = shop.path("key.pem"), shop.path("cert.pem")
    subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    shop.run("openssl", "req", "-x509", *curve, "-days", "2", *subject, "-keyout", key, "-out", cert, fails=False)
    return shop.write("both.pem", key.read_text() + cert.read_text())
