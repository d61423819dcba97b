"""`airworthy graph`: the dependency graph drawn, written, asked, sent."""

from __future__ import annotations

from typing import Any

import click

from airworthy.cli.deps import python_option
from airworthy.cli.options import answer_options, password_reference
from airworthy.cli.output import render_options, show
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS
from airworthy.core.messages import say

_HELP = """

The suffix of --output says the form: .svg, .png, .html (a page with search, folding and paths), .mmd (Mermaid), .dot,
.graphml, .json. Chains of conflicts are red; more than --most boxes are folded.

\b
  airworthy graph --output graph.html
  airworthy graph --native --paths-to libcudart.so.12
  airworthy graph --query "MATCH (a)-[:DEPENDS_ON]->(b {name: 'numpy'}) RETURN a.name ORDER BY a.name"
  airworthy graph --push neo4j://localhost --user neo4j --password-env NEO4J_PASSWORD"""


@click.command("graph", help=VERBS["graph"][1] + _HELP)
@python_option
@click.option("--lock", metavar="DIR", help="Take the graph of a lock in place of an environment.")
@click.option("--native", is_flag=True, help="With native libraries, what brings them, drivers and chips.")
@click.option("--output", metavar="FILE", help="Write it here.")
@click.option("--most", type=click.IntRange(4, 2000), default=60, show_default=True, help="Boxes of a picture.")
@click.option("--conflicts", is_flag=True, help="List requirements that are not satisfied.")
@click.option("--paths-to", "paths", metavar="NAME", default="", help="List the paths from roots to this node.")
@click.option("--blast-radius", "blast", metavar="NAME", default="", help="List what requires this node, near or far.")
@click.option("--query", metavar="CYPHER", default="", help="Ask in Cypher; statements that only read.")
@click.option("--push", metavar="URL", default="", help="Send it to a graph database: neo4j://, bolt://.")
@click.option("--user", metavar="NAME", default="", help="The user there.")
@click.option("--password-file", metavar="FILE", help="A file whose first line is the password.")
@click.option("--password-env", metavar="NAME", help="A variable of the environment that is the password.")
@answer_options
def command(password_file: str | None, password_env: str | None, format_: str, no_color: bool, **options: Any) -> int:
    """Make the dependency graph."""
    from airworthy.artifacts.encryption.keys import secret
    from airworthy.flows.graph import graph

    if options["lock"] is not None and (options["native"] or options["python"] is not None):
        raise click.UsageError(say("--lock is about a lock; --python and --native are about an environment"))
    reference = password_reference(password_file, password_env)
    with LateProgress() as progress:
        report = graph(password=secret(reference) if reference else "", progress=progress, **options)
    show(report, format_, render_options(no_color=no_color))
    return 0
