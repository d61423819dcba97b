"""A client of OpenAI's chat interface: the models of a server, and an answer piece by piece.

Servers are strangers: whatever one sends becomes pieces of an answer or one clear error, and every wait ends.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Generator, Iterator
from typing import Any, Optional

import msgspec

from airworthy.core.errors import AirworthyError, Exit
from airworthy.core.messages import say
from airworthy.observe.addresses import ServerAddress

CONNECT_TIMEOUT_S = 10.0
"""Seconds for a connection, and for the list of models."""
SILENCE_S = 120.0
"""Seconds without a piece of the answer after which it is given up."""
MAX_BODY = 1 << 22
"""Bytes of one event, of a list of models or of an error; a longer one is not what was requested."""
KEY_VARIABLE = "OPENAI_API_KEY"
"""The environment variable with the key for servers that ask for one."""
MAX_PROBLEM = 1000
"""Characters of a server's own words that are shown."""
_NO_STREAM = ("application/json", "text/html")


class ChatFailed(AirworthyError):
    """The server gave no answer."""

    code = "chat-failed"
    message = "{url} gave no answer: {problem}"
    hint = "{way_out}"
    exit = Exit.FINDINGS


class _Card(msgspec.Struct):
    id: str
    capabilities: Optional[list[str]] = None


class _ChatModels(msgspec.Struct):
    data: Optional[list[_Card]] = None
    error: Any = None


class _Delta(msgspec.Struct):
    content: Optional[str] = None


class _Choice(msgspec.Struct):
    delta: Optional[_Delta] = None
    finish_reason: Optional[str] = None


class AnswerChunk(msgspec.Struct):
    """A piece of an answer; what a server leaves out is None."""

    choices: Optional[list[_Choice]] = None
    error: Any = None
    raw_usage: Any = msgspec.field(default=None, name="usage")

    @property
    def usage(self) -> tuple[int, int] | None:
        """Tokens of the prompt and of the answer; None where the server gives no counts."""
        used = self.raw_usage if isinstance(self.raw_usage, dict) else {}
        counts = used.get("prompt_tokens"), used.get("completion_tokens")
        if all(type(count) is int and count >= 0 for count in counts):
            return counts  # type: ignore[return-value]
        return None

    @property
    def reason(self) -> str:
        """Why the answer ended; empty while it goes on."""
        return next((each.finish_reason for each in self.choices or () if each.finish_reason), "")

    def texts(self) -> Iterator[str]:
        """Its pieces of text."""
        for choice in self.choices or ():
            if choice.delta is not None and choice.delta.content:
                yield choice.delta.content


class ChatServer:
    """A server of the interface."""

    def __init__(self, address: ServerAddress) -> None:
        self._address = address
        self.url = address.url
        """The interface's URL, `/v1` included."""
        self._key = os.environ.get(KEY_VARIABLE, "")

    def failed(self, problem: object, way_out: str = "") -> ChatFailed:
        """The error for a server that did not answer as it should; the key is not repeated."""
        text = str(problem)[:MAX_PROBLEM]
        text = text.replace(self._key, "***") if self._key else text
        way_out = way_out or say("start a server there, or name a model file: `airworthy chat MODEL.gguf`")
        return ChatFailed(url=self.url, problem=text, way_out=way_out)

    def first_model(self) -> str:
        """The first model that chats.

        Raises:
            ChatFailed: the server lists none, or does not answer.
        """
        with self._response("GET", "/models", None, CONNECT_TIMEOUT_S) as response:
            models = self._convert(_read(response, CONNECT_TIMEOUT_S), _ChatModels)
        if models.error is not None:
            raise self.failed(_words(models.error))
        cards = models.data or ()
        able = [card.id for card in cards if card.id and (card.capabilities is None or "chat" in card.capabilities)]
        if not able:
            raise self.failed(say("it serves no model that chats"))
        return str(able[0])

    def stream(self, body: dict[str, Any]) -> Generator[AnswerChunk, None, None]:
        """The pieces of an answer. Closing the iterator ends the answer.

        Raises:
            ChatFailed: the server refused, failed, or sent no stream of events.
        """
        with self._response("POST", "/chat/completions", json.dumps(body).encode(), SILENCE_S) as response:
            kind = (response.headers.get("content-type") or "").partition(";")[0].strip().lower()
            if kind in _NO_STREAM:
                problem = _problem(_read(response, SILENCE_S), say("it sent {kind}, and no stream", kind=kind))
                raise self.failed(problem, say("ask again"))
            for line in _events(response):
                if line == b"[DONE]":
                    return
                chunk = self._convert(line, AnswerChunk)
                if chunk.error is not None:
                    raise self.failed(_words(chunk.error), say("ask again"))
                yield chunk

    @contextlib.contextmanager
    def _response(
        self, method: str, path: str, body: bytes | None, silence: float
    ) -> Iterator[http.client.HTTPResponse]:
        """A response with status 200; what goes wrong with it, there or later, is one kind of error."""
        kind = http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
        connection, headers = kind(self._address.host, self._address.port, timeout=CONNECT_TIMEOUT_S), self._headers()
        try:
            connection.connect()
            assert connection.sock is not None
            connection.sock.settimeout(silence)
            with _limited(connection.sock, silence):
                connection.request(method, self._address.path + path, body, headers)
                response = connection.getresponse()
            # A response whose connection ends with it is closed by itself.
            with response:
                if response.status != http.client.OK:
                    raise self._refused(response)
                yield response
        except TimeoutError:
            raise self.failed(say("nothing came within {seconds:seconds}", seconds=silence)) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self.failed(f"{type(error).__name__}: {error}".rstrip(": ")) from None
        finally:
            connection.close()

    def _headers(self) -> dict[str, str]:
        if not (self._key.isascii() and self._key.isprintable()):
            problem = say("the key in {name} holds characters that no header can carry", name=KEY_VARIABLE)
            raise self.failed(problem, say("set it again, without line ends"))
        return {"content-type": "application/json", **({"authorization": f"Bearer {self._key}"} if self._key else {})}

    def _refused(self, response: http.client.HTTPResponse) -> ChatFailed:
        status = say("status {status}", status=response.status)
        words = _problem(_read(response, CONNECT_TIMEOUT_S), "")
        problem = say("{status}: {words}", status=status, words=words) if words else status
        if response.status in (401, 403):
            return self.failed(problem, say("set {name} to a key that the server takes", name=KEY_VARIABLE))
        if 300 <= response.status < 400:
            return self.failed(problem, say("give the URL to which it redirects"))
        return self.failed(problem, say("end that, and ask again"))

    def _convert(self, data: bytes, kind: type[Any]) -> Any:
        try:
            return msgspec.convert(json.loads(data), kind)
        except (ValueError, RecursionError) as error:
            problem = say("its answer is not in OpenAI's shape: {error}", error=error)
            raise self.failed(problem) from None


@contextlib.contextmanager
def _limited(sock: socket.socket, seconds: float) -> Iterator[None]:
    """Cut a connection after a time: a time limit of a socket begins anew with every byte."""
    is_late = threading.Event()

    def cut() -> None:
        is_late.set()
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException):
        if not is_late.is_set():
            raise
    finally:
        timer.cancel()
    if is_late.is_set():
        raise TimeoutError


def _pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body as it comes; empty ones never."""
    while data := response.read1(1 << 16):
        yield data


def _read(response: http.client.HTTPResponse, seconds: float) -> bytes:
    """A body that is not long, and does not take long."""
    end, body = time.monotonic() + seconds, b""
    for data in _pieces(response):
        body += data
        if len(body) > MAX_BODY:
            raise ValueError(say("its answer is longer than {limit:bytes}", limit=MAX_BODY))
        if time.monotonic() > end:
            raise TimeoutError
    return body


def _events(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The data of each event; comments and blank lines are passed over, and don't count as an answer."""
    held, end = b"", time.monotonic() + SILENCE_S
    for data in _pieces(response):
        *lines, held = (held + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()
                end = time.monotonic() + SILENCE_S
        if len(held) > MAX_BODY:
            raise ValueError(say("one event is longer than {limit:bytes}", limit=MAX_BODY))
        if time.monotonic() > end:
            raise TimeoutError
    if held.startswith(b"data:"):
        yield held[5:].strip()


def _problem(body: bytes, otherwise: str) -> str:
    """What an error's body says, in the shapes in use."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return otherwise
    if not isinstance(document, dict) or not (document.get("error") or document.get("message")):
        return otherwise
    return _words(document.get("error") or document)


def _words(error: Any) -> str:
    return str(error.get("message") or error) if isinstance(error, dict) else str(error)
