"""`airworthy explain`: what a cause is, why it happens and what ends it."""

from __future__ import annotations

import click

from airworthy.cli.options import answer_options
from airworthy.cli.output import emit, render_options, show_answer
from airworthy.cli.verbs import VERBS
from airworthy.report.interface import RenderOptions


def _complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    del ctx, parameter
    from airworthy.flows.catalogue import catalogue_for

    return [slug for slug in catalogue_for().slugs if slug.startswith(incomplete)]


@click.command("explain", help=VERBS["explain"][1] + "\n\nWithout CAUSE it lists them all.")
@click.argument("cause", required=False, shell_complete=_complete)
@answer_options
def command(cause: str | None, format_: str, no_color: bool) -> int:
    """Show a cause, or list them."""
    from airworthy.flows.explain import explain, list_causes

    options = render_options(no_color=no_color)
    if cause is None:
        show_answer("explain", "", list_causes(), format_, options)
        return 0
    found = explain(cause)
    if format_ == "text" and options.terminal:
        emit(_page(found.page, options))
    else:
        show_answer("explain", cause, found, format_, options)
    return 0


def _page(page: str, options: RenderOptions) -> str:
    """The page as a terminal shows Markdown."""
    import io

    from rich.console import Console
    from rich.markdown import Markdown

    stream = io.StringIO()
    console = Console(
        file=stream, width=min(options.width, 100), force_terminal=options.color, no_color=not options.color
    )
    console.print(Markdown(page))
    return stream.getvalue()
