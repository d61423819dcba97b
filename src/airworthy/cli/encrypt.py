"""`airworthy encrypt`: a model in one file that only the holders of keys can read."""

from __future__ import annotations

import click

from airworthy.cli.options import answer_options
from airworthy.cli.output import render_options, show_answer
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS
from airworthy.core.messages import say

_HELP = """

PATH is a file or a folder; it stays as it is. The encrypted file is an age file with a tar archive in it, which
`age -d -i KEY FILE | tar x` opens as well. KEY is a public key (age1…, ssh-ed25519 …), a file with such, or env:NAME
for a variable that holds one. Encryption hides a model; it does not prove who made it: `airworthy sign` the encrypted
file for that."""


@click.command("encrypt", help=VERBS["encrypt"][1] + _HELP)
@click.argument("path")
@click.option("--to", "recipients", metavar="KEY", multiple=True, help="Who may decrypt; may be repeated.")
@click.option("--new-key", metavar="FILE", help="Make a key first, as `airworthy keygen` does, and encrypt for it.")
@click.option("--output", metavar="FILE", help="The file to write; PATH.tar.age by default.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@answer_options
def command(
    path: str,
    recipients: tuple[str, ...],
    new_key: str | None,
    output: str | None,
    force: bool,
    format_: str,
    no_color: bool,
) -> int:
    """Encrypt a model."""
    from airworthy.flows.encrypt import encrypt

    if not recipients and new_key is None:
        raise click.UsageError(say("say who may decrypt: --to KEY, or --new-key FILE for a key that is made now"))
    with LateProgress() as progress:
        answer = encrypt(path, recipients, new_key=new_key, output=output, force=force, progress=progress)
    show_answer("encrypt", path, answer, format_, render_options(no_color=no_color))
    return 0
