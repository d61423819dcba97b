"""Answers kept in Redis, for other processes and the next start; the one file that imports its client.

Redis never makes a request fail, nor wait longer than its time limit: where it is down, slow or wrong, the model
answers. What comes back is typed data that is compared with the key it was kept under, so that neither a mixed-up
connection nor a damaged value can become another caller's answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec

from airworthy.core.errors import ExtraMissing, SettingInvalid
from airworthy.core.messages import say
from airworthy.serve.cache.answers import Counter, Outputs
from airworthy.serve.tensors import BYTE_WIDTH, Tensor, TensorMeta, element_count

PREFIX = b"airworthy:answer:1:"
"""What every key begins with; the number changes with the format of the values."""
MOST_VALUE = 4 * 1024 * 1024
"""Bytes of the largest answer that is kept there."""
MOST_AT_A_TIME = 64
"""Commands on their way; further ones are skipped."""
MOST_FAILURES = 3
"""Failures in a row after which it is left alone for a while."""
FIRST_PAUSE = 1.0
"""Seconds of the first pause; each further one is twice as long."""
LONGEST_PAUSE = 30.0
"""Seconds of a pause at the most."""


class KeptOutputs(msgspec.Struct, frozen=True, array_like=True):
    """A kept answer."""

    key: bytes
    """The key of its request."""
    outputs: tuple[tuple[TensorMeta, bytes], ...]
    """The tensors, each with its data."""


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(KeptOutputs)


def pack(key: bytes, answer: Outputs) -> bytes:
    """An answer as a value."""
    return _encode(KeptOutputs(key, tuple((meta, bytes(data)) for meta, data in answer)))


def unpack(key: bytes, value: object) -> Outputs | None:
    """The answer in a value; None where it is none, or that of another request."""
    if not isinstance(value, bytes):
        return None
    try:
        kept = _decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if kept.key != key or not kept.outputs or not all(_fits(meta, data) for meta, data in kept.outputs):
        return None
    return tuple(Tensor(meta, data) for meta, data in kept.outputs)


def _fits(meta: TensorMeta, data: bytes) -> bool:
    if meta.size != len(data) or any(size < 0 for size in meta.shape):
        return False
    if meta.datatype == "BYTES":
        return True
    return meta.datatype in BYTE_WIDTH and element_count(meta.shape) * BYTE_WIDTH[meta.datatype] == len(data)


class Breaker:
    """Leaves alone for a while what has failed several times in a row. Plain arithmetic without a clock."""

    def __init__(self) -> None:
        self._failures = 0
        self._pause = FIRST_PAUSE
        self._until = 0.0

    def lets(self, now: float) -> bool:
        """Whether to try now; in a pause one try is let through at its end."""
        if self._failures < MOST_FAILURES:
            return True
        if now < self._until:
            return False
        self._until = now + self._pause
        return True

    def succeeded(self) -> None:
        """A try went well."""
        self._failures, self._pause = 0, FIRST_PAUSE

    def failed(self, now: float) -> None:
        """A try failed."""
        self._failures += 1
        if self._failures >= MOST_FAILURES:
            self._until = now + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)


class RedisAnswers:
    """A store of answers. It lives on one event loop."""

    def __init__(self, url: str, ttl: float, timeout: float, count: Counter) -> None:
        """Make a client that has not connected yet.

        Args:
            url: `redis://`, `rediss://` or `unix://`; it may hold a password, which is reported nowhere.
            ttl: seconds that an answer is good for.
            timeout: seconds that one command may take, with its connection.
            count: called with `hit`, `miss`, `kept`, `failed` or `skipped` for each command.

        Raises:
            ExtraMissing: the client is not installed.
            SettingInvalid: the URL can't be used.
        """
        try:
            from redis import asyncio as redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
        except ImportError:
            raise ExtraMissing(job=say("keeping answers in Redis"), library="redis", extra="redis") from None
        try:
            self._redis: Any = redis.Redis.from_url(
                url,
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                retry=Retry(NoBackoff(), 0),
                protocol=2,
                lib_name=None,
                lib_version=None,
            )
        except (ValueError, TypeError):
            suggestion = say("write it as redis://host:6379/0")
            problem = say("the URL of the Redis cannot be read")
            raise SettingInvalid(source="serve.cache.url", problem=problem, suggestion=suggestion) from None
        self._ttl = max(1, round(1000 * ttl))
        self._timeout = timeout
        self._count = count
        self._breaker = Breaker()
        self._under_way = 0
        self._puts: set[asyncio.Task[None]] = set()

    async def get(self, key: bytes) -> Outputs | None:
        """A kept answer; None where there is none, or none could be had in time."""
        done, value = await self._command(lambda: self._redis.get(PREFIX + key))
        if not done:
            return None
        if value is None:
            self._count("miss")
            return None
        answer = unpack(key, value)
        self._count("hit" if answer is not None else "failed")
        return answer

    def put(self, key: bytes, answer: Outputs) -> None:
        """Keep an answer, some time after this returns."""
        if sum(tensor.meta.size for tensor in answer) > MOST_VALUE or len(self._puts) >= MOST_AT_A_TIME:
            self._count("skipped")
            return
        task = asyncio.ensure_future(self._put(PREFIX + key, pack(key, answer)))
        self._puts.add(task)
        task.add_done_callback(self._puts.discard)

    async def _put(self, name: bytes, value: bytes) -> None:
        done, _ = await self._command(lambda: self._redis.set(name, value, px=self._ttl))
        if done:
            self._count("kept")

    async def _command(self, make: Any) -> tuple[bool, Any]:
        """Whether a command was carried out, and what came back."""
        loop = asyncio.get_running_loop()
        if self._under_way >= MOST_AT_A_TIME or not self._breaker.lets(loop.time()):
            self._count("skipped")
            return False, None
        self._under_way += 1
        try:
            value = await asyncio.wait_for(make(), self._timeout)
        except Exception:  # noqa: BLE001 - whatever a server or the client's parser comes up with, the model answers
            self._count("failed")
            self._breaker.failed(loop.time())
            return False, None
        finally:
            self._under_way -= 1
        self._breaker.succeeded()
        return True, value

    async def close(self) -> None:
        """Give up what is under way and close the connections."""
        for task in tuple(self._puts):
            task.cancel()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._redis.aclose(), 1.0)
