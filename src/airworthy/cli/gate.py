"""`airworthy gate`: whether a model may take another's place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from airworthy.cli.group import debug_option
from airworthy.cli.options import format_option, no_color_option
from airworthy.cli.output import render_options, show
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS
from airworthy.core.errors import Exit
from airworthy.core.messages import say

_HELP = """

Both models answer the rows of --data, and are timed in turns. The verdict is of the bounds that the data allow: passed,
failed, or not enough data. Exit status 0, 1 and 4.

\b
  airworthy gate model.onnx model-int8.onnx --data test.npz
  airworthy gate old.onnx new.onnx --data test.npz --tier 98 --max-slowdown -30 --format json"""

F = TypeVar("F", bound=Callable[..., Any])

EXITS = {"passed": Exit.OK, "failed": Exit.FINDINGS, "not enough data": Exit.INCOMPLETE}
"""The exit status of each verdict."""

_DATA_OPTIONS = (
    click.option(
        "--data",
        required=True,
        metavar="FILE",
        help="A .npz file: an array for each input by its name, rows first, and the right answers as `labels`.",
    ),
    click.option("--labels", default="", metavar="NAME", help="The array that holds the right answers."),
    click.option("--metric", default="accuracy", show_default=True, metavar="NAME", help="How answers are judged."),
    click.option("--output", default="", metavar="NAME", help="The output that is judged; one that suits the metric."),
    click.option(
        "--tier",
        default=99.0,
        show_default=True,
        type=click.FloatRange(1, 100, min_open=True),
        help="Percent of the metric that has to be kept.",
    ),
)


def data_options(function: F) -> F:
    """The options about rows, right answers and the metric."""
    decorated: Any = function
    for option in reversed(_DATA_OPTIONS):
        decorated = option(decorated)
    result: F = decorated
    return result


@click.command("gate", help=VERBS["gate"][1] + _HELP)
@click.argument("before")
@click.argument("after")
@data_options
@click.option(
    "--max-slowdown",
    default="5",
    show_default=True,
    metavar="PERCENT",
    help="Percent by which it may be slower; -30 demands 30 % faster; `none` compares no speed.",
)
@click.option("--batch", default=1, show_default=True, type=click.IntRange(1, 65536), help="Rows of each run.")
@click.option(
    "--seconds", default=30.0, show_default=True, type=click.FloatRange(0.1, 3600), help="How long speed is compared."
)
@click.option("--engine", default="", metavar="NAME", help="The engine of both; the first that can load each.")
@click.option("--threads", default=0, type=click.IntRange(0, 1024), help="Threads of the runtime; 0 for all cores.")
@format_option
@no_color_option
@debug_option
def command(
    before: str,
    after: str,
    data: str,
    labels: str,
    metric: str,
    output: str,
    tier: float,
    max_slowdown: str,
    batch: int,
    seconds: float,
    engine: str,
    threads: int,
    format_: str,
    no_color: bool,
) -> int:
    """Compare two models."""
    from airworthy.flows.gate import gate

    slowdown = _slowdown(max_slowdown)
    with LateProgress() as progress:
        report = gate(
            before,
            after,
            data=data,
            labels=labels,
            metric=metric,
            output=output,
            tier=tier / 100,
            max_slowdown=slowdown,
            batch=batch,
            seconds=seconds,
            engine=engine,
            threads=threads,
            progress=progress,
        )
    show(report, format_, render_options(no_color=no_color))
    return EXITS[report.answer.verdict]


def _slowdown(text: str) -> float | None:
    if text.strip().lower() == "none":
        return None
    try:
        percent = float(text.rstrip("%"))
    except ValueError:
        percent = float("nan")
    if not -100 < percent <= 10_000:
        raise click.BadParameter(say("give percent above -100, or `none`"), param_hint="--max-slowdown")
    return percent / 100
