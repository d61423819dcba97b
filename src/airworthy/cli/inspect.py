"""`airworthy inspect`: what is in a model file or folder."""

from __future__ import annotations

import click

from airworthy.cli.options import Chosen, finding_options, only_one_reads_standard_input
from airworthy.cli.output import finish, render_options
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS


@click.command("inspect", help=VERBS["inspect"][1] + "\n\nPATH is a file or a folder; - is standard input.")
@click.argument("path")
@finding_options
def command(path: str, chosen: Chosen) -> int:
    """Tell what a model is."""
    from airworthy.flows.inspect import inspect

    only_one_reads_standard_input(path, chosen.config)
    settings = chosen.settings(path)
    with LateProgress() as progress:
        report = inspect(path, settings=settings, progress=progress)
    options = render_options(verbose=chosen.verbose, no_color=chosen.no_color)
    return finish(report, chosen.format, options, settings.check)
