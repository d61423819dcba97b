"""A server of OpenAI's chat interface that misbehaves on demand: the model's name says how.

ok  slow  ...    the behaviours are the functions `_NAME` below
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from typing import Any

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
DONE = b"data: [DONE]\n\n"


def event(end: str = "\n", **fields: Any) -> bytes:
    """A piece of an answer as an event."""
    return f"data: {json.dumps(fields)}{end}{end}".encode()


def piece(text: str, end: str = "\n", **delta: Any) -> bytes:
    """A piece with text."""
    return event(end, choices=[{"index": 0, "delta": {"content": text, **delta}, "finish_reason": None}])


def last(reason: str = "stop", end: str = "\n") -> bytes:
    """The piece that says why the answer ended."""
    return event(end, choices=[{"index": 0, "delta": {}, "finish_reason": reason}])


def used(usage: Any = USAGE, end: str = "\n") -> bytes:
    """The piece with the tokens."""
    return event(end, choices=[], usage=usage)


WHOLE = piece("fit", role="assistant") + piece(" to fly") + last() + used() + DONE


def answer(status: str, body: bytes, headers: str = "", kind: str = "application/json") -> bytes:
    """A response that is no stream."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def error(message: str, **fields: Any) -> bytes:
    """An error's body."""
    return json.dumps({"error": {"message": message, **fields}}).encode()


BODIES: dict[str, bytes] = {
    "ok": HEAD + WHOLE,
    "html": answer("200 OK", b"<html><body>Welcome to nginx</body></html>", kind="text/html"),
    "html-as-stream": HEAD + b"<html>\n<body>Welcome to nginx</body>\n</html>\n",
    "error-200": answer("200 OK", error("CUDA out of memory, prompt was: a secret")),
    "error-then-done": HEAD + piece("fit") + event(error={"message": "engine died"}) + DONE,
    "error-first": HEAD + event(error={"message": "engine died", "code": 500}) + DONE,
    "broken-json": HEAD + piece("fit") + b'data: {"choices": [{"ind\n\n' + DONE,
    "cut": HEAD + piece("fit"),
    "cut-after-reason": HEAD + piece("fit to fly") + last(),
    "cut-chunked": CHUNKED + b"%x\r\n%s\r\n" % (len(piece("fit")), piece("fit")),
    "done-without-reason": HEAD + piece("fit") + DONE,
    "abort": HEAD + piece("fit") + last("abort") + DONE,
    "no-choices": HEAD + b"data: {}\n\n" + DONE,
    "no-http": b"SSH-2.0-OpenSSH_9.6\r\n",
    "nothing": b"",
    "empty-stream": HEAD,
    "status-400": answer("400 Bad Request", error("temperature is too high")),
    "status-401": answer("401 Unauthorized", error("bad key sk-verysecretkey")),
    "status-413": answer("413 Payload Too Large", error("too large")),
    "status-422": answer("422 Unprocessable Entity", error("bad tools")),
    "status-500": answer("500 Internal Server Error", error("boom: a secret prompt")),
    "status-502": answer("502 Bad Gateway", b"<html>bad gateway</html>", kind="text/html"),
    "status-503": answer("503 Service Unavailable", error("loading")),
    "status-429": answer("429 Too Many Requests", error("slow down"), "Retry-After: 7\r\n"),
    "redirect": answer("307 Temporary Redirect", b"", "Location: http://127.0.0.1:9/\r\n"),
    "context": answer(
        "400 Bad Request",
        error("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens in the messages"),
    ),
    "context-llama": answer(
        "400 Bad Request", error("too long", type="exceed_context_size_error", n_prompt_tokens=5000, n_ctx=4096)
    ),
    "comments": HEAD + b": ping\n\n" + piece("fit") + b":\n\n: ping\n" + piece(" to fly") + last() + used() + DONE,
    "crlf": HEAD + (piece("fit", "\r\n") + piece(" to fly", "\r\n") + last(end="\r\n") + used(end="\r\n")) + DONE,
    "no-usage": HEAD + piece("fit") + piece(" to fly") + last() + DONE,
    "usage-negative": HEAD + piece("fit") + piece(" to fly") + last() + used({**USAGE, "completion_tokens": -5}) + DONE,
    "usage-zero": HEAD + piece("fit") + piece(" to fly") + last() + used({**USAGE, "completion_tokens": 0}) + DONE,
    "usage-huge": HEAD + piece("fit") + piece(" to fly") + last() + used({**USAGE, "completion_tokens": 10**9}) + DONE,
    "usage-text": HEAD + piece("fit") + piece(" to fly") + last() + used("a lot") + DONE,
    "reasoning": HEAD + piece("", reasoning="hm") + piece("fit to fly") + last() + used() + DONE,
    "reasoning-content": HEAD + piece("", reasoning_content="hm") + piece("fit to fly") + last() + used() + DONE,
    "informational": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + HEAD + WHOLE,
    "chunked": CHUNKED + b"".join(b"%x\r\n%s\r\n" % (1, WHOLE[i : i + 1]) for i in range(len(WHOLE))) + b"0\r\n\r\n",
}
"""What is answered, by the model's name, and then the connection ends."""


class FaultyUpstream:
    """The server; one event loop's."""

    def __init__(self, *models: str, owner: str = "someone", **card: Any) -> None:
        self.models = list(models) or sorted(
            {*BODIES, "hang", "hang-mid-stream", "stay", "drip", "pings", "many-packets"}
        )
        self.owner = owner
        self.card = card
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        """Path, headers and body of each request but those for the models."""
        self.gone = 0
        """Connections that the client closed before the answer was whole."""
        self.bodies = dict(BODIES)
        self.port = 0
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self, port: int = 0) -> FaultyUpstream:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    def of(self, model: str) -> list[dict[str, Any]]:
        """The bodies of the requests for a model."""
        return [body for _, _, body in self.requests if body.get("model") == model]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            data = await reader.readexactly(int(headers.get("content-length", 0)))
            _, path, _ = first.split(" ")
            await self._answer(path, headers, data, reader, writer)
        writer.close()

    async def _answer(
        self,
        path: str,
        headers: dict[str, str],
        data: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        if path.endswith("/v1/models"):
            cards = [{"id": name, "owned_by": self.owner, **self.card} for name in self.models]
            writer.write(answer("200 OK", json.dumps({"object": "list", "data": cards}).encode()))
            return
        body = json.loads(data)
        self.requests.append((path, headers, body))
        if path == "/tokenize":
            writer.write(answer("200 OK", b'{"count": 42}'))
            return
        model = str(body.get("model"))
        if model in self.bodies:
            writer.write(self.bodies[model])
            await writer.drain()
            return
        if model == "many-packets":
            for byte in HEAD + WHOLE:
                writer.write(bytes([byte]))
                await asyncio.sleep(0)
            return
        if model != "hang":
            writer.write(HEAD + (b"" if model == "pings" else piece("fit")))
        gone = asyncio.ensure_future(reader.read(1))
        text = {"pings": b": ping\n\n", "drip": b": ping\n\n", "pieces": piece("x")}.get(model)
        count = 0
        while not gone.done():
            if text is not None:
                writer.write(text)
                count += 1
                if model == "drip" and count == 24:
                    writer.write(piece(" to fly") + last() + used() + DONE)
                    gone.cancel()
                    return
            await asyncio.wait({gone}, timeout=0.05)
        self.gone += 1
        with contextlib.suppress(ConnectionError):
            gone.result()


@contextlib.contextmanager
def upstream_in_thread(*models: str, **options: Any) -> Iterator[FaultyUpstream]:
    """The server with a loop and a thread of its own, for services in other processes."""
    loop, made = asyncio.new_event_loop(), FaultyUpstream(*models, **options)
    loop.run_until_complete(made.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def end() -> None:
        await made.stop()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    try:
        yield made
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
