"""A bare ASGI function on uvicorn: reads the body, gives a fixed answer. Prints the free port that it listens on."""

from __future__ import annotations

import socket
import sys
from typing import Any

ANSWER = (
    b'{"model_name":"null","model_version":"1","outputs":[{"name":"y","datatype":"FP32","shape":[1,10],'
    b'"data":[6.0,20.0,30.0,16.0,0.0,28.0,12.0,2.0,26.0,8.0]}]}'
)
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})


def main() -> None:
    """Serve on a free port and print it."""
    import uvicorn

    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", lifespan="off", access_log=False, log_level="warning", backlog=2048
    )
    sock = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(sock.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[sock])


if __name__ == "__main__":
    sys.exit(main())
