"""`airworthy audit-deps`: packages compared with what is published of them."""

from __future__ import annotations

from typing import Any

import click

from airworthy.cli.deps import index_options, python_option
from airworthy.cli.options import Chosen, finding_options
from airworthy.cli.output import finish
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS
from airworthy.core.errors import Exit
from airworthy.core.messages import say
from airworthy.core.report import Skipped

_HELP = """

A source that could not be asked leaves releases unknown: the exit status is then 4, never 0. --snapshot reads OSV's
all.zip of PyPI, or a folder of such files, and asks no network; its age is part of the verdict.

\b
  airworthy audit-deps --snapshot all.zip
  airworthy audit-deps --lock airworthy.lock --fix
  airworthy audit-deps --sbom bom.json --model model/"""


@click.command("audit-deps", help=VERBS["audit-deps"][1] + _HELP)
@python_option
@click.option("--lock", metavar="DIR", help="Audit a lock, for all of its platforms, in place of an environment.")
@click.option("--snapshot", metavar="PATH", help="Advisories on disk; nothing is asked over the network then.")
@click.option(
    "--service",
    "services",
    type=click.Choice(["osv", "pypi"]),
    multiple=True,
    help="Ask this service; osv if there is no snapshot.",
)
@click.option("--service-url", metavar="URL", default="", help="Its address, where it is not the public one.")
@click.option("--fix", is_flag=True, help="Raise affected packages of the lock to the smallest fixed versions.")
@click.option("--restore/--no-restore", default=True, help="With --fix, restore the raised lock to prove it.")
@click.option("--sbom", metavar="FILE", help="Write the bill of materials: CycloneDX 1.6.")
@click.option("--model", metavar="PATH", help="With --sbom, the model that is served.")
@click.option("--native", is_flag=True, help="With --sbom, native libraries and drivers as well.")
@index_options
@finding_options
def command(lock: str | None, fix: bool, sbom: str | None, chosen: Chosen, **options: Any) -> int:
    """Audit an environment or a lock."""
    from airworthy.causes.catalogue import standard
    from airworthy.flows.audit import audit_deps

    if lock is not None and options["python"] is not None:
        raise click.UsageError(say("--lock is about a lock and --python about an environment; give one"))
    if sbom is None and (options["model"] is not None or options["native"]):
        raise click.UsageError(say("--model and --native go with --sbom"))
    settings = chosen.settings()
    with LateProgress() as progress:
        report = audit_deps(lock=lock, fix=fix, sbom=sbom, settings=settings.audit, progress=progress, **options)
    status = finish(report, chosen.format, chosen.render(standard()), settings.check)
    # Fails closed: what could not be asked is no success, whether or not --strict was given.
    unknown = any(isinstance(each, Skipped) for each in report.results)
    return Exit.INCOMPLETE if status == Exit.OK and unknown else status
