"""`airworthy lock`: requirements to a lock for all platforms; a lock compared with an environment or another lock."""

from __future__ import annotations

from typing import Any

import click

from airworthy.cli.deps import index_options, python_option
from airworthy.cli.options import Chosen, finding_options
from airworthy.cli.output import finish
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS
from airworthy.core.messages import say
from airworthy.core.report import AnyReport

_HELP = """

SOURCE is a pyproject.toml or a list of requirements; ./pyproject.toml if not given. The lock is a folder with
pylock.toml (PEP 751, with hashes, for all platforms), requirements.txt with the same hashes, and system.toml with what
the machine must have.

\b
  airworthy lock --extra gpu --accelerator cuda126
  airworthy lock --check
  airworthy lock --diff before.lock after.lock
  airworthy lock --wheelhouse wheels"""


@click.command("lock", help=VERBS["lock"][1] + _HELP)
@click.argument("source", required=False)
@click.option("--output", metavar="DIR", default="airworthy.lock", show_default=True, help="The folder of the lock.")
@click.option("--check", is_flag=True, help="Compare an environment with the lock, file by file.")
@click.option("--diff", nargs=2, metavar="OLD NEW", help="Show what differs between two locks.")
@click.option("--extra", "extras", metavar="NAME", multiple=True, help="An extra of the project; may be repeated.")
@click.option("--group", "groups", metavar="NAME", multiple=True, help="A dependency group; may be repeated.")
@click.option("--accelerator", metavar="NAME", default="", help="Builds of PyTorch's packages: cpu, cuda126, rocm6 ...")
@click.option("--upgrade", metavar="NAME", multiple=True, help="Take the newest of a package, or of `all`.")
@click.option("--from-environment", is_flag=True, help="Lock an environment as it is, for its own platform.")
@click.option("--python-version", metavar="VERSION", default="", help="The oldest Python that the lock is for.")
@click.option("--wheelhouse", metavar="DIR", help="Fill a folder with the lock's files, for places without a network.")
@click.option("--all-platforms", is_flag=True, help="With --wheelhouse, the files for every platform.")
@click.option("--files/--no-files", default=True, help="With --check, compare files with their records.")
@python_option
@index_options
@finding_options
def command(source: str | None, check: bool, diff: tuple[str, str] | None, chosen: Chosen, **options: Any) -> int:
    """Lock an environment."""
    from airworthy.causes.catalogue import standard
    from airworthy.flows.lock import lock
    from airworthy.flows.lock_check import check_lock, diff_locks

    if check and diff:
        raise click.UsageError(say("--check and --diff ask two questions; give one"))
    if options["all_platforms"] and options["wheelhouse"] is None:
        raise click.UsageError(say("--all-platforms goes with --wheelhouse"))
    report: AnyReport
    with LateProgress() as progress:
        if diff:
            report = diff_locks(*diff)
        elif check:
            place = source or options["output"]
            report = check_lock(place, python=options["python"], files=options["files"], progress=progress)
        else:
            report = lock(
                source,
                output=options["output"],
                extras=options["extras"],
                groups=options["groups"],
                accelerator=options["accelerator"],
                upgrade=options["upgrade"],
                from_environment=options["from_environment"],
                python=options["python"],
                python_version=options["python_version"],
                wheels=options["wheelhouse"],
                all_wheels=options["all_platforms"],
                indexes=options["indexes"],
                progress=progress,
            )
    return finish(report, chosen.format, chosen.render(standard()), chosen.settings().check)
