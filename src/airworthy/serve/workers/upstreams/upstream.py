"""One upstream server: its list of models, its answers, its tokeniser, and what is known of its health."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from airworthy.core.messages import say
from airworthy.core.settings.upstreams import UpstreamSettings
from airworthy.engines.generation import AnyEvent, Finished, GenerationRequest, GeneratorInfo
from airworthy.knowledge.upstreams import OTHER, UpstreamKind, kind_named, kind_of_owner
from airworthy.serve.workers.upstreams.answers import AnswerReader, UpstreamUsage
from airworthy.serve.workers.upstreams.breaker import BreakerState, CircuitBreaker
from airworthy.serve.workers.upstreams.event_stream import EventStreamReader, EventTooLong
from airworthy.serve.workers.upstreams.failures import UpstreamError, describe, of_status
from airworthy.serve.workers.upstreams.http_client import (
    BadResponse,
    ConnectFailed,
    ConnectionLost,
    HttpResponse,
    Target,
    send,
)
from airworthy.serve.workers.upstreams.requests import body_of
from airworthy.serve.workers.upstreams.time_limits import within

DEFAULT_CONTEXT = 8192
"""Tokens of a context where no source gives them."""
SHORT_CALL_S = 5.0
"""Seconds for a list of models, or a count of tokens."""
COUNT_S = 2.0
"""Seconds that an answer may wait for the count of its tokens, where the upstream reports none."""

Emit = Callable[[Sequence[AnyEvent]], None]
"""Takes the events of one packet; none for a sign of life."""


class UpstreamKeyUnreadable(Exception):
    """The key of an upstream can't be read."""


def read_key(where: str, upstream: str) -> str:
    """A key from a file, or from `env:NAME`; empty where none is set.

    Args:
        where: the setting, which may be the key itself by mistake.
        upstream: what the upstream is called in messages.

    Raises:
        UpstreamKeyUnreadable: there is none; the text never holds a key.
    """
    if not where:
        return ""
    if where.startswith("env:"):
        key = os.environ.get(where[4:], "").strip()
        problem = say("the environment variable {name} is not set", name=where[4:])
    else:
        try:
            key = Path(where).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            key = ""
        problem = say("the file that `key` of {upstream} names can't be read, or is empty", upstream=upstream)
    if not key:
        raise UpstreamKeyUnreadable(problem)
    if not key.isascii() or not key.isprintable():
        raise UpstreamKeyUnreadable(
            say("the key of {upstream} holds characters that no header takes", upstream=upstream)
        )
    return key


class Upstream:
    """One server for one model."""

    def __init__(self, settings: UpstreamSettings) -> None:
        """Read its key.

        Raises:
            UpstreamKeyUnreadable: the key can't be read.
        """
        self.settings = settings
        self.priority, self.weight = settings.priority, settings.weight
        self.breaker = CircuitBreaker()
        self.kind: UpstreamKind = kind_named(OTHER if settings.kind == "auto" else settings.kind)
        """Which server it is; `other` until it was asked."""
        self.context = settings.context
        """Tokens of its context; 0 where unknown."""
        self.running = 0
        """Requests that it has."""
        self.is_listed = False
        """Whether its list of models has the model."""
        self.problem = say("it was not asked yet")
        """Why the model is not there, in words."""
        self._target = Target.of(settings.url)
        key = read_key(settings.key, settings.url)
        self._headers = {"User-Agent": "airworthy", **({"Authorization": f"Bearer {key}"} if key else {})}

    @property
    def name(self) -> str:
        """What it is called in messages and metrics."""
        return self.settings.url

    def info(self) -> GeneratorInfo:
        """What the model behind it can do."""
        return GeneratorInfo(
            slots=self.settings.slots,
            context=self.context or DEFAULT_CONTEXT,
            tools=True,
            schemas=True,
            logprobs=self.kind.logprobs or None,
        )

    def describe(self, now: float) -> dict[str, Any]:
        """Its state as plain JSON data."""
        state = self.breaker.state(now)
        is_closed = state is BreakerState.CLOSED
        return {
            "url": self.name,
            "kind": self.kind.name,
            "state": state.value if self.is_listed else "absent",
            "reason": ("" if is_closed else self.breaker.reason) if self.is_listed else self.problem,
            "expires_seconds": round(max(0.0, self.breaker.expires - now), 1),
            "running": self.running,
            "priority": self.priority,
            "weight": self.weight,
        }

    # --- short calls ------------------------------------------------------------------------------------------------

    async def check(self) -> bool:
        """Ask for its list of models; whether that changed whether the model is there.

        Raises:
            UpstreamError: it gives no list.
        """
        was_listed = self.is_listed
        try:
            found = await self.models()
        except UpstreamError as error:
            self.problem = error.detail
            raise
        card = next((card for card in found if card.get("id") == self.settings.upstream_model), None)
        self.is_listed = card is not None
        if card is None:
            names = tuple(str(each.get("id"))[:80] for each in found[:20])
            self.problem = say(
                "it serves no {model!r}; it serves {names}", model=self.settings.upstream_model, names=names
            )
        else:
            self.problem = ""
            self._learn(card)
        return self.is_listed != was_listed

    def _learn(self, card: dict[str, Any]) -> None:
        if self.settings.kind == "auto":
            self.kind = kind_of_owner(str(card.get("owned_by", "")))
        if not self.settings.context:
            meta = card.get("meta")
            for value in (card.get("max_model_len"), (meta if isinstance(meta, dict) else {}).get("n_ctx")):
                if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31:
                    self.context = value

    async def models(self) -> list[dict[str, Any]]:
        """Its list of models.

        Raises:
            UpstreamError: it gives none.
        """
        document = await self._json("GET", "/v1/models", None, SHORT_CALL_S)
        found = document.get("data") if isinstance(document, dict) else None
        if not isinstance(found, list):
            raise UpstreamError(say("it answers as no server of OpenAI's interface does"))
        return [each for each in found if isinstance(each, dict)]

    async def count(self, request: GenerationRequest, timeout: float = SHORT_CALL_S) -> int:
        """Tokens of a request's prompt, as it counts them.

        Raises:
            UpstreamError: it can't, or fails.
        """
        if self.kind.tokenizer == "vllm":
            body: dict[str, Any] = {"model": self.settings.upstream_model}
            body.update({"messages": list(request.messages)} if request.messages else {"prompt": request.prompt})
            return _count(await self._json("POST", "/tokenize", body, timeout))
        if self.kind.tokenizer == "llama-server":
            text = request.prompt
            if request.messages:
                made = await self._json("POST", "/apply-template", {"messages": list(request.messages)}, timeout)
                text = made.get("prompt") if isinstance(made, dict) else None  # type: ignore[assignment]
                if not isinstance(text, str):
                    raise UpstreamError(say("it makes no prompt of a conversation"))
            return _count(await self._json("POST", "/tokenize", {"content": text, "add_special": True}, timeout))
        raise UpstreamError(
            say("the server behind this model counts no tokens"), code="invalid-generation", blames=False
        )

    async def _json(self, method: str, path: str, body: Any, timeout: float) -> Any:
        try:
            return await within(self._exchange(method, path, body), timeout)
        except asyncio.TimeoutError:
            raise UpstreamError(say("no answer within {timeout:seconds}", timeout=timeout), retry=True) from None

    async def _exchange(self, method: str, path: str, body: Any) -> Any:
        response = await self._send(method, path, body)
        try:
            await response.read_headers()
            data = await response.read_all()
        except (BadResponse, ConnectionLost):
            raise UpstreamError(say("it answers as no HTTP server does"), retry=True) from None
        finally:
            response.close()
        if response.status != 200:
            raise of_status(response.status, data, _retry_after(response))
        try:
            return msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UpstreamError(say("its answer to {path} is no JSON", path=path)) from None

    async def _send(self, method: str, path: str, body: Any) -> HttpResponse:
        headers = {**self._headers, "X-Request-Id": f"airworthy-{secrets.token_hex(8)}"}
        data = b"" if body is None else msgspec.json.encode(body)
        try:
            return await send(self._target, method, path, headers, data, self.settings.connect_timeout)
        except ConnectFailed as error:
            raise UpstreamError(say("no connection: {problem}", problem=str(error)), retry=True) from None

    # --- answers ----------------------------------------------------------------------------------------------------

    async def generate(self, request: GenerationRequest, salt: str, emit: Emit, reader: AnswerReader) -> UpstreamUsage:
        """Have it answer; events go to `emit`, and the reader knows how the answer ended.

        Raises:
            UpstreamError: there is no whole answer.
        """
        path, body = body_of(self.kind, request, self.settings.upstream_model, salt)
        response = await self._send("POST", path, body)
        loop = asyncio.get_running_loop()
        try:
            limit = loop.time() + self.settings.first_chunk_timeout
            await self._in_time(response.read_headers(), limit, is_first=True)
            await self._check_headers(response, limit)
            await self._read(response, emit, reader, limit)
        finally:
            response.close()
        reader.end()
        return reader.usage() or await self._count_after(request, reader)

    async def _count_after(self, request: GenerationRequest, reader: AnswerReader) -> UpstreamUsage:
        estimate = reader.estimate()
        if self.kind.tokenizer:
            try:
                return estimate._replace(prompt=await self.count(request, COUNT_S), source="counted")
            except UpstreamError:
                pass
        return estimate

    async def _check_headers(self, response: HttpResponse, limit: float) -> None:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if response.status == 200 and kind == "text/event-stream":
            if response.headers.get("content-encoding", "identity") != "identity":
                raise UpstreamError(say("it compresses its answer, which it was asked not to"))
            return
        data = await self._in_time(response.read_all(), limit, is_first=True)
        if response.status != 200:
            raise of_status(response.status, data, _retry_after(response))
        text, params = describe(data)
        if params:
            raise UpstreamError(text, code="context-exceeded", blames=False, params=params)
        summary = say("it answered 200 without a stream of events")
        raise UpstreamError(say("{summary}: {text}", summary=summary, text=text), summary=summary)

    async def _read(self, response: HttpResponse, emit: Emit, reader: AnswerReader, limit: float) -> None:
        """Read to the end of the answer; a comment moves the clock between pieces, and not the one before the first."""
        events, loop, has_begun = EventStreamReader(), asyncio.get_running_loop(), False
        while not reader.is_done:
            try:
                data = await self._in_time(response.read(), limit, is_first=not has_begun)
            except UpstreamError:
                if reader.is_whole:  # the usage and the end are missing, and nothing of the answer
                    return
                raise
            if not data:
                return
            made: list[AnyEvent] = []
            is_alive = False
            try:
                for event in events.feed(data):
                    has_begun = has_begun or bool(event.data)
                    is_alive = True
                    if event.data and not reader.is_done:
                        made += reader.feed(event)
            except EventTooLong:
                raise UpstreamError(say("a piece of its answer is longer than any can be")) from None
            finally:
                if made or (is_alive and has_begun):
                    emit(made)
            if has_begun and is_alive:
                limit = loop.time() + self.settings.chunk_timeout

    async def _in_time(self, reading: Any, limit: float, *, is_first: bool) -> Any:
        try:
            return await within(reading, max(0.0, limit - asyncio.get_running_loop().time()))
        except asyncio.TimeoutError:
            seconds = self.settings.first_chunk_timeout if is_first else self.settings.chunk_timeout
            detail = (
                say("no answer began within {seconds:seconds}", seconds=seconds)
                if is_first
                else say("its answer stood still for {seconds:seconds}", seconds=seconds)
            )
            raise UpstreamError(detail, code="upstream-timeout", retry=is_first) from None
        except ConnectionLost:
            raise UpstreamError(say("it closed the connection within its answer"), retry=is_first) from None
        except BadResponse:
            raise UpstreamError(say("it answers as no HTTP server does")) from None


def finished(reader: AnswerReader, usage: UpstreamUsage) -> Finished:
    """The last event of an answer that is whole."""
    return reader.finished(reader.end(), usage)


def _count(document: Any) -> int:
    found = document if isinstance(document, dict) else {}
    count = found.get("count", len(found["tokens"]) if isinstance(found.get("tokens"), list) else None)
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise UpstreamError(say("its count of tokens is none"))
    return count


def _retry_after(response: HttpResponse) -> float | None:
    """The seconds of `Retry-After`; a date is too seldom to be read."""
    text = response.headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.replace(".", "", 1).isdigit() and len(text) < 10 else None
