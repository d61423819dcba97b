"""The transport's limit: reads the body, gives a fixed answer as long as the model's."""

from __future__ import annotations

import json
import os
from typing import Any

NUMBERS = 384 if os.environ["BENCH_MODEL"] == "minilm" else 10
BODY = json.dumps({"output": [0.0123456789 + n * 1e-7 for n in range(NUMBERS)]}).encode()
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())],
}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI form."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send(START)
    await send({"type": "http.response.body", "body": BODY})


class Rsgi:
    """The form of granian's own interface, which does without ASGI's messages."""

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer."""
        await protocol()
        protocol.response_bytes(200, [("content-type", "application/json")], BODY)


rsgi = Rsgi()
