"""`airworthy sync`: an environment restored from its lock."""

from __future__ import annotations

from typing import Any

import click

from airworthy.cli.deps import index_options
from airworthy.cli.options import answer_options
from airworthy.cli.output import render_options, show
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS

_HELP = """

LOCK is the folder of a lock; ./airworthy.lock if not given. The environment is made beside the old one, every file is
compared with its record, and then the two are swapped: whatever goes wrong, what was there before is still there."""


@click.command("sync", help=VERBS["sync"][1] + _HELP)
@click.argument("lock", default="airworthy.lock")
@click.option("--python", metavar="ENV", default=".venv", show_default=True, help="The virtual environment.")
@click.option("--base", metavar="PYTHON", help="The interpreter that the environment is made with.")
@click.option("--wheelhouse", metavar="DIR", help="Fetch nothing: take files from here, and prove each by its wheel.")
@index_options
@answer_options
def command(
    lock: str,
    python: str,
    base: str | None,
    wheelhouse: str | None,
    indexes: Any,
    format_: str,
    no_color: bool,
) -> int:
    """Restore an environment."""
    from airworthy.flows.sync import sync

    with LateProgress() as progress:
        report = sync(lock, python=python, base=base, wheels=wheelhouse, indexes=indexes, progress=progress)
    show(report, format_, render_options(no_color=no_color))
    return 0
