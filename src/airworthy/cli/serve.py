"""`airworthy serve`: one or several models, their files checked and the host taken as it is."""

from __future__ import annotations

import click

from airworthy.cli.options import Chosen, finding_options
from airworthy.cli.output import show
from airworthy.cli.progress import LateProgress
from airworthy.cli.service import run, service_options, settings_of
from airworthy.cli.verbs import VERBS

_HELP = """

Each MODEL is a path, or NAME=PATH. The files are checked, the host is not: `airworthy up` does both."""


@click.command("serve", help=VERBS["serve"][1] + _HELP)
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@service_options
@finding_options
def command(models: tuple[str, ...], engine: str | None, chosen: Chosen, **serve: object) -> int:
    """Serve models."""
    from airworthy.flows.catalogue import catalogue_for
    from airworthy.flows.serve import prepare

    first = models[0].partition("=")[2] or models[0]
    settings, catalogue = settings_of(chosen, first, **serve), catalogue_for(first)
    with LateProgress() as progress:
        report, plans, facts = prepare(models, engine=engine, settings=settings, progress=progress, catalogue=catalogue)
    if not plans:
        show(report, chosen.format, chosen.render(catalogue))
        return report.exit_status(settings.check.fail_on, settings.check.strict)
    return run(plans, settings, facts, chosen, report, catalogue)
