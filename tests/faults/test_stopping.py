"""Ways to end: SIGTERM and Ctrl-C, with requests inside; nothing is left behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import httpx
import psutil
import pytest

from server.running import PATIENCE, infer_body, running, until_it_takes_no_more, wait_inside

BODY = infer_body("x", "FP32", [[1, 2]])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_inside_are_answered_before_the_end(linear_file: Path, number: signal.Signals) -> None:
    with running("serve", linear_file) as service:
        worker = service.worker("linear")
        os.kill(worker, signal.SIGSTOP)
        statuses: list[int] = []

        def ask() -> None:
            statuses.append(httpx.post(f"{service.url}/v2/models/linear/infer", content=BODY, timeout=20).status_code)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_inside(service, "linear", 4)
        service.process.send_signal(number)
        until_it_takes_no_more(service)
        os.kill(worker, signal.SIGCONT)
        for thread in threads:
            thread.join(10)
        assert statuses == [200] * 4
        assert service.process.wait(10) == 0
        assert not psutil.pid_exists(worker)
        assert "Traceback" not in service.rest()


def test_what_does_not_end_in_time_is_refused(linear_file: Path) -> None:
    with running("serve", linear_file, env={"AIRWORTHY_SERVE_DRAIN": "0.5"}) as service:
        worker = service.worker("linear")
        os.kill(worker, signal.SIGSTOP)
        answers: list[httpx.Response] = []

        def ask() -> None:
            answers.append(httpx.post(f"{service.url}/v2/models/linear/infer", content=BODY, timeout=20))

        thread = threading.Thread(target=ask)
        thread.start()
        wait_inside(service, "linear", 1)
        began = time.monotonic()
        assert service.stop() == 0
        thread.join(5)
        assert (answers[0].status_code, "draining" in answers[0].text) == (503, True)
        assert time.monotonic() - began < PATIENCE
        assert not psutil.pid_exists(worker)


def test_a_second_signal_ends_at_once(linear_file: Path) -> None:
    with running("serve", linear_file, env={"AIRWORTHY_SERVE_DRAIN": "60"}) as service:
        worker = service.worker("linear")
        os.kill(worker, signal.SIGSTOP)
        thread = threading.Thread(target=_ask_in_vain, args=(service.url,))
        thread.start()
        wait_inside(service, "linear", 1)
        service.process.send_signal(signal.SIGTERM)
        until_it_takes_no_more(service)  # two signals that come before the first is handled are one
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(PATIENCE)
        thread.join(10)
        assert not psutil.pid_exists(worker)


def _ask_in_vain(url: str) -> None:
    try:
        httpx.post(f"{url}/v2/models/linear/infer", content=BODY, timeout=20)
    except httpx.TransportError:
        return


def test_ending_while_the_model_loads_leaves_nothing(linear_file: Path) -> None:
    with running("serve", linear_file, wait=False) as service:
        end = time.monotonic() + 30
        while not (children := psutil.Process(service.process.pid).children()):
            assert time.monotonic() < end, "no worker came"
            time.sleep(0.005)
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(10) in (0, 130)
        _, alive = psutil.wait_procs(children, timeout=5)
        assert not alive
        assert "Traceback" not in service.rest()
