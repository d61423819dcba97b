"""`airworthy sign`: a signature over every file of a model."""

from __future__ import annotations

import click

from airworthy.cli.options import answer_options, password_reference
from airworthy.cli.output import render_options, show_answer
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS
from airworthy.core.messages import say

_HELP = """

PATH is a file or a folder. The signature is that of OpenSSF model signing: `model_signing verify` takes it as well.
Nothing is sent anywhere."""


@click.command("sign", help=VERBS["sign"][1] + _HELP)
@click.argument("path")
@click.option("--key", metavar="FILE", required=True, help="The private key: PEM, on the curve P-256, P-384 or P-521.")
@click.option("--password-file", metavar="FILE", help="A file whose first line is the key's password.")
@click.option("--password-env", metavar="NAME", help="A variable of the environment that is the key's password.")
@click.option("--certificate", metavar="FILE", help="The key's certificate: verifiers then need only its root.")
@click.option("--chain", metavar="FILE", multiple=True, help="Certificates from there to the root; may be repeated.")
@click.option("--signature", metavar="FILE", help="Where to write it; PATH/model.sig, or PATH.sig for a file.")
@click.option("--exclude", metavar="PATH", multiple=True, help="Leave this out of what is signed; may be repeated.")
@click.option("--allow-symlinks", is_flag=True, help="Sign what symbolic links lead to; they are refused otherwise.")
@click.option("--force", is_flag=True, help="Replace a signature that is there.")
@answer_options
def command(
    path: str,
    key: str,
    password_file: str | None,
    password_env: str | None,
    certificate: str | None,
    chain: tuple[str, ...],
    signature: str | None,
    exclude: tuple[str, ...],
    allow_symlinks: bool,
    force: bool,
    format_: str,
    no_color: bool,
) -> int:
    """Sign a model."""
    from airworthy.flows.sign import sign

    password = password_reference(password_file, password_env)
    if chain and certificate is None:
        raise click.UsageError(say("--chain goes with --certificate"))
    with LateProgress() as progress:
        made = sign(
            path,
            key=key,
            password=password,
            certificate=certificate,
            chain=chain,
            signature=signature,
            ignore=exclude,
            links=allow_symlinks,
            force=force,
            progress=progress,
        )
    show_answer("sign", path, made, format_, render_options(no_color=no_color))
    return 0
