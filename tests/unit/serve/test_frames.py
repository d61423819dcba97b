"""Each end of a link handles the types of frames that it knows, and ends at any other."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from airworthy.core.model import ModelInfo
from airworthy.engines.interface import RunnerOptions
from airworthy.serve.tensors import TensorMeta
from airworthy.serve.workers.channel import Channel
from airworthy.serve.workers.process import ProcessLink
from airworthy.serve.workers.wire import Load, Ready, Run, RunFailure, RunResult, Stop, WireError, encode
from airworthy.serve.workers.worker import work

MODEL = ModelInfo(name="m", path="/m", format="onnx", entry="/m")
META = TensorMeta("x", "FP32", (1, 2), 8)


def _talk(*frames: bytes) -> tuple[Channel, socket.socket]:
    ours, theirs = socket.socketpair()
    ours.sendall(b"".join(frames))
    return Channel(theirs), ours


def _frame(message: object, data: bytes = b"") -> bytes:
    return b"".join(encode(message, [data] if data else []))  # type: ignore[arg-type]


def test_a_worker_answers_runs_until_it_is_stopped() -> None:
    load, run = Load("null", MODEL, RunnerOptions()), Run(1, (META,), 3.0)
    channel, ours = _talk(_frame(load), _frame(run, b"12345678"), _frame(Stop()))
    assert work(channel, time.monotonic()) == 0
    channel.close()
    replies = list(Channel(ours)._reader.feed(ours.recv(1 << 16)))
    ours.close()
    assert [type(message) for message, _ in replies] == [Ready, RunResult]
    assert bytes(replies[1][1]) == b"12345678"


@pytest.mark.parametrize("wrong", [Ready((), (), 1, 0.1), Load("null", MODEL, RunnerOptions())])
def test_a_worker_ends_at_a_frame_that_is_not_for_it(wrong: object) -> None:
    channel, ours = _talk(_frame(Load("null", MODEL, RunnerOptions())), _frame(wrong))
    with pytest.raises(WireError, match=f"unexpected {type(wrong).__name__}"):
        work(channel, time.monotonic())
    channel.close()
    ours.close()


def test_the_gateway_kills_a_worker_that_sends_what_is_not_for_it() -> None:
    async def main() -> None:
        killed: list[str] = []
        replies: list[object] = []
        link = ProcessLink(lambda message, data: replies.append(message), lambda end: None)
        link._kill = killed.append  # type: ignore[method-assign, assignment]
        link._ready = asyncio.get_running_loop().create_future()
        link.data_received(_frame(Ready((), (), 1, 0.1)) + _frame(RunFailure(3, "run-failed", {})))
        assert link._ready.result().lanes == 1
        assert replies == [RunFailure(3, "run-failed", {})]
        assert not killed
        link.data_received(_frame(Run(1, (), 3.0)))
        assert killed == ["a worker sent Run"]
        assert "a worker sent Run" in link.words

    asyncio.run(main())
