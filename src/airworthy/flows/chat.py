"""A conversation with a language model, over OpenAI's chat interface: ours, or any server's."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from airworthy.core.messages import say
from airworthy.core.report import Report
from airworthy.flows.answers.chat import ChatAnswer
from airworthy.observe.addresses import parse
from airworthy.observe.chat_client import AnswerChunk, ChatServer


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

    def count(self, chunk: AnswerChunk) -> None:
        """Take from a piece of the answer why it ended and what it took."""
        self.prompt_tokens, self.tokens = chunk.usage or (self.prompt_tokens, self.tokens)
        self.reason = chunk.reason or self.reason


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
        AddressInvalid: the URL names no server.
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
            AddressInvalid: the URL names no server.
            ChatFailed: nothing answers there as a chat server does.
        """
        address = parse(url)
        path = address.path if address.path.endswith("/v1") else f"{address.path}/v1"
        self._server = ChatServer(address._replace(path=path))
        self.url = self._server.url
        """The interface's URL."""
        self._max_tokens = max_tokens
        self.messages: list[dict[str, str]] = []
        """The conversation."""
        self.stats = Stats()
        """What the last answer took."""
        self.model = model or self._server.first_model()
        """The model that answers."""

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
        body: dict[str, Any] = {
            "model": self.model,
            "messages": self.messages,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self._max_tokens is not None:
            body["max_tokens"] = self._max_tokens
        began = time.monotonic()
        try:
            with contextlib.closing(self._server.stream(body)) as chunks:
                for chunk in chunks:
                    self.stats.count(chunk)
                    for piece in chunk.texts():
                        self.stats.first_token = self.stats.first_token or time.monotonic() - began
                        answer += piece
                        yield piece
            if not self.stats.reason:
                raise self._server.failed(say("the answer was cut"), say("ask again"))
        finally:
            self.stats.seconds = time.monotonic() - began
            if answer:
                self.messages.append({"role": "assistant", "content": answer})
            else:
                self.messages.pop()
