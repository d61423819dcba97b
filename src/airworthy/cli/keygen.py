"""`airworthy keygen`: a key that models can be encrypted for, or signed with."""

from __future__ import annotations

import click

from airworthy.cli.options import answer_options, password_reference
from airworthy.cli.output import render_options, show_answer
from airworthy.cli.verbs import VERBS
from airworthy.core.messages import say

_HELP = """

FILE gets the private key and is readable by its owner alone; FILE.pub gets the public one, which is all that encrypting
needs. Both are keys of age: `age-keygen` makes the same. With --signing they are PEM keys on the curve P-256, as
`airworthy sign` and `airworthy verify` take them."""


@click.command("keygen", help=VERBS["keygen"][1] + _HELP)
@click.argument("file")
@click.option("--signing", is_flag=True, help="Make a key to sign models with.")
@click.option(
    "--force", is_flag=True, help="Replace a key that is there; what was encrypted for it stays shut for ever."
)
@click.option("--password-file", metavar="FILE", help="Protect the key by the passphrase in a file's first line.")
@click.option("--password-env", metavar="NAME", help="Protect the key by the passphrase in a variable.")
@click.option(
    "--service", metavar="service:NAME:KEY", help="Have a key service wrap the key, and unwrap it at each use."
)
@answer_options
def command(
    file: str,
    signing: bool,
    force: bool,
    password_file: str | None,
    password_env: str | None,
    service: str | None,
    format_: str,
    no_color: bool,
) -> int:
    """Make a key."""
    from airworthy.flows.encrypt import keygen

    if signing and service is not None:
        raise click.UsageError(say("--service wraps keys that models are encrypted for; it goes without --signing"))
    password = password_reference(password_file, password_env)
    made = keygen(file, password=password, service=service or "", signing=signing, force=force)
    show_answer("keygen", file, made, format_, render_options(no_color=no_color))
    return 0
