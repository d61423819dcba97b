"""`airworthy decrypt`: a model's files again, once all of them are proven."""

from __future__ import annotations

import click

from airworthy.cli.options import debug_option
from airworthy.cli.output import emit
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS
from airworthy.core.messages import say
from airworthy.report.plain import printable

_HELP = """

KEY is a file with the private key, env:NAME for a variable that holds it, or service:NAME:KEY for a key of a key
service. To serve an encrypted model it need not be decrypted: `airworthy up` does that in memory."""


@click.command("decrypt", help=VERBS["decrypt"][1] + _HELP)
@click.argument("path")
@click.option("--key", metavar="KEY", required=True, help="The key that it was encrypted for.")
@click.option("--output", metavar="PATH", help="The file or folder to write; the one that was encrypted by default.")
@click.option("--force", is_flag=True, help="Replace a file or folder that is there.")
@debug_option
def command(path: str, key: str, output: str | None, force: bool) -> int:
    """Decrypt a model."""
    from airworthy.flows.encrypt import decrypt

    with LateProgress() as progress:
        made = decrypt(path, key, output=output, force=force, progress=progress)
    told = say("{path}: {count} file(s), {size:bytes}, all proven", path=made.path, count=made.files, size=made.plain)
    emit(printable(told) + "\n")
    return 0
