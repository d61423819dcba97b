"""A server that answers with the bytes it is given, whatever was requested, and closes."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence


class RawServer:
    """Each connection gets the next answer, the last one again and again."""

    def __init__(self, answers: Sequence[bytes], pause: float) -> None:
        self._answers = list(answers)
        self._pause = pause
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[bytes] = []
        """The head of each request, and what came of its body with it."""
        self._is_open = True
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def _serve(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                if not self._is_open:
                    connection.close()
                    return
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                thread = threading.Thread(target=self._answer, args=(connection, answer))
                self._threads.append(thread)
                thread.start()

    def _answer(self, connection: socket.socket, answer: bytes) -> None:
        with connection, contextlib.suppress(OSError):
            data = b""
            while b"\r\n\r\n" not in data:
                received = connection.recv(1 << 16)
                if not received:
                    return
                data += received
            self.requests.append(data)
            if not self._pause:
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 16):  # closing on unread bytes would reset what was sent
                    pass
                return
            for byte in answer:  # slowly, until the client leaves
                connection.sendall(bytes([byte]))
                time.sleep(self._pause)

    def close(self) -> None:
        self._is_open = False
        with contextlib.suppress(OSError), socket.create_connection(self._listener.getsockname(), 5):
            pass
        for thread in self._threads:
            thread.join(10)
        self._listener.close()


@contextlib.contextmanager
def answering(*answers: bytes, pause: float = 0.0) -> Iterator[RawServer]:
    """The server; with a pause, it sends each byte so many seconds after the one before."""
    server = RawServer(answers, pause)
    try:
        yield server
    finally:
        server.close()
