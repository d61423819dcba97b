"""`airworthy causes`: entries of one's own, and which causes cost most."""

from __future__ import annotations

import click

from airworthy.cli.group import HelpGroup
from airworthy.cli.options import answer_options
from airworthy.cli.output import render_options, show_answer
from airworthy.cli.verbs import VERBS


@click.group("causes", cls=HelpGroup, help=VERBS["causes"][1], context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Entries of one's own, and what causes cost."""


@command.command("new")
@click.argument("slug")
@click.option("--from", "log", metavar="LOG", required=True, help="The log of the failure; - is standard input.")
@click.option("--line", type=click.IntRange(1), help="The number of the line that shows it; found out by default.")
@answer_options
def new(slug: str, log: str, line: int | None, format_: str, no_color: bool) -> int:
    """Write a draft of an entry from a log.

    The draft is .airworthy/causes/SLUG.toml: a literal that stood in the log, a pattern with what varies as groups,
    and places for title and remedy. It takes part in the next diagnosis, like the entries that come with airworthy.
    """
    from airworthy.flows.causes import new as write

    show_answer("causes", slug, write(slug, log, line=line), format_, render_options(no_color=no_color))
    return 0


@command.command("resolve")
@click.argument("cause")
@click.option("--config", metavar="FILE", help="Take this settings file; - is standard input.")
@answer_options
def resolve(cause: str, config: str | None, format_: str, no_color: bool) -> int:
    """Mark a recorded cause as resolved.

    A command that succeeds under `airworthy diagnose --record -- COMMAND` does so by itself.
    """
    from airworthy.flows.causes import causes
    from airworthy.flows.settings import load

    answer = causes(load(file=config), resolve=cause)
    show_answer("causes", cause, answer, format_, render_options(no_color=no_color))
    return 0


@command.command("stats")
@click.option("--config", metavar="FILE", help="Take this settings file; - is standard input.")
@answer_options
def stats(config: str | None, format_: str, no_color: bool) -> int:
    """Show which recorded causes cost most, how often they came back, and how long they took to end."""
    from airworthy.flows.causes import causes
    from airworthy.flows.settings import load

    show_answer("causes", "", causes(load(file=config)), format_, render_options(no_color=no_color))
    return 0
