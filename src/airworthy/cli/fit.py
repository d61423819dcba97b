"""`airworthy fit`: will it run here, how, how fast, and how many machines for a load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from airworthy.cli.group import debug_option
from airworthy.cli.options import (
    facts_option,
    format_option,
    no_color_option,
    only_one_reads_standard_input,
    verbose_option,
)
from airworthy.cli.output import render_options, show
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS
from airworthy.core.errors import Exit
from airworthy.core.messages import say

_HELP = """

MODEL is a file or a folder; nothing of it is read but its headers. The exit status is 1 where nothing fits.

\b
  airworthy fit model.gguf --users 4
  airworthy fit llama-70b/ --on '4x H100 80GB' --prefer throughput
  airworthy fit --given model.json
  airworthy fit model.gguf --load '50 req/s, 300 in 200 out tokens, p99 2s'"""


@click.command("fit", help=VERBS["fit"][1] + _HELP)
@click.argument("model", required=False)
@click.option(
    "--on",
    multiple=True,
    metavar="DEVICE",
    help="A device: cpu, 'cpu 32GB', 'RTX 4090', '8x H100 80GB'; may be repeated. This machine's by default.",
)
@click.option(
    "--context",
    type=click.IntRange(1, 1 << 30),
    default=None,
    help="Tokens of one request; what the model was made for, up to 8192, by default.",
)
@click.option("--users", type=click.IntRange(1, 1_000_000), default=1, show_default=True, help="Requests at a time.")
@click.option("--cache-type", default="", metavar="TYPE", help="The type of keys and values: f16, q8_0, q4_0, fp8.")
@click.option(
    "--prefer",
    type=click.Choice(["latency", "throughput", "quality", "cost"]),
    default="latency",
    show_default=True,
    help="What the choices are ranked by.",
)
@click.option("--given", metavar="FILE", help="A description in JSON in place of a model; - is standard input.")
@facts_option
@click.option("--measure", is_flag=True, help="Measure this machine first; later estimates use what is measured.")
@click.option(
    "--load", default="", metavar="TEXT", help="How many machines: '50 req/s, 300 in 200 out tokens, p99 2s'."
)
@click.option("--curve", metavar="FILE", help="What `bench --format json` measured, for --load.")
@click.option(
    "--plot", type=click.Path(path_type=Path), help="Draw --load into this file: .html, .png, or both without suffix."
)
@click.option("--config", metavar="FILE", help="Take this settings file; - is standard input.")
@format_option
@verbose_option
@no_color_option
@debug_option
def command(
    model: str | None,
    on: tuple[str, ...],
    context: int | None,
    users: int,
    cache_type: str,
    prefer: str,
    given: str | None,
    facts: str | None,
    measure: bool,
    load: str,
    curve: str | None,
    plot: Path | None,
    config: str | None,
    format_: str,
    verbose: bool,
    no_color: bool,
) -> int:
    """Estimate memory and speed."""
    from airworthy.flows.facts import load as load_facts
    from airworthy.flows.fit.fit import fit
    from airworthy.flows.settings import load as load_settings

    if (model is None) == (given is None):
        raise click.UsageError(say("give a MODEL, or --given with a description"))
    if plot is not None and not load:
        raise click.UsageError(say("--plot draws what --load says; give --load too"))
    if measure and facts is not None:
        raise click.UsageError(say("--measure is about this machine, --facts about another"))
    only_one_reads_standard_input(model, given, facts, curve, config)
    settings = load_settings(model, file=config, flags={})
    with LateProgress() as progress:
        report = fit(
            model,
            on=on,
            context=context or 0,
            users=users,
            cache_type=cache_type,
            prefer=prefer,
            given=_document(given),
            facts=load_facts(facts) if facts is not None else None,
            load=load,
            curve=_document(curve),
            plot=plot,
            measure=measure,
            settings=settings,
            progress=progress,
        )
    show(report, format_, render_options(verbose=verbose, no_color=no_color))
    return Exit.FINDINGS if report.answer.verdict == "does-not-fit" else Exit.OK


def _document(path: str | None) -> dict[str, Any] | None:
    if path is None:
        return None
    from airworthy.flows.files import read
    from airworthy.flows.given import parse_document

    return parse_document(read(path), path)
