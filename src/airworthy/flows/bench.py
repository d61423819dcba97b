"""How fast a served model is: load in several strengths, and what came of each."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say
from airworthy.core.progress import SILENT, Progress
from airworthy.core.report import Report
from airworthy.flows.answers.bench import BenchAnswer
from airworthy.flows.files import write_private
from airworthy.flows.temporary import serving
from airworthy.observe.load import LoadResult, closed_loop, http_request, open_loop
from airworthy.observe.plot import label_of, latency_plot
from airworthy.observe.requests import LoadTarget
from airworthy.observe.requests import target as find_target

SHARES = (0.5, 0.9, 0.95, 0.99)


class BadBody(AirworthyError):
    """A file without requests."""

    code = "bad-body"
    message = "{path} holds no requests: {problem}"
    hint = "write one JSON object a line"


def bench(
    target: str,
    *,
    model: str = "",
    clients: Sequence[int] = (1, 8, 32),
    rates: Sequence[float] = (),
    seconds: float = 5.0,
    slo: float = 0.1,
    bodies: Sequence[bytes] = (),
    plot: Path | None = None,
    progress: Progress = SILENT,
) -> Report[BenchAnswer]:
    """Put load on a service and report what came of it.

    Args:
        target: the base URL of a service; or a model file or folder, which is served for the duration of the test.
        model: the model; the first that is served by default.
        clients: strengths of the closed loop, one run each.
        rates: arrivals a second of the open loop, one run each.
        seconds: how long each run is counted.
        slo: the latency in seconds within which an answer is of use.
        bodies: JSON bodies to send in turn, made up when empty.
        plot: an SVG file to write.
        progress: receives each run.

    Raises:
        AddressInvalid: the URL names no server.
        NoSuchService: nothing answers there as a model server does.
        CannotAsk: no connection could be made.
        OutputFailed: the plot could not be written.
        NotServed: the model could not be served.
    """
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(serving(target)) if "://" not in target else target
        asked = find_target(url, model)
        sent = [http_request(asked.host, asked.path, body) for body in (bodies or asked.bodies)]
        outcomes = _load(asked, sent, clients, rates, seconds, progress)
    if plot is not None:
        title = say("{model}: latency by percentile", model=asked.model)
        write_private(plot, latency_plot(outcomes, title).encode())
    runs = [_run(outcome, slo) for outcome in outcomes]
    answer = BenchAnswer(model=asked.model, path=asked.path, slo_seconds=slo, runs=runs)
    return Report(verb="bench", subject=url, answer=answer)


def _load(
    asked: LoadTarget,
    sent: Sequence[bytes],
    clients: Sequence[int],
    rates: Sequence[float],
    seconds: float,
    progress: Progress,
) -> list[LoadResult]:
    outcomes: list[LoadResult] = []
    for count in clients:
        progress.stage(say("{clients} client(s), {seconds:seconds}", clients=count, seconds=seconds))
        outcomes.append(closed_loop(asked.host, asked.port, sent, clients=count, seconds=seconds))
    for rate in rates:
        progress.stage(say("{rate:g} requests a second, {seconds:seconds}", rate=rate, seconds=seconds))
        outcomes.append(open_loop(asked.host, asked.port, sent, rate=rate, seconds=seconds))
    return outcomes


def _run(outcome: LoadResult, slo: float) -> dict[str, object]:
    return {
        "load": label_of(outcome),
        **{name: getattr(outcome, name) for name in ("mode", "clients", "offered", "seconds", "lost", "unanswered")},
        "statuses": {str(status): count for status, count in sorted(outcome.statuses.items())},
        "rate": round(outcome.rate, 2),
        "goodput": round(outcome.goodput(slo), 2),
        **{f"p{100 * share:g}_ms": round(1000 * outcome.percentile(share), 3) for share in SHARES},
    }


def read_bodies(path: Path) -> tuple[bytes, ...]:
    """The bodies of a file, one JSON object a line.

    Raises:
        InputNotFound, InputUnreadable: the file can't be read.
        BadBody: it is empty, or a line is not JSON.
    """
    from airworthy.flows.files import read

    lines = [line for line in read(str(path)).splitlines() if line.strip()]
    try:
        documents = msgspec.json.Decoder().decode_lines(b"\n".join(lines))
    except msgspec.DecodeError as error:
        raise BadBody(path=path, problem=error) from None
    if not documents:
        raise BadBody(path=path, problem=say("it is empty"))
    return tuple(lines)
