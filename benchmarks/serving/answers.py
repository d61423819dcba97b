"""What a right answer is: held against the model alone, run by the runtime on the same item."""

from __future__ import annotations

import http.client
import json
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

LEAST_COSINE = 0.999
MOST_DIFFERENCE = 1e-3
ALONE = 32
"""Items that are asked for one at a time."""
TOGETHER = 32
"""Clients that ask for all items at once."""


class WrongAnswer(Exception):
    """A server's answer is not the model's."""


def fault(model: str, got: Sequence[float], truth: Sequence[float]) -> str:
    """What is wrong with an answer; empty where it is right."""
    if len(got) != len(truth):
        return f"{len(got)} numbers, not {len(truth)}"
    if not all(math.isfinite(number) for number in got):
        return "a number that is none"
    if model == "minilm":
        lengths = math.hypot(*got) * math.hypot(*truth)
        cosine = sum(a * b for a, b in zip(got, truth, strict=True)) / lengths if lengths else 0.0
        return "" if cosine >= LEAST_COSINE else f"cosine {cosine:.6f} with the model's answer"
    if max(range(len(got)), key=got.__getitem__) != max(range(len(truth)), key=truth.__getitem__):
        return "another class than the model's"
    most = max(abs(a - b) for a, b in zip(got, truth, strict=True))
    return "" if most < MOST_DIFFERENCE else f"a number is off by {most:.6f}"


def post(port: int, path: str, body: str, timeout: float = 60.0) -> tuple[int, bytes]:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def verify(
    port: int,
    path: str,
    bodies: Sequence[str],
    numbers: Callable[[object], list[float]],
    judge: Callable[[int, list[float]], str],
    clients: int,
) -> None:
    """Ask for each item once, by so many clients with a connection each, and hold the answers against the truth.

    Raises:
        WrongAnswer: at least one is not right.
    """
    local = threading.local()
    connections: list[http.client.HTTPConnection] = []

    def ask(n: int) -> str:
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connections.append(local.connection)
        local.connection.request("POST", path, bodies[n], {"Content-Type": "application/json"})
        answer = local.connection.getresponse()
        content = answer.read()
        return judge_answer(answer.status, content, numbers, lambda got: judge(n, got))

    try:
        with ThreadPoolExecutor(clients) as pool:
            faults = list(pool.map(ask, range(len(bodies))))
    finally:
        for connection in connections:
            connection.close()
    for n, told in enumerate(faults):
        if told:
            wrong = sum(bool(each) for each in faults)
            raise WrongAnswer(f"wrong answers: {wrong} of {len(bodies)}; item {n}: {told}")


def judge_answer(
    status: int, content: bytes, numbers: Callable[[object], list[float]], judge: Callable[[list[float]], str]
) -> str:
    """What is wrong with a whole response; empty where it is right."""
    if status != 200:
        return f"status {status}: {content[:200]!r}"
    try:
        got = numbers(json.loads(content))
        if not isinstance(got, list) or not all(isinstance(number, (int, float)) for number in got):
            return f"not an answer: {content[:200]!r}"
        return judge([float(number) for number in got])
    except (ValueError, KeyError, IndexError, TypeError, OverflowError, RecursionError) as error:
        return f"not an answer: {error!r}"
