"""Priorities and times that clients ask for, told by the official clients of each protocol."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import openai
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from server.running import PATIENCE, Running, infer_body, running, standing_still, until

INFER = "/v2/models/linear/infer"


def given(kind: Any) -> list[Any]:
    made = kind.InferInput("x", [1, 2], "FP32")
    made.set_data_from_numpy(np.ones((1, 2), np.float32))
    return [made]


def wait_until(service: Running, waiting: int) -> None:
    until(lambda: service.health()["models"]["linear"]["waiting"] == waiting)


def test_what_has_no_hurry_leaves_room_in_the_queue(files: Path) -> None:
    env = {
        "AIRWORTHY_SERVE_BATCHING_MAX_QUEUE": "4",
        "AIRWORTHY_SERVE_BATCHING_SEARCH": "false",
    }  # a stopped trial would hold the lane
    with running("serve", files / "linear.onnx", env=env) as service:
        url = service.url.removeprefix("http://")

        def ask(priority: int) -> Any:
            with contextlib.closing(triton.InferenceServerClient(url)) as client:
                return client.infer("linear", given(triton), priority=priority)

        with ThreadPoolExecutor(8) as pool, standing_still(service):
            inside = [pool.submit(ask, 0)]
            until(lambda: service.health()["models"]["linear"]["running"])
            inside += [pool.submit(ask, 3) for _ in range(2)]
            wait_until(service, 2)
            with pytest.raises(InferenceServerException, match="already wait") as caught:
                ask(3)
            assert caught.value.status() == "503"
            inside += [pool.submit(ask, each) for each in (0, 1)]
            wait_until(service, 4)
            os.kill(service.worker("linear"), signal.SIGCONT)
            answers = [each.result(10) for each in inside]
        assert len({tuple(answer.as_numpy("y").ravel()) for answer in answers}) == 1
        assert service.stop() == 0


def test_bodies_that_come_behind_their_heads_join_no_queue_that_is_full(files: Path) -> None:
    env = {"AIRWORTHY_SERVE_BATCHING_MAX_QUEUE": "4", "AIRWORTHY_SERVE_BATCHING_SEARCH": "false"}
    body = infer_body("x", "FP32", [[1, 2]])
    head = f"POST /v2/models/linear/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with running("serve", files / "linear.onnx", env=env) as service, contextlib.ExitStack() as closing:
        with standing_still(service):
            where = urlsplit(service.url)
            clients = [
                closing.enter_context(socket.create_connection((where.hostname, where.port), 20)) for _ in range(16)
            ]
            for client in clients:
                client.sendall(head + body[:1])
            # The gateway has read the heads before it answers this one.
            assert httpx.get(f"{service.url}/health/live").status_code == 200
            for client in clients:
                client.sendall(body[1:])
            refused = [client for client in clients if select.select([client], [], [], 0.5)[0]]
            assert refused, "more than the queue's places and the worker's came"
            assert {client.recv(12) for client in refused} == {b"HTTP/1.1 503"}
            assert service.health()["models"]["linear"]["waiting"] <= 4
        assert {client.recv(12) for client in clients if client not in refused} == {b"HTTP/1.1 200"}


@pytest.mark.parametrize("binary", [False, True])
def test_a_client_says_how_long_it_waits(files: Path, binary: bool) -> None:
    inputs = given(triton)
    inputs[0].set_data_from_numpy(np.ones((1, 2), np.float32), binary_data=binary)
    with running("serve", files / "linear.onnx") as service:
        client = triton.InferenceServerClient(service.url.removeprefix("http://"))
        with contextlib.closing(client), standing_still(service):
            began = time.monotonic()
            with pytest.raises(InferenceServerException, match="no answer within") as caught:
                client.infer("linear", inputs, timeout=300_000)
            assert caught.value.status() == "504"
            assert 0.3 <= time.monotonic() - began < PATIENCE


@pytest.mark.parametrize(
    "parameters", [{"priority": -1}, {"priority": "high"}, {"priority": 1.5}, {"timeout": -1}, {"timeout": None}]
)
def test_what_can_not_be_meant_is_refused(service: Running, parameters: dict[str, Any]) -> None:
    answer = httpx.post(service.url + INFER, content=infer_body("x", "FP32", [[1, 2]], parameters=parameters))
    assert answer.status_code == 400
    assert "a whole number from 0" in answer.json()["error"]
    again = infer_body("x", "FP32", [[1, 2]], parameters={"priority": 1, "timeout": 10_000_000})
    assert httpx.post(service.url + INFER, content=again).status_code == 200


def test_openai_s_client_may_ask_as_with_vllm(service: Running) -> None:
    client = openai.OpenAI(base_url=f"{service.url}/v1", api_key="none", max_retries=0)
    usual = client.embeddings.create(model="words", input="w1 w2").data[0].embedding
    for priority in (-5, 0, 5):
        answer = client.embeddings.create(model="words", input="w1 w2", extra_body={"priority": priority})
        assert answer.data[0].embedding == usual
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model="words", input="w1", extra_body={"priority": "first"})


def test_grpc_says_the_same(files: Path) -> None:
    from server.test_grpc import grpc_running

    with grpc_running(files / "linear.onnx") as (service, where), triton_grpc.InferenceServerClient(where) as client:
        answer = client.infer("linear", given(triton_grpc), priority=1, timeout=10_000_000)
        assert answer.as_numpy("y").shape[0] == 1
        with standing_still(service), pytest.raises(InferenceServerException, match="no answer within") as caught:
            client.infer("linear", given(triton_grpc), priority=3, timeout=300_000)
        assert "DEADLINE_EXCEEDED" in caught.value.status()
        with pytest.raises(InferenceServerException, match="a whole number from 0"):
            client.infer("linear", given(triton_grpc), timeout=-5)
