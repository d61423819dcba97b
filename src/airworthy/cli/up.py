"""`airworthy up`: the whole way of one model."""

from __future__ import annotations

import click

from airworthy.cli.options import Chosen, finding_options
from airworthy.cli.output import show
from airworthy.cli.progress import LateProgress
from airworthy.cli.service import run, service_options, settings_of
from airworthy.cli.verbs import VERBS
from airworthy.core.errors import Exit

_HELP = """

MODEL is a model file or a folder with one, or the URL of a server that runs a language model.
If a finding blocks it, the report shows the way out and nothing is started."""


@click.command("up", help=VERBS["up"][1] + _HELP)
@click.argument("model")
@click.option("--name", help="The name to serve it under; the file's or folder's own by default.")
@service_options
@finding_options
def command(model: str, name: str | None, engine: str | None, chosen: Chosen, **serve: object) -> int:
    """Check, inspect and serve a model."""
    from airworthy.flows.catalogue import catalogue_for
    from airworthy.flows.up import prepare

    beside = "." if "://" in model else model
    settings = settings_of(chosen, beside, **serve)
    catalogue = catalogue_for(beside)
    with LateProgress() as progress:
        prepared = prepare(model, name=name, engine=engine, settings=settings, progress=progress, catalogue=catalogue)
    status = prepared.report.exit_status(settings.check.fail_on, settings.check.strict)
    if prepared.plan is None or status is not Exit.OK:
        show(prepared.report, chosen.format, chosen.render(catalogue))
        return status
    return run([prepared.plan], settings, prepared.facts, chosen, prepared.report, catalogue)
