"""Workers that are killed, stopped or hang while clients ask."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import psutil
import pytest

from server.running import PATIENCE, Running, infer_body, running, until, wait_inside

BODY = infer_body("x", "FP32", [[1, 2]])


class Load:
    """Clients that ask without pause, and what they were told."""

    def __init__(self, url: str, clients: int = 8) -> None:
        self.statuses: Counter[int] = Counter()
        self.without_retry_after = 0
        self.slowest = 0.0
        self.last_success = 0.0
        self.first_success_after: float | None = None
        self.mark: float | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(url,), daemon=True) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _ask(self, url: str) -> None:
        with httpx.Client(timeout=20) as client:
            while not self._stop.is_set():
                began = time.monotonic()
                answer = client.post(f"{url}/v2/models/linear/infer", content=BODY)
                ended = time.monotonic()
                with self._lock:
                    self.statuses[answer.status_code] += 1
                    self.slowest = max(self.slowest, ended - began)
                    if answer.status_code == 503 and "retry-after" not in answer.headers:
                        self.without_retry_after += 1
                    if answer.status_code == 200 and self.mark is not None and began > self.mark:
                        self.first_success_after = self.first_success_after or ended - self.mark

    def stop(self) -> None:
        """End, with every request answered."""
        self._stop.set()
        for thread in self._threads:
            thread.join(25)
            assert not thread.is_alive(), "a request hangs"


def _answers(service: Running) -> bool:
    return httpx.post(f"{service.url}/v2/models/linear/infer", content=BODY, timeout=20).status_code == 200


def test_a_killed_worker_is_back_and_nobody_hangs(linear_file: Path) -> None:
    with running("serve", linear_file) as service:
        load = Load(service.url)
        time.sleep(0.5)
        worker = service.worker("linear")
        load.mark = time.monotonic()
        os.kill(worker, signal.SIGKILL)
        while load.first_success_after is None and time.monotonic() < load.mark + PATIENCE:
            assert httpx.get(f"{service.url}/health/live", timeout=PATIENCE).status_code == 200
            time.sleep(0.02)
        time.sleep(0.3)
        load.stop()
        print(f"back after {load.first_success_after:.2f} s; slowest {load.slowest:.2f} s; {dict(load.statuses)}")
        assert load.first_success_after is not None
        assert set(load.statuses) <= {200, 503}
        assert load.without_retry_after == 0
        assert load.slowest < PATIENCE
        assert service.worker("linear") != worker
        assert service.stop() == 0


def test_a_stopped_worker_is_replaced(linear_file: Path) -> None:
    with running("serve", linear_file, env={"AIRWORTHY_SERVE_WORKERS_STALL_TIMEOUT": "0.5"}) as service:
        worker = service.worker("linear")
        os.kill(worker, signal.SIGSTOP)
        assert _answers(service) or _answers(service)
        assert service.worker("linear") != worker
        assert not psutil.pid_exists(worker)


def test_a_stopped_worker_costs_no_more_than_the_deadline(linear_file: Path) -> None:
    with running("serve", linear_file, env={"AIRWORTHY_SERVE_DEADLINE": "0.4"}) as service:
        worker = service.worker("linear")
        os.kill(worker, signal.SIGSTOP)
        began = time.monotonic()
        answer = httpx.post(f"{service.url}/v2/models/linear/infer", content=BODY)
        assert (answer.status_code, "no answer within" in answer.json()["error"]) == (504, True)
        assert 0.4 <= time.monotonic() - began < PATIENCE
        assert httpx.get(f"{service.url}/health/live").status_code == 200
        os.kill(worker, signal.SIGCONT)
        assert _answers(service)


def test_a_full_queue_is_a_503_with_a_time_to_come_back(linear_file: Path) -> None:
    env = {
        "AIRWORTHY_SERVE_BATCHING_MAX_QUEUE": "2",
        "AIRWORTHY_SERVE_DEADLINE": "60",
        "AIRWORTHY_SERVE_WORKERS_STALL_TIMEOUT": "60",
    }
    env["AIRWORTHY_SERVE_BATCHING_SEARCH"] = (
        "false"  # a trial run that is stopped would hold the lane of the first request
    )
    with running("serve", linear_file, env=env) as service:
        worker = service.worker("linear")
        os.kill(worker, signal.SIGSTOP)
        answers: list[httpx.Response] = []

        def ask() -> None:
            answers.append(httpx.post(f"{service.url}/v2/models/linear/infer", content=BODY, timeout=60))

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for count, thread in enumerate(threads, 1):
            thread.start()
            wait_inside(service, "linear", count)
        for _ in range(7):
            ask()
        os.kill(worker, signal.SIGCONT)
        for thread in threads:
            thread.join(PATIENCE)
        counts = Counter(answer.status_code for answer in answers)
        assert counts == {503: 7, 200: 3}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers if answer.status_code == 503)


def test_clients_that_leave_harm_nobody(linear_file: Path) -> None:
    with running("serve", linear_file) as service:
        worker = service.worker("linear")
        os.kill(worker, signal.SIGSTOP)
        for _ in range(30):
            try:
                httpx.post(f"{service.url}/v2/models/linear/infer", content=BODY, timeout=0.05)
            except httpx.TimeoutException:
                continue
        until(lambda: service.health()["models"]["linear"]["waiting"] == 0)
        os.kill(worker, signal.SIGCONT)
        assert _answers(service)


@pytest.mark.parametrize("stopped", [False, True])
def test_no_worker_outlives_a_killed_gateway(linear_file: Path, stopped: bool) -> None:
    with running("serve", linear_file) as service:
        worker = service.worker("linear")
        if stopped:
            os.kill(worker, signal.SIGSTOP)
        service.process.kill()
        service.process.wait(5)
        end = time.monotonic() + 5
        while psutil.pid_exists(worker) and time.monotonic() < end:
            time.sleep(0.02)
        assert not psutil.pid_exists(worker)


def test_the_log_names_the_worker_that_died_and_the_one_after_it(linear_file: Path) -> None:
    with running("serve", linear_file) as service:
        first = service.worker("linear")
        os.kill(first, signal.SIGKILL)
        end = time.monotonic() + 20
        while service.worker("linear") == first or not _answers(service):
            assert time.monotonic() < end
            time.sleep(0.05)
        second = service.worker("linear")
        assert service.stop() == 0
        log = service.rest()
    ids = "model=linear version=1 pid="
    assert f"event=worker_start {ids}{first} engine=onnxruntime" in log
    assert f"event=worker_ready {ids}{first} seconds=" in log
    assert f'event=worker_end {ids}{first} reason="signal SIGKILL" seconds=' in log
    assert f"event=worker_ready {ids}{second} seconds=" in log
    assert f"event=worker_stop {ids}{second} seconds=" in log
