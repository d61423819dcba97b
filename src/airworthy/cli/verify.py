"""`airworthy verify`: whether a model is what was signed."""

from __future__ import annotations

import click

from airworthy.cli.options import answer_options
from airworthy.cli.output import render_options, show_answer
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS
from airworthy.core.messages import say

_HELP = """

PATH is a file or a folder; its signature is one by `airworthy sign` or `model_signing sign`. Every file is read, and
none may be changed, added, missing or renamed. The exit status is 1 where the signature does not hold."""


@click.command("verify", help=VERBS["verify"][1] + _HELP)
@click.argument("path")
@click.option("--key", metavar="FILE", help="The public key that is trusted.")
@click.option("--certificate", metavar="FILE", multiple=True, help="A root certificate that is trusted.")
@click.option("--signature", metavar="FILE", help="Where the signature lies; PATH/model.sig, or PATH.sig for a file.")
@click.option("--allow-expired", is_flag=True, help="Take a certificate that was valid once and is not now.")
@answer_options
def command(
    path: str,
    key: str | None,
    certificate: tuple[str, ...],
    signature: str | None,
    allow_expired: bool,
    format_: str,
    no_color: bool,
) -> int:
    """Verify a model."""
    from airworthy.flows.sign import verify

    if (key is None) == (not certificate):
        raise click.UsageError(say("say whom you trust: either --key or --certificate"))
    with LateProgress() as progress:
        stated = verify(
            path,
            key=key,
            certificates=certificate,
            signature=signature,
            expired=allow_expired,
            progress=progress,
        )
    show_answer("verify", path, stated, format_, render_options(no_color=no_color))
    return 0
