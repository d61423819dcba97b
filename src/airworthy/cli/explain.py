"""`airworthy explain`: what a cause is, why it happens and what ends it."""

from __future__ import annotations

from collections.abc import Mapping

import click

from airworthy.cli.options import debug_option, no_color_option
from airworthy.cli.output import emit, render_options
from airworthy.cli.verbs import VERBS
from airworthy.report.interface import RenderOptions


def _complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    del ctx, parameter
    from airworthy.causes.registry import CAUSES

    return [slug for slug in CAUSES.names() if slug.startswith(incomplete)]


@click.command("explain", help=VERBS["explain"][1] + "\n\nWithout CAUSE it lists them all.")
@click.argument("cause", required=False, shell_complete=_complete)
@click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to write."
)
@no_color_option
@debug_option
def command(cause: str | None, format_: str, no_color: bool) -> int:
    """Show a cause, or list them."""
    from airworthy.flows.explain import catalogue, explain

    options = render_options(no_color=no_color)
    if cause is None:
        causes = catalogue()
        emit(
            _json({"causes": _rows(causes)}) if format_ == "json" else _list(causes, options),
            document=format_ == "json",
        )
    else:
        found = explain(cause)
        data = {"cause": found.slug, "title": found.title, "page": found.page}
        emit(_json(data) if format_ == "json" else _page(found.page, options), document=format_ == "json")
    return 0


def _rows(causes: tuple[tuple[str, str, str], ...]) -> list[dict[str, str]]:
    return [{"cause": slug, "family": family, "title": title} for family, slug, title in causes]


def _json(data: Mapping[str, object]) -> str:
    from airworthy.core.report import SCHEMA
    from airworthy.report.plain import json_text

    return json_text({"schema": SCHEMA, **data})


def _list(causes: tuple[tuple[str, str, str], ...], options: RenderOptions) -> str:
    from airworthy.report.layout import table, write

    return write(table([(slug, title) for _, slug, title in causes], styles=("name", "")), options)


def _page(page: str, options: RenderOptions) -> str:
    if not options.terminal:
        return page.rstrip() + "\n"
    import io

    from rich.console import Console
    from rich.markdown import Markdown

    stream = io.StringIO()
    console = Console(
        file=stream, width=min(options.width, 100), force_terminal=options.color, no_color=not options.color
    )
    console.print(Markdown(page))
    return stream.getvalue()
