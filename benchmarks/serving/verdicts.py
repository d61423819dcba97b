"""The lines that the service has to reach, held against what a run measured.

A verdict is of one run on one machine; what the others did in the same run is its measure.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

RAW_SHARE = 0.95
PEER_LEAD = 1.0
SINGLE_TIMES = 1.15
ECHO_SHARE = 0.35
DIGITS_LEAD = 2.0
COLD_START_S = {"digits": 1.0, "minilm": 2.0}
MEMORY_TIMES = 1.5
GOODPUT = 0.9
CLIENT_MS = 5000.0
"""The client of the overload gives up after so long."""
MEMORY_GROWTH = 1.1
NORMAL_S = 2.0
SPEED_AFTER = 0.9
REFUSALS = {"200", "429", "503"}
"""Statuses that an overloaded service may answer with."""
BROKEN = ("timeout", "reset", "refused", "connect_error", "bad_response", "left_hanging")
"""What the load generator calls a request that got no answer."""


REACH: dict[str, Callable[[float, float], bool]] = {
    "at least": operator.ge,
    "more than": operator.gt,
    "at most": operator.le,
    "less than": operator.lt,
}


@dataclass(frozen=True)
class Verdict:
    """One line."""

    line: str
    """What was to be shown."""
    ours: str
    against: str
    """What ours is held against, named."""
    needed: str
    verdict: str
    """`holds`, `falls short`, or `not judged: REASON`."""


class Results:
    """What a run measured, by server and model."""

    def __init__(self, servers: list[dict[str, Any]], raw: dict[str, dict[str, Any]]) -> None:
        self.raw = raw
        self._rows = servers

    def of(self, name: str, model: str) -> dict[str, Any]:
        """One server's figures; empty where it was not measured."""
        for row in self._rows:
            if row["name"] == name and row["model"] == model:
                figures: dict[str, Any] = row["figures"]
                return figures
        return {}

    def rate(self, name: str, model: str, clients: int) -> float | None:
        """Its requests a second."""
        found = self.of(name, model).get("load", {}).get(clients)
        return found["rps"] if found else None

    def best(self, kind: str, model: str, clients: int, figure: str = "rps") -> tuple[float, str] | None:
        """The best of a kind: the figure, and who has it of how many; the most a second, or the least milliseconds."""
        found = [
            (row["figures"]["load"][clients][figure], row["name"])
            for row in self._rows
            if row["kind"] == kind and row["model"] == model and clients in row["figures"]["load"]
        ]
        if not found:
            return None
        value, name = max(found) if figure == "rps" else min(found)
        return value, f"{name}, best of {len(found)}"


def _judge(
    line: str,
    ours: float | None,
    against: float | None,
    factor: float,
    *,
    unit: str,
    named: str,
    reach: str = "at least",
) -> Verdict:
    """Ours held against so many times something else."""
    told = "-" if ours is None else f"{_number(ours)} {unit}"
    if ours is None or against is None or not against:
        missing = "ours" if ours is None else named
        return Verdict(line, told, named, f"{reach} {factor:g} x", f"not judged: {missing} was not measured")
    ratio = ours / against
    holds = "holds" if REACH[reach](ours, factor * against) else "falls short"
    return Verdict(line, told, f"{_number(against)} {unit} ({named})", f"{reach} {factor:g} x, is {ratio:.2f} x", holds)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def verdicts(results: Results, models: Collection[str], *, overload: bool = True) -> list[Verdict]:
    """All lines about these models, in order."""
    judged: list[Verdict] = []
    if "minilm" in models:
        judged += _work(results)
    if "digits" in models:
        judged += _overhead(results)
    judged += _start_and_size(results, models)
    if overload:
        judged += _overload(results, models)
    return judged


def _work(results: Results) -> Iterator[Verdict]:
    raw = results.raw.get("minilm", {})
    most = raw["best"]["rps"] if raw else None
    for clients in (8, 32, 128):
        ours = results.rate("ours", "minilm", clients)
        shape = f"raw runtime, {raw['best']['shape']}" if raw else "raw runtime"
        yield _judge(f"MiniLM, {clients} clients: the raw limit", ours, most, RAW_SHARE, unit="texts/s", named=shape)
    for clients in (8, 32, 128):
        ours = results.rate("ours", "minilm", clients)
        value, name = results.best("peer", "minilm", clients) or (None, "any peer")
        line = f"MiniLM, {clients} clients: ahead of every peer"
        yield _judge(line, ours, value, PEER_LEAD, unit="texts/s", named=name, reach="more than")
    echo = results.best("limit", "minilm", 1, "p50_ms")
    single = results.of("ours", "minilm").get("load", {}).get(1)
    yield _judge(
        "MiniLM, one client: median latency",
        single["p50_ms"] if single else None,
        raw["single"]["p50_ms"] + echo[0] if raw and echo else None,
        SINGLE_TIMES,
        unit="ms",
        named=f"raw single call + {echo[1]}" if echo else "raw single call + bare echo",
        reach="at most",
    )


def _overhead(results: Results) -> Iterator[Verdict]:
    for clients in (32, 128):
        ours = results.rate("ours", "digits", clients)
        value, name = results.best("limit", "digits", clients) or (None, "any bare echo")
        yield _judge(f"digits, {clients} clients: the bare echo", ours, value, ECHO_SHARE, unit="req/s", named=name)
        value, name = results.best("peer", "digits", clients) or (None, "any peer")
        yield _judge(f"digits, {clients} clients: the best peer", ours, value, DIGITS_LEAD, unit="req/s", named=name)


def _start_and_size(results: Results, models: Collection[str]) -> Iterator[Verdict]:
    for model in models:
        limit = COLD_START_S[model]
        ours = results.of("ours", model).get("cold_start_s")
        line = f"{model}: first correct answer after the start"
        yield _judge(line, ours, limit, 1.0, unit="s", named="the limit", reach="at most")
    for model in models:
        ours = results.of("ours", model).get("loaded", {}).get("rss_mib")
        plain = results.of("plain", model).get("loaded", {}).get("rss_mib")
        line = f"{model}: resident memory of all processes, after load"
        yield _judge(line, ours, plain, MEMORY_TIMES, unit="MiB", named="plain", reach="less than")


def _overload(results: Results, models: Collection[str]) -> Iterator[Verdict]:
    for model in models:
        figures = results.of("ours", model)
        over = figures.get("overload")
        if not over:
            yield Verdict(f"{model}, overload", "-", "-", "-", "not judged: ours was not measured")
            continue
        label = f"{model}, {over['offered'] / over['seconds']:,.0f} arrivals/s"
        good = over["ok"] / over["seconds"]
        yield _judge(f"{label}: goodput", good, over["capacity"], GOODPUT, unit="/s", named="its closed loop")
        yield _judge(
            f"{label}: p99 of those accepted",
            over["p99_ms"] if over["ok"] else None,
            CLIENT_MS,
            1.0,
            unit="ms",
            named="the client's patience",
            reach="at most",
        )
        yield _refusals(label, over)
        yield _judge(
            f"{label}: resident memory after it",
            over["rss_mib_after"],
            figures["loaded"]["rss_mib"],
            MEMORY_GROWTH,
            unit="MiB",
            named="before it",
            reach="at most",
        )
        yield _back(label, over)


def _refusals(label: str, over: dict[str, Any]) -> Verdict:
    strange = {status: count for status, count in over["statuses"].items() if status not in REFUSALS}
    broken = {name: over[name] for name in BROKEN if over[name]}
    told = ", ".join(f"{count:,.0f} {name}" for name, count in {**strange, **broken}.items()) or "none"
    refused = sum(count for status, count in over["statuses"].items() if status in REFUSALS - {"200"})
    against = f"{over['ok']:,.0f} answered, {refused:,.0f} refused with 429 or 503"
    verdict = "falls short" if strange or broken else "holds"
    return Verdict(f"{label}: anything but an answer or a clean refusal", told, against, "none", verdict)


def _back(label: str, over: dict[str, Any]) -> Verdict:
    back, before = over["normal_again_s"], over.get("rps_before")
    share = over["rps_after"] / before if before else None
    told = "not at all" if back is None else f"{back:.1f} s"
    speed = "" if share is None else f", then {share:.2f} of its speed before"
    is_back = over["alive"] and back is not None and back <= NORMAL_S and (share is None or share >= SPEED_AFTER)
    needed = f"at most {NORMAL_S:g} s, {SPEED_AFTER:g} of the speed"
    return Verdict(f"{label}: normal again", told + speed, "-", needed, "holds" if is_back else "falls short")
