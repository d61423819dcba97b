"""`airworthy bench`: how fast a served model is."""

from __future__ import annotations

from pathlib import Path

import click

from airworthy.cli.group import debug_option
from airworthy.cli.options import format_option, no_color_option
from airworthy.cli.output import render_options, show
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS
from airworthy.core.errors import Exit
from airworthy.core.messages import say

_HELP = """

TARGET is the base URL of a running service, or a model file or folder, which is served for the duration of the test.
Inputs are generated from what the service says of the model, unless --requests gives some."""


@click.command("bench", help=VERBS["bench"][1] + _HELP)
@click.argument("target")
@click.option("--model", default="", help="The model to ask; the first that is served by default.")
@click.option(
    "--clients",
    default="1,8,32",
    show_default=True,
    metavar="N,N...",
    help="Closed loop: clients that ask without pause, one run each; 0 for none.",
)
@click.option(
    "--rate",
    "rates",
    multiple=True,
    type=click.FloatRange(0, min_open=True),
    help="Open loop: so many requests a second at random times; may be repeated.",
)
@click.option(
    "--seconds", default=5.0, show_default=True, type=click.FloatRange(0.1, 3600), help="How long each run counts."
)
@click.option(
    "--slo",
    default=100.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Milliseconds within which an answer is of use.",
)
@click.option("--requests", type=click.Path(path_type=Path), help="JSON bodies to send, one a line.")
@click.option("--plot", type=click.Path(path_type=Path), help="Write latency by percentile to this SVG file.")
@format_option
@no_color_option
@debug_option
def command(
    target: str,
    model: str,
    clients: str,
    rates: tuple[float, ...],
    seconds: float,
    slo: float,
    requests: Path | None,
    plot: Path | None,
    format_: str,
    no_color: bool,
) -> int:
    """Put load on a service."""
    from airworthy.flows.bench import bench, read_bodies
    from airworthy.flows.temporary import checked_serving

    counts = _counts(clients)
    bodies = read_bodies(requests) if requests is not None else ()
    options = render_options(no_color=no_color)
    with LateProgress() as progress, checked_serving(target, progress) as service:
        if service.report is not None and not service.url:
            show(service.report, format_, options)
            return service.status
        report = bench(
            service.url,
            model=model,
            clients=counts,
            rates=rates,
            seconds=seconds,
            slo=slo / 1000,
            bodies=bodies,
            plot=plot,
            progress=progress,
        )
    show(report, format_, options)
    return Exit.OK


def _counts(text: str) -> list[int]:
    try:
        counts = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        counts = [-1]
    if any(not 0 <= count <= 10_000 for count in counts):
        raise click.BadParameter(say("give numbers of clients from 1 to 10000, as in 1,8,32"), param_hint="--clients")
    return [count for count in counts if count]
