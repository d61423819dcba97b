"""How many machines a load takes: the service's own schedulers run in simulated time on measured or estimated costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say
from airworthy.fit.choice import Choice, choices
from airworthy.fit.devices import FitDevice
from airworthy.fit.question import FitModel, Use
from airworthy.fit.roofline import speed
from airworthy.fit.simulation.load import Load, LoadInvalid, parse
from airworthy.fit.simulation.plan import LoadPlan, Sized, plan
from airworthy.fit.simulation.replica import BatchReplica, Replica, StreamReplica
from airworthy.flows.answers.fit import FitAnswer
from airworthy.knowledge.precisions import precision

START = 5.0
"""Seconds of starting a process, before its weights are read."""
PIECE = 256
"""Tokens of prompts that are read between two steps."""
MAX_SLOTS = 256
"""Requests at a time that a replica is planned with."""
Cost = Callable[[float], float]


class NoSpeed(AirworthyError):
    """A load for a model whose speed nothing reports."""

    code = "no-speed"
    message = "how fast {model} is on {device} is not known"
    hint = "measure it: airworthy fit --measure, or give --curve with what airworthy bench --format json wrote"


def planned(
    answer: FitAnswer,
    model: FitModel,
    text: str,
    *,
    curve: Mapping[str, Any] | None,
    plot: str | Path | None,
    devices: Sequence[FitDevice],
    use: Use,
) -> FitAnswer:
    """The answer with how many machines a load takes.

    Raises:
        LoadInvalid: the load is not understood.
        NoSpeed: nothing says how fast the model is.
        OutputFailed: the plot can't be written.
    """
    load = parse(text)
    if model.generates and curve is None:
        if not load.answer:
            raise LoadInvalid(problem=say("the model writes text, and the load names no tokens out"))
        make, start, basis, place = _generator(model, load, devices, use)
    elif curve is not None:
        make, start, basis, place = _measured(curve)
    else:
        make, start, basis, place = _encoder(model, load, devices, use)
    found = plan(make, load, start=start)
    told = _told(found, load, basis, place)
    if plot is not None:
        from airworthy.flows.fit.plot import write_plot

        told["plots"] = [str(path) for path in write_plot(Path(plot), found, load)]
    return msgspec.structs.replace(answer, load=told)


def _generator(
    model: FitModel, load: Load, devices: Sequence[FitDevice], use: Use
) -> tuple[Callable[[], Replica], float, str, dict[str, Any]]:
    """A generator by the roofline, with as many slots as fit."""
    from airworthy.serve.scheduling.fair_queue import FairQueue

    context = 256 * -(-2 * (load.prompt + load.answer) // 256)
    best: tuple[Choice, int] | None = None
    for slots in (MAX_SLOTS, 128, 64, 32, 16, 8, 4, 2, 1):
        asked = msgspec.structs.replace(use, context=min(use.context, context), users=slots)
        found = [each for each in choices(model, asked, devices, prefer="throughput") if each.speed and not each.lost]
        if found and found[0].fits == "yes":
            best = found[0], slots
            break
    if best is None:
        raise NoSpeed(model=model.name, device=", ".join(each.name for each in devices))
    choice, slots = best
    row = precision(choice.precision)
    bits = row.bits if row is not None else 16.0
    dtype = row.arithmetic if row is not None else "float16"

    def at(users: int) -> Any:
        given = msgspec.structs.replace(choice.use, users=users, context=load.prompt + load.answer)
        return speed(
            model, given, choice.device, bits=bits, dtype=dtype, prompt=max(1, load.prompt), split=choice.split
        )

    steps: dict[int, float] = {}

    def step(users: int) -> float:
        if users not in steps:
            steps[users] = at(users).token.point
        return steps[users]

    token_read = at(1).first_token.point / max(1, load.prompt)

    def make() -> Replica:
        return StreamReplica(FairQueue(), slots, step, lambda tokens: tokens * token_read, PIECE)

    start = START + _load_seconds(model, choice.device)
    basis = say("estimated: {sources}", sources="; ".join(at(1).sources))
    return make, start, basis, {"device": choice.device.name, "devices": choice.split, "slots": slots}


def _encoder(
    model: FitModel, load: Load, devices: Sequence[FitDevice], use: Use
) -> tuple[Callable[[], Replica], float, str, dict[str, Any]]:
    """A batch runner by the roofline: what a run of so many tokens takes."""
    length = load.prompt or use.context
    asked = msgspec.structs.replace(use, context=length, users=1)
    found = [each for each in choices(model, asked, devices, prefer="throughput") if each.speed and not each.lost]
    if not found or found[0].speed is None:
        raise NoSpeed(model=model.name, device=", ".join(each.name for each in devices))
    choice = found[0]
    row = precision(choice.precision)
    bits, dtype = (row.bits, row.arithmetic) if row is not None else (32.0, "float32")
    points = []
    for rows in (1, 2, 4, 8, 16, 32):
        given = msgspec.structs.replace(choice.use, context=length, users=rows)
        quick = speed(model, given, choice.device, bits=bits, dtype=dtype)
        assert quick is not None
        points.append((float(rows * length), quick.first_token.point))
    start = START + _load_seconds(model, choice.device)
    basis = say("estimated: {sources}", sources="; ".join(choice.speed.sources if choice.speed else ()))
    return _batches(points, length), start, basis, {"device": choice.device.name, "devices": choice.split}


def _measured(curve: Mapping[str, Any]) -> tuple[Callable[[], Replica], float, str, dict[str, Any]]:
    """A batch runner by what `bench` measured: with so many clients in a closed loop, batches of as many rows."""
    points = []
    runs = curve.get("runs")
    for run in runs if isinstance(runs, list) else ():
        clients, rate = (run.get("clients"), run.get("rate")) if isinstance(run, dict) else (None, None)
        if isinstance(clients, int) and clients > 0 and isinstance(rate, (int, float)) and rate > 0:
            points.append((float(clients), clients / rate))
    if not points:
        raise LoadInvalid(problem=say("--curve holds no run of a closed loop"))
    basis = say("measured: {count} runs of airworthy bench", count=len(points))
    return _batches(points, 0), START, basis, {"device": say("the measured service"), "devices": 1}


def _batches(points: Sequence[tuple[float, float]], length: int) -> Callable[[], Replica]:
    from airworthy.serve.scheduling.cost_curve import CostCurve
    from airworthy.serve.scheduling.queue import RequestQueue
    from airworthy.serve.scheduling.scheduler import Limits, Schedulable, Scheduler

    cost = CostCurve(points)

    def ticket(arrived: float, deadline: float, group: object, rows: int, tokens: int) -> Schedulable:
        return Schedulable(arrived, deadline, group, rows, tokens if length else 0)

    def make() -> Replica:
        scheduler = Scheduler(Limits(tokens=max(256, 4 * length)))
        scheduler.cost = cost
        return BatchReplica(scheduler, RequestQueue(), ticket, cost)

    return make


def _load_seconds(model: FitModel, device: FitDevice) -> float:
    size = model.weights.point if model.weights is not None else 0.0
    return size / (device.disk.value if device.disk is not None else 1e9)


def _told(found: LoadPlan, load: Load, basis: str, place: Mapping[str, Any]) -> dict[str, Any]:
    """The plan as plain data and as lines for a person."""
    kinds = {"poisson": found.poisson, "bursty": found.bursty, "one_fails": found.one_fails}
    what = say("first token") if load.first else say("whole answer")
    lines = [
        say(
            "{rate:g} requests/s of {prompt} tokens in, {answer} out; p{share:g} of the {what} within {limit:seconds}",
            rate=load.rate,
            prompt=load.prompt,
            answer=load.answer,
            share=100 * load.share,
            what=what,
            limit=load.limit,
        )
    ]
    if not found.poisson.replicas:
        lines.append(
            say("no number of machines keeps it: an idle one takes {alone:seconds}", alone=found.alone)
            if found.alone > load.limit
            else say("it takes more than 10,000 machines")
        )
    else:
        lines += [_line(say("independent arrivals"), found.poisson), _line(say("bursts"), found.bursty)]
        lines.append(_line(say("one machine down"), found.one_fails))
        template = "load doubled at once: {latency} until new machines answer after {start:seconds}"
        doubled = say("{seconds:seconds}", seconds=found.doubled) if found.doubled < math.inf else say("overload")
        lines.append(say(template, latency=doubled, start=found.start))
    devices = place.get("devices", 1)
    if devices > 1:
        lines.append(say("each machine is {devices} x {device}", devices=devices, device=place["device"]))
    else:
        lines.append(say("each machine is one {device}", device=place["device"]))
    lines.append(say("costs of a run: {basis}", basis=basis))
    return {
        "text": load.text,
        "rate": load.rate,
        "limit_seconds": load.limit,
        "percentile": 100 * load.share,
        "of": "first-token" if load.first else "answer",
        "machines": {name: each.replicas for name, each in kinds.items()},
        "reached_seconds": {name: _finite(each.reached) for name, each in kinds.items()},
        "each_takes": round(found.poisson.each, 4),
        "alone_seconds": _finite(found.alone),
        "start_seconds": round(found.start, 3),
        "doubled_seconds": _finite(found.doubled),
        "curve": [[round(rate, 3), _finite(middle), _finite(tail)] for rate, middle, tail in found.curve],
        "costs": [[round(limit, 4), count] for limit, count in found.costs],
        "basis": basis,
        **place,
        "lines": lines,
    }


def _line(name: str, sized: Sized) -> str:
    if not sized.replicas:
        return say("{name}: more than 10,000 machines, or none keeps it", name=name)
    return say(
        "{name}: {count} machine(s), {each:.3g} requests/s each, {reached:seconds} reached",
        name=name,
        count=sized.replicas,
        each=sized.each,
        reached=sized.reached,
    )


def _finite(value: float) -> float | None:
    return round(value, 6) if value < math.inf else None
