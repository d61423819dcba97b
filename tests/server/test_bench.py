"""`airworthy bench` against a real service: what it counts is what the service counted."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx
import pytest

from airworthy.observe.load import closed_loop, http_request, open_loop
from airworthy.observe.requests import NoSuchService, target
from server.running import Running, environment, running


def bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "airworthy", "bench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment(), check=False)


def counted(url: str, model: str) -> float:
    page = httpx.get(f"{url}/metrics").text
    (line,) = (row for row in page.splitlines() if row.startswith(f'airworthy_batch_rows_sum{{model="{model}"}}'))
    return float(line.split()[-1])


def test_the_numbers_are_the_services_own(files: Path) -> None:
    with running("serve", files / "linear.onnx") as service:
        asked = target(service.url)
        requests = [http_request(asked.host, asked.path, body) for body in asked.bodies]
        outcome = closed_loop(asked.host, asked.port, requests, clients=4, seconds=0.5, warm_up=0.0)
        # A few answers come after the end of what is counted: at most one a client.
        assert 0 <= counted(service.url, "linear") - len(outcome.latencies) <= 4
        assert outcome.statuses == {200: len(outcome.latencies)}
        assert 0 < outcome.percentile(0.5) <= outcome.percentile(0.99) < 0.5
        assert outcome.goodput(10) == outcome.rate
        assert (outcome.lost, outcome.unanswered) == (0, 0)


def test_the_open_loop_keeps_its_rate_and_counts_from_the_arrival(service: Running) -> None:
    asked = target(service.url, "linear")
    requests = [http_request(asked.host, asked.path, body) for body in asked.bodies]
    began = time.monotonic()
    outcome = open_loop(asked.host, asked.port, requests, rate=200, seconds=1.5, warm_up=0.0)
    assert time.monotonic() - began < 20
    assert 200 * 1.5 * 0.75 < len(outcome.latencies) < 200 * 1.5 * 1.25
    assert set(outcome.statuses) == {200}
    assert min(outcome.latencies) > 0


def test_refusals_and_broken_connections_are_counted_apart(service: Running) -> None:
    asked = target(service.url, "linear")
    bad = [http_request(asked.host, asked.path, b"{}")]
    outcome = closed_loop(asked.host, asked.port, bad, clients=2, seconds=0.2, warm_up=0.0)
    assert set(outcome.statuses) == {400}
    assert outcome.rate == 0
    assert outcome.percentile(0.5) == 0


@pytest.mark.parametrize("model", ["digits", "words", "strings", "simple"])
def test_requests_are_made_up_for_any_model(service: Running, model: str) -> None:
    asked = target(service.url, model)
    for body in asked.bodies[:5]:
        answer = httpx.post(f"{service.url}{asked.path}", content=body)
        # A text that is made up may be longer than this tiny model takes.
        assert answer.status_code == 200 or "tokens" in answer.text


def test_the_command_prints_and_plots(service: Running, tmp_path: Path) -> None:
    plot = tmp_path / "latency.svg"
    done = bench(service.url, "--model", "linear", "--seconds", "0.3", "--clients", "1,4", "--plot", plot)
    assert done.returncode == 0, done.stderr
    assert "4 client(s)" in done.stdout
    assert ET.parse(plot).getroot().tag.endswith("svg")
    done = bench(
        service.url, "--model", "linear", "--seconds", "0.3", "--clients", "0", "--rate", "50", "--format", "json"
    )
    document = json.loads(done.stdout)
    assert document["runs"][0]["mode"] == "open"
    assert document["runs"][0]["statuses"].keys() == {"200"}


def test_a_model_is_served_for_the_time_being(files: Path) -> None:
    done = bench(files / "linear.onnx", "--seconds", "0.2", "--clients", "2")
    assert done.returncode == 0, done.stderr
    assert "linear at http://127.0.0.1:" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("http://127.0.0.1:9",), "does not answer as a model server does"),
        (("https://127.0.0.1",), "only http://"),
        (("nothing.onnx",), "does not exist"),
        (("http://127.0.0.1:9", "--clients", "many"), "as in 1,8,32"),
        (("http://127.0.0.1:9", "--requests", __file__), "holds no requests"),
    ],
)
def test_what_can_not_be_asked_is_told(arguments: tuple[str, ...], part: str) -> None:
    done = bench(*arguments)
    assert (done.returncode, part in done.stderr) == (2, True), done.stderr


def test_a_server_that_is_none_of_ours_is_told() -> None:
    with pytest.raises(NoSuchService):
        target("http://127.0.0.1:9")
