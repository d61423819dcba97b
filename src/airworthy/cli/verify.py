"""`airworthy verify`: whether a model is what was signed."""

from __future__ import annotations

import click

from airworthy.cli.options import debug_option
from airworthy.cli.output import emit
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS
from airworthy.core.messages import say
from airworthy.report.plain import printable

_HELP = """

PATH is a file or a folder; its signature is one by `airworthy sign` or `model_signing sign`. Every file is read, and
none may be changed, added, missing or renamed. The exit status is 1 where the signature does not hold."""


@click.command("verify", help=VERBS["verify"][1] + _HELP)
@click.argument("path")
@click.option("--key", metavar="FILE", help="The public key that is trusted.")
@click.option("--certificate", metavar="FILE", multiple=True, help="A root certificate that is trusted.")
@click.option("--signature", metavar="FILE", help="Where the signature lies; PATH/model.sig, or PATH.sig for a file.")
@click.option("--allow-expired", is_flag=True, help="Take a certificate that was valid once and is not now.")
@click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to write."
)
@debug_option
def command(
    path: str,
    key: str | None,
    certificate: tuple[str, ...],
    signature: str | None,
    allow_expired: bool,
    format_: str,
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
    if format_ == "json":
        from airworthy.core.report import SCHEMA
        from airworthy.report.plain import json_text

        answer = {
            "schema": SCHEMA,
            "path": path,
            "verdict": "signed",
            "signature": stated.signature,
            "name": stated.name,
            "method": stated.method,
            "signer": stated.signer,
            "files": {name: {"algorithm": how, "digest": value} for name, (how, value) in stated.resources.items()},
        }
        emit(json_text(answer), document=True)
        return 0
    count = len(stated.resources)
    signer = stated.signer if stated.method == "certificate" else say("key {signer}", signer=stated.signer[:16])
    template = "{path} is what was signed by {signer}: {count} files, none changed, added or missing"
    if count == 1:
        template = "{path} is what was signed by {signer}"
    emit(printable(say(template, path=path, signer=signer, count=count)) + "\n")
    return 0
