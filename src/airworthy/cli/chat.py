"""`airworthy chat`: a conversation with a language model in the terminal."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import click

from airworthy.cli.group import debug_option
from airworthy.cli.output import render_options, show, tell
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS
from airworthy.core.errors import AirworthyError, Exit
from airworthy.core.messages import say
from airworthy.report.plain import printable

if TYPE_CHECKING:
    from airworthy.flows.chat import Conversation

_HELP = """

TARGET is a model file, which is then served until the conversation ends, or the base URL of any server with OpenAI's
chat interface. With a QUESTION, or with one on standard input, it answers once."""
_COMMANDS = """\
  /system TEXT  begin the conversation with an instruction; without TEXT, none
  /reset        forget what was said
  /stats        what the last answer took
  /quit         end, as Ctrl-D does
  Ctrl-C        stop the answer"""


@click.command("chat", help=VERBS["chat"][1] + _HELP)
@click.argument("target")
@click.argument("question", required=False)
@click.option("--model", default="", help="The model to talk to; the first that chats by default.")
@click.option("--system", default="", metavar="TEXT", help="An instruction that begins the conversation.")
@click.option("--max-tokens", type=click.IntRange(1), help="The most tokens of an answer.")
@debug_option
def command(target: str, question: str | None, model: str, system: str, max_tokens: int | None) -> int:
    """Talk to a language model."""
    from airworthy.flows.chat import Conversation
    from airworthy.flows.files import STANDARD_INPUT, read
    from airworthy.flows.temporary import checked_serving

    with contextlib.ExitStack() as stack:
        with LateProgress() as progress:
            service = stack.enter_context(checked_serving(target, progress))
        if service.report is not None and not service.url:
            show(service.report, "text", render_options())
            return service.status
        conversation = Conversation(service.url, model, max_tokens)
        conversation.system(system)
        if question is None and not (sys.stdin and sys.stdin.isatty()):
            question = read(STANDARD_INPUT).decode(errors="replace").strip()
        if question is not None:
            _answer(conversation, question)
            return Exit.OK
        return _talk(conversation)


def _talk(conversation: Conversation) -> int:
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - gives input() a history
    tell(say("talking to {model} at {url}; /help lists commands", model=conversation.model, url=conversation.url))
    while True:
        try:
            line = input("\n> ").strip()
        except EOFError:
            tell("")
            return Exit.OK
        except KeyboardInterrupt:
            tell("")
            continue
        if not line:
            continue
        if line.startswith("/"):
            if _obey(conversation, line):
                return Exit.OK
            continue
        try:
            _answer(conversation, line)
        except AirworthyError as error:
            tell("", say("error: {error}", error=printable(error.text)))


def _answer(conversation: Conversation, question: str) -> None:
    """Print an answer as it comes; Ctrl-C ends it, and what came stays in the conversation."""
    pieces = conversation.ask(question)
    try:
        for piece in pieces:
            sys.stdout.write(printable(piece, keep="\n\t"))
            sys.stdout.flush()
    except KeyboardInterrupt:
        tell("", say("(stopped)"))
    finally:
        pieces.close()  # type: ignore[attr-defined]
        sys.stdout.write("\n")
        sys.stdout.flush()
    if conversation.stats.reason == "length":
        tell(say("(cut: the answer reached its limit of tokens)"))


def _obey(conversation: Conversation, line: str) -> bool:
    """Carry out a command; whether it ends the conversation."""
    name, _, rest = line[1:].partition(" ")
    if name in ("quit", "exit", "bye"):
        return True
    if name == "system":
        conversation.system(rest.strip())
        tell(say("the conversation begins with that") if rest.strip() else say("no instruction"))
    elif name == "reset":
        conversation.reset()
        tell(say("forgotten"))
    elif name == "stats":
        stats = conversation.stats
        tell(
            say(
                "first token {first:seconds}, {seconds:seconds} in all; {prompt} + {tokens} tokens, {rate} a second",
                first=stats.first_token,
                seconds=stats.seconds,
                prompt=stats.prompt_tokens,
                tokens=stats.tokens,
                rate=round(stats.rate, 1),
            )
        )
    else:
        if name != "help":
            tell(say("there is no command /{name}", name=printable(name)))
        tell(_COMMANDS)
    return False
