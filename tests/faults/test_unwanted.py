"""A client that leaves frees the runner that is at work for it, and takes nothing from anybody else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from onnx import helper

import models
from server.running import Running, infer_body, running

SIZE, STEPS = 700, 60
INFER = "/v2/models/long/infer"
BODY = infer_body("x", "FP32", [[1.0]])


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A model whose run takes a second or so, in many steps."""
    weight = np.eye(SIZE, dtype=np.float32)
    nodes = [helper.make_node("Mul", ["w", "x"], ["h0"])]
    nodes += [helper.make_node("MatMul", [f"h{n}", "w"], [f"h{n + 1}"]) for n in range(STEPS)]
    nodes.append(helper.make_node("ReduceMax", [f"h{STEPS}"], ["y"], axes=[1], keepdims=1))
    value = [("x", models.FLOAT, [1, 1])], [("y", models.FLOAT, [SIZE, 1])]
    path = models.save_graph(tmp_path_factory.mktemp("long") / "long.onnx", nodes, *value, {"w": weight})
    with running("serve", path, env={"AIRWORTHY_SERVE_WORKERS_THREADS": "1"}) as service:
        yield service
        assert service.stop() == 0
        assert "Traceback" not in service.rest()


def ask(service: Running, timeout: float = 60) -> float:
    began = time.monotonic()
    answer = httpx.post(service.url + INFER, content=BODY, timeout=timeout)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()["outputs"][0]["data"]) == {1.0}
    return time.monotonic() - began


def running_now(service: Running) -> int:
    return int(service.health()["models"]["long"]["running"])


@pytest.mark.slow
def test_a_run_that_nobody_waits_for_is_ended(long: Running) -> None:
    whole = min(ask(long) for _ in range(2))
    if whole < 0.4:
        pytest.skip(f"this machine does the run in {whole:.2f} s, too quick to be ended in its middle")
    worker = long.worker("long")
    left = []
    for _ in range(5):
        with pytest.raises(httpx.ReadTimeout):
            ask(long, timeout=0.1)
        began = time.monotonic()
        while running_now(long) and time.monotonic() < began + 5:
            time.sleep(0.005)
        left.append(time.monotonic() - began)
    print(f"a run of {whole:.2f} s was over {max(left):.2f} s after its client had left")
    assert sorted(left)[2] < 0.75 * whole
    assert ask(long) < 3 * whole
    assert long.worker("long") == worker, "the worker lives on"


@pytest.mark.slow
def test_who_stays_gets_an_answer(long: Running) -> None:
    with ThreadPoolExecutor(4) as pool:
        staying = [pool.submit(ask, long) for _ in range(2)]
        for _ in range(4):
            with pytest.raises(httpx.ReadTimeout):
                ask(long, timeout=0.2)
        assert all(each.result(60) for each in staying)
