"""`airworthy check`: what will go wrong here, before it does."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import click

from airworthy.cli.options import Chosen, facts_option, finding_options, only_one_reads_standard_input
from airworthy.cli.output import finish, render_options
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS
from airworthy.core.words import say

_PAIR = re.compile(r"[A-Za-z][\w.-]{0,60}=")
_HELP = """

MODEL is a file or a folder; without it, host and environment.

With --given it decides about a machine that isn't there:

\b
  airworthy check --given gpu='RTX 5090' driver=570 framework=torch build=cu124
  airworthy check --given machine.json --format json
"""


@click.command("check", help=VERBS["check"][1] + _HELP)
@click.argument("model", required=False, nargs=-1, metavar="[MODEL]")
@facts_option
@click.option(
    "--given",
    metavar="KEY=VALUE...",
    multiple=True,
    help="Judge by a description in place of this host: pairs, or a JSON file of them; - is standard input.",
)
@click.option("--port", type=click.IntRange(0, 65535), help="Ask as well whether a service could listen on this port.")
@finding_options
def command(model: tuple[str, ...], facts: str | None, given: tuple[str, ...], port: int | None, chosen: Chosen) -> int:
    """Predict what will go wrong."""
    from airworthy.flows.check import check
    from airworthy.flows.facts import load

    path, pairs = _divide(model, bool(given))
    if facts is not None and given:
        raise click.UsageError(say("--facts and --given both say which machine it is; give one of them"))
    files = [text for text in given if not _PAIR.match(text)]
    only_one_reads_standard_input(path, facts, chosen.config, *files)
    described = _described([text for text in given if _PAIR.match(text)] + pairs, files) if given else None
    settings = chosen.settings(path)
    with LateProgress() as progress:
        report = check(
            path,
            facts=load(facts) if facts is not None else None,
            given=described,
            settings=settings,
            endpoint=(settings.serve.host, port) if port is not None else None,
            progress=progress,
        )
    options = render_options(verbose=chosen.verbose, no_color=chosen.no_color)
    return finish(report, chosen.format, options, settings.check)


def _divide(arguments: tuple[str, ...], given: bool) -> tuple[str | None, list[str]]:
    """The model, and the pairs that stand behind `--given`."""
    pairs = [text for text in arguments if given and _PAIR.match(text)]
    models = [text for text in arguments if text not in pairs]
    if len(models) > 1:
        raise click.UsageError(say("got unexpected extra argument ({text})", text=models[1]))
    return (models[0] if models else None), pairs


def _described(pairs: Iterable[str], files: Iterable[str]) -> dict[str, Any]:
    """One description of all that `--given` named; a pair stands over what a file says."""
    from airworthy.flows.files import read
    from airworthy.flows.given import parse_document, parse_pairs

    found: dict[str, Any] = {}
    for file in files:
        found.update(parse_document(read(file), file))
    found.update(parse_pairs(pairs))
    return found
