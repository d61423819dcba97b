"""What other servers fall into, as far as no other test is about it; `TRAPS.md` names the tests of every trap."""

from __future__ import annotations

import ast
import contextlib
import os
import re
import shutil
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

import airworthy
import models
from airworthy.core.settings import ServeSettings
from airworthy.serve.metrics.loop_lag import SAMPLE_INTERVAL_S
from server.running import Running, infer_body, running

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
INFER = "/v2/models/linear/infer"
BODY = infer_body("x", "FP32", [[1, 2]])
KEY = "a-key-of-more-than-sixteen-characters"
ADMIN = {"AIRWORTHY_SERVE_ADMIN_ENABLED": "true", "AIRWORTHY_SERVE_ADMIN_KEY": KEY}
TRAPS = (
    "GIL, inference in the API process",
    "Blocked event loop",
    "Liveness = readiness",
    "CPU quota ignored",
    "Tokeniser threads",
    "malloc arenas",
    "Work before auth",
    "Key comparison",
    "Path-prefix auth",
    "Headers, body",
    "Slowloris",
    "Disconnect",
    "Gauge leaks",
    "Batch result mix-up",
    "One bad input fails the batch",
    "Head-of-line, padding waste",
    "Delay that never pays",
    "Cache across tenants",
    "Timeout covers queue only",
    "Retry storms",
    "Drain",
    "Canary races",
    "Ignored settings",
    "Metrics at >1 worker",
    "Pickle on sockets and files",
    "Self-flattering benchmarks",
)


def test_every_trap_has_tests_and_they_exist() -> None:
    rows = [line.split("|")[1:-1] for line in (HERE / "TRAPS.md").read_text().splitlines() if line.startswith("| ")]
    named = {row[0].strip(): re.findall(r"`(tests/\S+?\.py)::(\w+)`", row[2]) for row in rows[1:]}
    assert tuple(named) == TRAPS
    for trap, tests in named.items():
        assert tests, trap
        for path, name in tests:
            tree = ast.parse((ROOT / path).read_text())
            functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
            assert name in functions, f"{trap}: there is no {path}::{name}"


def processes(service: Running) -> tuple[psutil.Process, psutil.Process]:
    return psutil.Process(service.process.pid), psutil.Process(service.worker("linear"))


def test_a_blocked_loop_is_seen(service: Running) -> None:
    def late() -> float:
        """How often the loop was late by more than a quarter of a second, ever."""
        page = httpx.get(f"{service.url}/metrics").text
        found = dict(re.findall(r'^airworthy_loop_lag_seconds_bucket\{le="(\S+)"\} (\S+)', page, re.MULTILINE))
        return float(found["+Inf"]) - float(found["0.25"])

    before = late()
    parent = psutil.Process(service.process.pid)
    end = time.monotonic() + 30
    while late() == before:  # the loop may be so lucky as to be stopped between two samples
        assert time.monotonic() < end
        parent.suspend()
        time.sleep(0.7)
        parent.resume()
        time.sleep(2 * SAMPLE_INTERVAL_S)
    assert late() > before, "reading it resets nothing"


def test_probes_answer_while_much_is_read(service: Running) -> None:
    large = infer_body("x", "FP32", [[1, 2]] * 100_000)
    slowest = 0.0
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(httpx.post, service.url + INFER, content=large, timeout=60) for _ in range(8)]
        while not all(each.done() for each in asked):
            began = time.monotonic()
            assert httpx.get(f"{service.url}/health/live", timeout=10).status_code == 200
            slowest = max(slowest, time.monotonic() - began)
        assert {each.result().status_code for each in asked} == {200}
    assert slowest < 2


def test_live_ready_and_progress_are_three_things(files: Path) -> None:
    env = {"AIRWORTHY_SERVE_WORKERS_STALL_TIMEOUT": "1.5", "AIRWORTHY_SERVE_BATCHING_MAX_QUEUE": "4"}
    with running("serve", files / "linear.onnx", env=env) as service:
        worker = service.worker("linear")
        os.kill(worker, signal.SIGSTOP)
        with ThreadPoolExecutor(20) as pool:
            asked = [pool.submit(httpx.post, service.url + INFER, content=BODY, timeout=20) for _ in range(20)]
            time.sleep(0.5)
            assert httpx.get(f"{service.url}/health/live").status_code == 200
            assert httpx.get(f"{service.url}/health/ready").status_code == 200, "full is not broken"
            seen = set()
            end = time.monotonic() + 10
            while service.health()["models"]["linear"]["workers"][0]["pid"] == worker and time.monotonic() < end:
                seen.add(httpx.get(f"{service.url}/health/live").status_code)
                time.sleep(0.02)
            assert seen == {200}, "the process answers whatever its worker does"
            assert service.worker("linear") != worker, "the watchdog goes by progress"
            statuses = {each.result().status_code for each in asked}
        assert statuses == {200, 503}
        worker = service.worker("linear")
        os.kill(worker, signal.SIGKILL)
        ready = set()
        end = time.monotonic() + 5
        while time.monotonic() < end and not {200, 503} <= ready:
            ready.add(httpx.get(f"{service.url}/health/ready").status_code)
        assert ready == {200, 503}, "not ready while no worker is, ready again after"


def test_threads_and_arenas_of_a_worker_are_bounded(files: Path) -> None:
    with running("serve", files / "linear.onnx", env={"AIRWORTHY_SERVE_WORKERS_THREADS": "1"}) as service:
        assert httpx.post(service.url + INFER, content=BODY).status_code == 200
        _, worker = processes(service)
        environment = worker.environ()
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            assert environment[name] == "1"
        assert environment["TOKENIZERS_PARALLELISM"] == "false"
        assert environment["MALLOC_ARENA_MAX"] == "2"
        end = time.monotonic() + 20  # some threads only start the worker, and end in their own time
        while worker.num_threads() > 4:
            assert time.monotonic() < end, "a pool as wide as the machine"
            time.sleep(0.05)


def test_texts_of_all_sizes_are_tokenised_at_the_same_time(service: Running) -> None:
    def ask(number: int) -> list[float]:
        words = f"w{number % 50 + 1}"
        text = " ".join([words] * (30 if number % 2 else 1))
        inputs = [text] * (40 if number % 3 == 0 else 1)
        answer = httpx.post(
            f"{service.url}/v1/embeddings",
            json={"model": "words", "input": inputs, "encoding_format": "float"},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        vectors = [each["embedding"] for each in answer.json()["data"]]
        assert all(vector == pytest.approx(vectors[0], abs=1e-5) for vector in vectors)
        assert vectors[0] == pytest.approx(models.text_table()[number % 50 + 1].tolist(), rel=1e-4, abs=1e-5)
        return vectors[0]

    with ThreadPoolExecutor(12) as pool:
        assert len(list(pool.map(ask, range(120)))) == 120


def test_a_key_is_asked_for_before_the_body_is_read(files: Path) -> None:
    with running("serve", files / "linear.onnx", env=ADMIN) as service:
        host, _, port = service.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=5) as sock:
            sock.sendall(
                b"POST /v2/repository/models/linear/unload HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n"
            )
            assert b" 401 " in sock.recv(4096), "no byte of the body was sent"


OPEN = {
    ("POST", "/v2/repository/index"),
    ("POST", "/v2/models/{name}/infer"),
    ("POST", "/v2/models/{name}/versions/{version}/infer"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/embeddings"),
    ("POST", "/embed"),
    ("POST", "/predict"),
    ("POST", "/v1/rerank"),
    ("POST", "/v2/rerank"),
    ("POST", "/rerank"),
    ("POST", "/v1/responses"),
    ("POST", "/chat"),
    ("POST", "/tokenize"),
    ("POST", "/api/show"),
    ("POST", "/api/chat"),
    ("POST", "/api/generate"),
    ("POST", "/api/embed"),
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/count_tokens"),
}
"""What may be asked without a key beside pages that are read; a new path must be added here or ask for one."""


def test_every_path_that_changes_something_asks_for_the_key(files: Path) -> None:
    with running("serve", files / "linear.onnx", env=ADMIN) as service:
        paths = httpx.get(f"{service.url}/openapi.json").json()["paths"]
        every = {(method.upper(), path) for path, methods in paths.items() for method in methods}
        closed = {each for each in every if each[0] != "GET"} - OPEN
        assert closed, "there is nothing to protect"
        for method, path in closed:
            url = service.url + path.replace("{name}", "linear").replace("{version}", "1")
            for given in ({}, {"authorization": f"Bearer {KEY[:-1]}"}, {"authorization": KEY}, {"x-api-key": KEY}):
                assert httpx.request(method, url, headers=given).status_code == 401, (path, given)
            for spelling in (
                url.replace("/v2/", "//v2/"),
                url.replace("/v2/", "/v2/../v2/"),
                url + "/",
                url + "?x=/health",
            ):
                assert httpx.request(method, spelling).status_code in (401, 404), spelling
        assert httpx.get(f"{service.url}/health/ready").status_code == 200


def test_keys_are_compared_in_constant_time_as_digests() -> None:
    source = (Path(airworthy.__file__).parent / "serve" / "access" / "admin_key.py").read_text()
    assert "hmac.compare_digest(_digest(" in source


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit is not installed")
def test_connections_over_the_limit_are_told_and_the_service_goes_on(files: Path) -> None:
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(running("serve", files / "linear.onnx", through=("prlimit", "--nofile=300:300")))
        host, _, port = service.url.removeprefix("http://").partition(":")
        socks = [stack.enter_context(socket.create_connection((host, int(port)), timeout=5)) for _ in range(250)]
        for sock in socks[-20:]:
            assert b" 503 " in sock.recv(4096)
        head = f"POST {INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(BODY)}\r\n\r\n".encode()
        socks[0].sendall(head + BODY)
        assert b" 200 " in socks[0].recv(4096), "who is in is served"
        socks[1].sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        time.sleep(0.1)
        found = re.search(rb'"pid":(\d+)', socks[1].recv(4096))
        assert found
        os.kill(int(found.group(1)), signal.SIGKILL)
        socks[0].sendall(head + BODY)
        assert b" 200 " in socks[0].recv(4096), "there are files left for a new worker"


def test_nothing_is_waited_for_by_default() -> None:
    assert ServeSettings().batching.max_wait == 0


def test_a_reload_drops_what_was_kept(files: Path) -> None:
    with running("serve", files / "linear.onnx", env={**ADMIN, "AIRWORTHY_SERVE_CACHE_BYTES": "1000000"}) as service:

        def hits() -> int:
            assert httpx.post(service.url + INFER, content=BODY).status_code == 200
            page = httpx.get(f"{service.url}/metrics").text
            found = re.search(r'airworthy_cache_requests_total\{model="linear",result="hit"\} (\S+)', page)
            return int(float(found.group(1))) if found else 0

        assert (hits(), hits()) == (0, 1)
        load = httpx.post(
            f"{service.url}/v2/repository/models/linear/load", headers={"authorization": f"Bearer {KEY}"}, timeout=20
        )
        assert load.status_code == 200
        assert (hits(), hits()) == (1, 2)


def test_what_a_caller_sends_is_no_label(files: Path) -> None:
    env = {"AIRWORTHY_SERVE_CALLERS_HEADER": "x-api-key", "AIRWORTHY_SERVE_CALLERS_RATE": "2", **ADMIN}
    with running("serve", files / "linear.onnx", env=env) as service:
        for n in range(30):
            headers = {"x-api-key": f"secret-{n % 3}", "authorization": f"Bearer {KEY}", "user-agent": "odd-agent"}
            httpx.post(service.url + INFER, content=BODY, headers=headers)
        page = httpx.get(f"{service.url}/metrics").text
        assert "airworthy_callers_remembered 3.0" in page
        for told in ("secret-", KEY, "odd-agent", "127.0.0.1"):
            assert told not in page


def test_nothing_in_the_service_unpickles() -> None:
    folder = Path(airworthy.__file__).parent
    banned = {"pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib"}
    for part in ("serve", "engines"):
        for path in (folder / part).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not banned & {name.partition(".")[0] for name in names}, path
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    assert node.func.id not in ("eval", "exec"), path


def test_gauges_are_level_after_clients_that_left(service: Running) -> None:
    def leave() -> None:
        with contextlib.suppress(httpx.TransportError):
            httpx.post(service.url + INFER, content=infer_body("x", "FP32", [[1, 2]] * 5000), timeout=0.002)

    threads = [threading.Thread(target=leave) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    end = time.monotonic() + 5
    level = False
    while not level and time.monotonic() < end:
        page = httpx.get(f"{service.url}/metrics").text
        level = all(f'airworthy_requests_{name}{{model="linear"}} 0.0' in page for name in ("waiting", "running"))
    assert level
