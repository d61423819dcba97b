"""`airworthy deps`: what is installed, why, and what contradicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from airworthy.cli.options import Chosen, finding_options
from airworthy.cli.output import finish
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS

F = TypeVar("F", bound=Callable[..., Any])
_HELP = """

Every requirement that is not satisfied is shown with the chains that lead from a root to both sides, and with the
smallest change that ends it, which was resolved before it is named. Nothing is installed.

\b
  airworthy deps
  airworthy deps --why numpy
  airworthy deps --python ../service/.venv --files --native --format json"""

python_option = click.option(
    "--python", metavar="ENV", help="The environment: a folder, an interpreter; this program's own if not given."
)


def index_options(function: F) -> F:
    """Where packages come from; the verb gets them as one `indexes`."""
    import functools

    @functools.wraps(function)
    def collect(*args: Any, **values: Any) -> Any:
        from airworthy.environment.uv import Indexes

        indexes = Indexes(
            offline=values.pop("offline"),
            no_index=values.pop("no_index"),
            find_links=values.pop("find_links"),
            index=values.pop("index") or "",
        )
        return function(*args, indexes=indexes, **values)

    decorated: Any = collect
    for option in (
        click.option("--index", metavar="URL", help="The package index; uv's own settings if not given."),
        click.option(
            "--find-links", metavar="DIR", multiple=True, help="Take packages from here too; may be repeated."
        ),
        click.option("--no-index", is_flag=True, help="Take packages from --find-links alone."),
        click.option("--offline", is_flag=True, help="Ask no index: uv's cache and local folders must do."),
    ):
        decorated = option(decorated)
    result: F = decorated
    return result


@click.command("deps", help=VERBS["deps"][1] + _HELP)
@python_option
@click.option("--why", metavar="NAME", help="Show the packages that require this one, up to the roots.")
@click.option("--files", is_flag=True, help="Compare every installed file with the record of its package.")
@click.option("--native", is_flag=True, help="Read native libraries: where each comes from, and drivers above them.")
@click.option("--solve/--no-solve", default=True, help="Work out the smallest change that ends conflicts.")
@index_options
@finding_options
def command(
    python: str | None, why: str | None, files: bool, native: bool, solve: bool, indexes: Any, chosen: Chosen
) -> int:
    """Judge an environment."""
    from airworthy.causes.catalogue import standard
    from airworthy.flows.deps import deps

    with LateProgress() as progress:
        report = deps(python, why=why, files=files, native=native, solve=solve, indexes=indexes, progress=progress)
    return finish(report, chosen.format, chosen.render(standard()), chosen.settings().check)
