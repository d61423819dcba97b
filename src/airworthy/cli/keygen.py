"""`airworthy keygen`: a key that models can be encrypted for."""

from __future__ import annotations

import click

from airworthy.cli.options import debug_option
from airworthy.cli.output import emit
from airworthy.cli.verbs import VERBS
from airworthy.core.messages import say
from airworthy.report.plain import printable

_HELP = """

FILE gets the private key and is readable by its owner alone; FILE.pub gets the public one, which is all that who
encrypts needs. Both are PEM, of the kind X25519."""


@click.command("keygen", help=VERBS["keygen"][1] + _HELP)
@click.argument("file")
@click.option(
    "--force", is_flag=True, help="Replace a key that is there; what was encrypted for it stays shut for ever."
)
@debug_option
def command(file: str, force: bool) -> int:
    """Make a key."""
    from airworthy.flows.encrypt import keygen

    made = keygen(file, force=force)
    rows = (
        say("key id   {id}", id=made.id),
        say("private  {path}", path=made.private),
        say("public   {path}", path=made.public),
    )
    emit("".join(f"{printable(row)}\n" for row in rows))
    return 0
