"""`airworthy diagnose`: what went wrong, from a program's output."""

from __future__ import annotations

import click

from airworthy.cli.options import Chosen, facts_option, finding_options, only_one_reads_standard_input
from airworthy.cli.output import finish, render_options
from airworthy.cli.verbs import VERBS


@click.command("diagnose", help=VERBS["diagnose"][1] + "\n\nLOG is a file; - is standard input.")
@click.argument("log")
@facts_option
@finding_options
def command(log: str, facts: str | None, chosen: Chosen) -> int:
    """Recognise the cause of a failure."""
    from airworthy.flows.diagnose import diagnose_file
    from airworthy.flows.facts import load

    only_one_reads_standard_input(log, facts, chosen.config)
    settings = chosen.settings()
    report = diagnose_file(log, facts=load(facts) if facts is not None else None)
    options = render_options(verbose=chosen.verbose, no_color=chosen.no_color)
    return finish(report, chosen.format, options, settings.check)
