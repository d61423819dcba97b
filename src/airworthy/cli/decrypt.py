"""`airworthy decrypt`: a model's files again, once all of them are proven."""

from __future__ import annotations

import click

from airworthy.cli.options import answer_options, password_reference
from airworthy.cli.output import render_options, show_answer, tell
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS
from airworthy.core.messages import say

_HELP = """

PATH is any age file, or a container that airworthy wrote before age. KEY is a file with the private key, as
`age-keygen` and `airworthy keygen` write it, an SSH key, or env:NAME for a variable that holds one.

To serve an encrypted model it need not be decrypted: `airworthy up` does that in memory."""


@click.command("decrypt", help=VERBS["decrypt"][1] + _HELP)
@click.argument("path")
@click.option("--key", metavar="KEY", required=True, help="The key that it was encrypted for.")
@click.option("--password-file", metavar="FILE", help="A file whose first line is the key's passphrase.")
@click.option("--password-env", metavar="NAME", help="A variable of the environment that is the key's passphrase.")
@click.option("--output", metavar="PATH", help="The file or folder to write; the one that was encrypted by default.")
@click.option("--force", is_flag=True, help="Replace a file or folder that is there.")
@answer_options
def command(
    path: str,
    key: str,
    password_file: str | None,
    password_env: str | None,
    output: str | None,
    force: bool,
    format_: str,
    no_color: bool,
) -> int:
    """Decrypt a model."""
    from airworthy.flows.encrypt import decrypt

    with LateProgress() as progress:
        password = password_reference(password_file, password_env)
        made = decrypt(path, key, password=password, output=output, force=force, progress=progress)
    show_answer("decrypt", path, made, format_, render_options(no_color=no_color))
    if made.old:
        from airworthy.artifacts.encryption.format import OLD_NOTE

        tell(say("note: {note}", note=say(OLD_NOTE)))
    return 0
