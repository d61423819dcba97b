"""`airworthy check`: what will go wrong here, before it does."""

from __future__ import annotations

import click

from airworthy.cli.options import Chosen, facts_option, finding_options, only_one_reads_standard_input
from airworthy.cli.output import finish, render_options
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS


@click.command("check", help=VERBS["check"][1] + "\n\nMODEL is a file or a folder; without it, host and environment.")
@click.argument("model", required=False)
@facts_option
@click.option("--port", type=click.IntRange(0, 65535), help="Ask as well whether a service could listen on this port.")
@finding_options
def command(model: str | None, facts: str | None, port: int | None, chosen: Chosen) -> int:
    """Predict what will go wrong."""
    from airworthy.flows.check import check
    from airworthy.flows.facts import load

    only_one_reads_standard_input(model, facts, chosen.config)
    settings = chosen.settings(model)
    with LateProgress() as progress:
        report = check(
            model,
            facts=load(facts) if facts is not None else None,
            settings=settings,
            endpoint=(settings.serve.host, port) if port is not None else None,
            progress=progress,
        )
    options = render_options(verbose=chosen.verbose, no_color=chosen.no_color)
    return finish(report, chosen.format, options, settings.check)
