"""A conversation with a language model, over OpenAI's chat interface: ours, or any server's."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from airworthy.core.errors import AirworthyError, Exit
from airworthy.core.messages import say
from airworthy.core.report import Report
from airworthy.flows.answers.chat import ChatAnswer

CONNECT_TIMEOUT_S = 10.0
"""Seconds for a connection, and for the list of models."""
SILENCE_S = 120.0
"""Seconds without a piece of the answer after which it is given up."""
MAX_LINE = 1 << 22
"""Bytes of one event; a longer one means that this is no stream of events."""
KEY_VARIABLE = "OPENAI_API_KEY"
"""The environment variable with the key for servers that ask for one."""


class ChatFailed(AirworthyError):
    """The server gave no answer."""

    code = "chat-failed"
    message = "{url} gave no answer: {problem}"
    hint = "{way_out}"
    exit = Exit.FINDINGS


class Stats(msgspec.Struct):
    """What an answer took."""

    first_token: float = 0.0
    """Seconds to its first piece."""
    seconds: float = 0.0
    """Seconds in all."""
    prompt_tokens: int = 0
    """Tokens of the conversation; 0 where the server does not say."""
    tokens: int = 0
    """Tokens of the answer; 0 where the server does not say."""
    reason: str = ""
    """Why it ended."""

    @property
    def rate(self) -> float:
        """Tokens a second after the first one; 0 where that can't be determined."""
        writing = self.seconds - self.first_token
        return (self.tokens - 1) / writing if self.tokens > 1 and writing > 0 else 0.0


def chat(
    target: str, question: str, *, model: str = "", system: str = "", max_tokens: int | None = None
) -> Report[ChatAnswer]:
    """Ask a language model one question.

    Args:
        target: a model file, which is served for as long as it takes, or the base URL of a server.
        question: the question.
        model: the model of the server; the first that chats by default.
        system: an instruction that begins the conversation.
        max_tokens: the most tokens of the answer; None leaves it to the server.

    Raises:
        NotServed: the file could not be served.
        ChatFailed: the server gave no answer.
    """
    from airworthy.flows.temporary import serving

    with contextlib.ExitStack() as stack:
        url = target if "://" in target else stack.enter_context(serving(target))
        conversation = Conversation(url, model, max_tokens)
        conversation.system(system)
        text = "".join(conversation.ask(question))
    stats = conversation.stats
    answer = ChatAnswer(
        model=conversation.model,
        text=text,
        reason=stats.reason,
        first_token=stats.first_token,
        seconds=stats.seconds,
        prompt_tokens=stats.prompt_tokens,
        tokens=stats.tokens,
    )
    return Report(verb="chat", subject=target, results=(), answer=answer)


class Conversation:
    """The messages so far, and the server that answers them."""

    def __init__(self, url: str, model: str = "", max_tokens: int | None = None) -> None:
        """Find out which model answers.

        Args:
            url: the server's base URL, with or without `/v1`.
            model: the model; the first chat model of the server by default.
            max_tokens: the most tokens of an answer; None leaves it to the server.

        Raises:
            ChatFailed: nothing answers there as a chat server does.
        """
        parts = urlsplit(url if "://" in url else f"http://{url}")
        path = parts.path.rstrip("/")
        self._base = path if path.endswith("/v1") else f"{path}/v1"
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (443 if self._secure else 80)
        self.url = f"{parts.scheme}://{parts.netloc}{self._base}"
        """The interface's URL."""
        self._max_tokens = max_tokens
        self.messages: list[dict[str, str]] = []
        """The conversation."""
        self.stats = Stats()
        """What the last answer took."""
        self.model = model or self._first_model()
        """The model that answers."""

    def _headers(self) -> dict[str, str]:
        key = os.environ.get(KEY_VARIABLE, "")
        return {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=timeout)

    def _failed(self, problem: str, way_out: str = "") -> ChatFailed:
        way_out = way_out or say("start a server there, or name a model file: `airworthy chat MODEL.gguf`")
        return ChatFailed(url=self.url, problem=problem, way_out=way_out)

    def _first_model(self) -> str:
        connection = self._connect(CONNECT_TIMEOUT_S)
        try:
            connection.request("GET", f"{self._base}/models", headers=self._headers())
            response = connection.getresponse()
            document = json.loads(response.read(MAX_LINE))
            cards = document["data"]
            able = [card["id"] for card in cards if "chat" in card.get("capabilities", ("chat",))]
            return str(able[0])
        except IndexError:
            raise self._failed(say("it serves no model that chats")) from None
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            raise self._failed(f"{type(error).__name__}: {error}".rstrip(": ")) from None
        finally:
            connection.close()

    def system(self, text: str) -> None:
        """Begin the conversation with an instruction, in the place of one that there is."""
        self.messages = [message for message in self.messages if message["role"] != "system"]
        if text:
            self.messages.insert(0, {"role": "system", "content": text})

    def reset(self) -> None:
        """Forget all but the instruction."""
        self.messages = [message for message in self.messages if message["role"] == "system"]

    def ask(self, text: str) -> Iterator[str]:
        """The pieces of the answer. Closing the iterator ends the answer; what came of it stays in the conversation.

        Raises:
            ChatFailed: the server refused, or ended in the middle; the question is taken back where nothing came.
        """
        self.messages.append({"role": "user", "content": text})
        self.stats, answer = Stats(), ""
        connection = self._connect(SILENCE_S)
        began = time.monotonic()
        try:
            for piece in self._pieces(connection):
                self.stats.first_token = self.stats.first_token or time.monotonic() - began
                answer += piece
                yield piece
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._failed(f"{type(error).__name__}: {error}".rstrip(": ")) from None
        finally:
            self.stats.seconds = time.monotonic() - began
            connection.close()
            if answer:
                self.messages.append({"role": "assistant", "content": answer})
            else:
                self.messages.pop()

    def _pieces(self, connection: http.client.HTTPConnection) -> Iterator[str]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": self.messages,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self._max_tokens is not None:
            body["max_tokens"] = self._max_tokens
        connection.request("POST", f"{self._base}/chat/completions", json.dumps(body), self._headers())
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise self._failed(_problem(response.read(MAX_LINE), response.status), say("end that, and ask again"))
        while True:
            line = response.readline(MAX_LINE).strip()
            if line == b"data: [DONE]":
                break
            if line.startswith(b"data:"):
                yield from self._text(json.loads(line[5:]))
            elif not line and response.isclosed():
                break
        if not self.stats.reason:
            raise self._failed(say("the answer was cut"), say("ask again"))

    def _text(self, chunk: dict[str, Any]) -> Iterator[str]:
        if "error" in chunk:
            raise self._failed(_problem(json.dumps(chunk).encode(), 500), say("ask again"))
        used = chunk.get("usage")
        if used:
            self.stats.prompt_tokens, self.stats.tokens = used["prompt_tokens"], used["completion_tokens"]
        for choice in chunk.get("choices") or ():
            self.stats.reason = choice.get("finish_reason") or self.stats.reason
            text = (choice.get("delta") or {}).get("content")
            if text:
                yield text


def _problem(body: bytes, status: int) -> str:
    """What an error's body says, in the shapes in use."""
    try:
        document = json.loads(body)
    except ValueError:
        return say("status {status}", status=status)
    error = document.get("error", document) if isinstance(document, dict) else document
    return str(error.get("message", error) if isinstance(error, dict) else error)
