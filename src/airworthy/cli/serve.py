"""`airworthy serve`: one or several models, their files checked and the host taken as it is."""

from __future__ import annotations

import click

from airworthy.cli.options import Chosen, finding_options
from airworthy.cli.output import show
from airworthy.cli.progress import LateProgress
from airworthy.cli.service import run, service_options, settings_of
from airworthy.cli.verbs import VERBS
from airworthy.core.messages import say

_HELP = """

Each MODEL is a path, or NAME=PATH; NAME of releases, which follows what is promoted, or NAME@VERSION; or the URL of a
server whose language models are served through this one. Without one, the settings' [[serve.upstreams]] are served. The
files are checked, the host is not: `airworthy up` does both."""


@click.command("serve", help=VERBS["serve"][1] + _HELP)
@click.argument("models", nargs=-1, metavar="MODEL...")
@service_options
@finding_options
def command(models: tuple[str, ...], engine: str | None, chosen: Chosen, **serve: object) -> int:
    """Serve models."""
    from airworthy.flows.catalogue import catalogue_for
    from airworthy.flows.serve import prepare, releases_of, split_argument

    first = split_argument(models[0])[1] if models and "://" not in models[0] else "."
    settings, catalogue = settings_of(chosen, first, **serve), catalogue_for(first)
    if not models and not settings.serve.upstreams:
        raise click.UsageError(say("name a model, or set [[serve.upstreams]]"))
    with LateProgress() as progress:
        report, plans, facts = prepare(models, engine=engine, settings=settings, progress=progress, catalogue=catalogue)
    if not plans:
        show(report, chosen.format, chosen.render(catalogue))
        return report.exit_status(settings.check.fail_on, settings.check.strict)
    return run(plans, settings, facts, chosen, report, catalogue, releases_of(models, settings, engine))
