"""One round of one server with one model: start, answers, load, and, if asked for, more load than it can take."""

from __future__ import annotations

import http.client
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving import answers, loadgen
from serving.figures import best_rps, medians
from serving.overload import overload
from serving.peers import Server
from serving.process import Failed, Service

SETTLE_S = 1.5
"""Seconds between the first answer and the first look at the memory."""
SEARCH_S = 60.0
"""Seconds that ours is left alone, at most, before the first round."""
SIZES = ("rss_mib", "pss_mib")


@dataclass(frozen=True)
class Asked:
    """What all servers are asked about one model."""

    model: str
    items: list[Any]
    truth: list[list[float]]
    """The numbers that each item's answer holds."""


@dataclass(frozen=True)
class Plan:
    """How long, and how hard."""

    program: Path
    """The load generator."""
    home: Path
    scratch: Path
    clients: tuple[int, ...]
    seconds: float
    """Of each closed loop that count."""
    warm: float
    """Seconds of each closed loop before them."""


def let_search(server: Server, asked: Asked, plan: Plan) -> dict[str, float | None]:
    """Start ours once and leave it alone, so that it finds and keeps how the model runs best; peers are tuned by hand.

    Returns:
        Seconds to its first answer, and seconds of idleness until the search's result was kept; None where none was.
    """
    body = server.asked(asked.model).body(asked.items[0])
    service = Service(server, asked.model, plan.home, plan.scratch)
    kept = plan.scratch / "state" / "profiles"
    before = set(kept.glob("*.json"))
    try:
        cold = service.wait(lambda: "" if is_answered(service, body) else None)
        idle = time.monotonic()
        while time.monotonic() - idle < SEARCH_S:
            if set(kept.glob("*.json")) - before:
                return {"cold_start_s": cold, "search_s": time.monotonic() - idle}
            time.sleep(0.1)
    finally:
        service.stop()
    return {"cold_start_s": cold, "search_s": None}


def is_answered(service: Service, body: str) -> bool:
    """Whether a request has a good answer now."""
    try:
        return answers.post(service.port, service.path, body, 10.0)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def measure(
    server: Server, asked: Asked, plan: Plan, *, earlier: Sequence[dict[str, Any]], overload_s: float
) -> dict[str, Any]:
    """Figures of one round; the first checks all answers, by many clients at once, later ones a part, one at a time.

    Args:
        server: what is measured.
        asked: what it is asked.
        plan: how.
        earlier: the figures of earlier rounds.
        overload_s: seconds of three times its capacity at the end; 0 leaves that out.

    Raises:
        Failed: the server did not start.
        WrongAnswer: it did not answer what the model does.
    """
    protocol = server.asked(asked.model)
    bodies = [protocol.body(item) for item in asked.items]
    file = plan.scratch / f"{server.name}-{asked.model}.bodies"
    file.write_text("".join(f"{body}\n" for body in bodies), encoding="utf-8")
    service = Service(server, asked.model, plan.home, plan.scratch)
    thorough = not earlier
    # An echo computes nothing, so that nothing can be wrong with its answer but its status.
    is_checked = server.kind != "limit"

    def judge(n: int, got: list[float]) -> str:
        return answers.fault(asked.model, got, asked.truth[n]) if is_checked else ""

    def first() -> str | None:
        try:
            status, content = answers.post(service.port, service.path, bodies[0], 10.0)
        except (OSError, http.client.HTTPException):
            return None
        if status != 200:
            return None
        return answers.judge_answer(status, content, protocol.numbers, lambda got: judge(0, got))

    try:
        figures: dict[str, Any] = {"cold_start_s": service.wait(first)}
        time.sleep(SETTLE_S)
        figures["idle"] = service.memory()
        if is_checked:
            some = bodies[: answers.ALONE]
            # Twice at first: batchers that train themselves do so on their first requests.
            for _ in range(2 if thorough else 1):
                answers.verify(service.port, service.path, some, protocol.numbers, judge, 1)
            if thorough:
                answers.verify(service.port, service.path, bodies, protocol.numbers, judge, answers.TOGETHER)
        figures["load"] = {}
        for clients in server.clients.get(asked.model, plan.clients):
            before = service.cpu_s()
            result = loadgen.closed(
                plan.program, service.port, service.path, file, clients=clients, seconds=plan.seconds, warm=plan.warm
            )
            answered = max(1.0, result["rps"] * (plan.seconds + plan.warm))
            result["cpu_ms"] = (service.cpu_s() - before) / answered * 1000
            figures["load"][clients] = result
        figures["loaded"] = service.memory()
        if not best_rps(figures):
            raise Failed(f"no request was answered under load: {figures['load']}")
        if overload_s:
            # Of all rounds: one that something else has slowed down would make the load too small.
            usual = medians([*earlier, figures])["load"]
            figures["overload"] = overload(
                service,
                plan.program,
                file,
                lambda: is_answered(service, bodies[0]),
                capacity=best_rps({"load": usual}),
                p50_ms=min(each["p50_ms"] for each in usual.values()),
                seconds=overload_s,
            )
            figures["overload"]["rps_before"] = usual.get(8, {}).get("rps")
            after = service.memory()
            figures["overload"] |= {f"{name}_after": after[name] for name in SIZES}
    finally:
        stopped = service.stop()
    figures["stop_s"] = stopped
    return figures
