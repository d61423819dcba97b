"""`airworthy optimise`: a smaller model, proven."""

from __future__ import annotations

import click

from airworthy.cli.gate import EXITS, data_options
from airworthy.cli.group import debug_option
from airworthy.cli.options import format_option, no_color_option
from airworthy.cli.output import render_options, show
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS

_HELP = """

MODEL is a float ONNX file. It is quantised in every way that suits its graph and this processor, and each is measured
beside the original. The rows of --data are divided: a part calibrates, a part chooses, and a part that nothing was
chosen by proves the one that was. The original is never changed. Exit status 0, 1 and 4, as of `gate`.

\b
  airworthy optimise model.onnx --data rows.npz --out model-int8.onnx
  airworthy optimise model.onnx --data rows.npz --prefer size --tier 98 --format json"""


@click.command("optimise", help=VERBS["optimise"][1] + _HELP)
@click.argument("model")
@data_options
@click.option(
    "--prefer",
    default="latency",
    show_default=True,
    type=click.Choice(("latency", "size", "accuracy")),
    help="What decides among those that pass.",
)
@click.option("--batch", default=1, show_default=True, type=click.IntRange(1, 65536), help="Rows of each timed run.")
@click.option(
    "--seconds", default=5.0, show_default=True, type=click.FloatRange(0.1, 3600), help="How long each is timed."
)
@click.option("--threads", default=0, type=click.IntRange(0, 1024), help="Threads of the runtime; 0 for all cores.")
@click.option("--out", metavar="FILE", help="Write the chosen model here; without it nothing is written.")
@click.option("--force", is_flag=True, help="Replace what is there.")
@format_option
@no_color_option
@debug_option
def command(
    model: str,
    data: str,
    labels: str,
    metric: str,
    output: str,
    tier: float,
    prefer: str,
    batch: int,
    seconds: float,
    threads: int,
    out: str | None,
    force: bool,
    format_: str,
    no_color: bool,
) -> int:
    """Make a model smaller."""
    from airworthy.flows.optimise import optimise

    with LateProgress() as progress:
        report = optimise(
            model,
            data=data,
            labels=labels,
            metric=metric,
            output=output,
            prefer=prefer,  # type: ignore[arg-type]
            tier=tier / 100,
            batch=batch,
            seconds=seconds,
            threads=threads,
            write=out,
            force=force,
            progress=progress,
        )
    show(report, format_, render_options(no_color=no_color))
    return EXITS[report.answer.verdict]
