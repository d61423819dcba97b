"""Ours and the raw limit, taking turns of seconds: how they compare on a machine whose speed drifts within minutes."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from serving import answers, loadgen, raw
from serving.measure import Asked, Plan, is_answered, let_search
from serving.peers import Server
from serving.process import Service
from serving.verdicts import RAW_SHARE


def alternate(server: Server, asked: Asked, plan: Plan, *, rounds: int, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure ours and the raw runtime's best shape side by side.

    Args:
        server: ours.
        asked: what it is asked.
        plan: how long, and with how many clients.
        rounds: pairs of measurements for each number of clients.
        log: told how far it is.

    Returns:
        The shape, and for each number of clients the median of the pairs' ratios, their quartiles and both rates.
    """
    let_search(server, asked, plan)
    limit = raw.Limit(asked.model, plan.home, seconds=1.0, quick=False)
    for turn in range(2):
        log(f"raw runtime, all shapes, {turn + 1} of 2")
        limit.round()
    shape = limit.best()
    protocol = server.asked(asked.model)
    bodies = [protocol.body(item) for item in asked.items]
    file = plan.scratch / f"{server.name}-{asked.model}.bodies"
    file.write_text("".join(f"{body}\n" for body in bodies), encoding="utf-8")
    service = Service(server, asked.model, plan.home, plan.scratch)

    def judge(n: int, got: list[float]) -> str:
        return answers.fault(asked.model, got, asked.truth[n])

    def ours(clients: int) -> float:
        rate: float = loadgen.closed(
            plan.program, service.port, service.path, file, clients=clients, seconds=plan.seconds, warm=plan.warm
        )["rps"]
        return rate

    pairs: dict[int, list[tuple[float, float]]] = {clients: [] for clients in plan.clients}
    try:
        service.wait(lambda: "" if is_answered(service, bodies[0]) else None)
        answers.verify(service.port, service.path, bodies, protocol.numbers, judge, answers.TOGETHER)
        for turn in range(rounds):
            for clients, taken in pairs.items():
                # Who is first changes, so that a machine that gets slower hurts neither.
                after = ours(clients) if turn % 2 else None
                most = raw.measure(asked.model, plan.home, shape, plan.seconds)["rps"]
                own = after if after is not None else ours(clients)
                taken.append((own, most))
                log(f"round {turn + 1}, {clients} clients: {own:,.0f} of {most:,.0f}/s, {own / most:.3f}")
    finally:
        service.stop()
    return {"shape": str(shape), "clients": {clients: _summary(taken) for clients, taken in pairs.items()}}


def _summary(pairs: list[tuple[float, float]]) -> dict[str, float]:
    ratios = sorted(own / most for own, most in pairs)
    low, ratio, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    own, most = (statistics.median(column) for column in zip(*pairs, strict=True))
    return {"ratio": ratio, "low": low, "high": high, "ours": own, "raw": most}


def table(model: str, result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [
        f"{model}: the raw runtime in its best shape, {result['shape']}",
        "",
        "| clients | ours /s | raw /s | median of the pairs' ratios | half of them within | at least |",
        "|---:|---:|---:|---:|---:|---|",
    ]
    for clients, each in result["clients"].items():
        verdict = "holds" if each["ratio"] >= RAW_SHARE else "falls short"
        spread = f"{each['low']:.2f} to {each['high']:.2f}"
        rates = f"{each['ours']:,.0f} | {each['raw']:,.0f}"
        lines.append(f"| {clients} | {rates} | **{each['ratio']:.2f}** | {spread} | {RAW_SHARE}, {verdict} |")
    return "\n".join(lines) + "\n"
