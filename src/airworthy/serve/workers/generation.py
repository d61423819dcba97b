"""What a worker that owns a generator does with its frames."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from airworthy.core.errors import AirworthyError
from airworthy.engines.generation import AnyEvent, GeneratorRunner
from airworthy.serve.workers.channel import Channel
from airworthy.serve.workers.failures import failure, one_line
from airworthy.serve.workers.wire import Chunk, Generate, RunFailure, Tokenize, Tokens, WireError


def generator_handlers(channel: Channel, runner: GeneratorRunner) -> Mapping[type, Callable[[Any, memoryview], None]]:
    """The frames that a generator takes."""
    conversation = _Conversation(channel, runner)
    return {Generate: conversation.generate, Tokenize: conversation.tokenize}


class _Conversation:
    """Answers on the channel that it is asked on."""

    def __init__(self, channel: Channel, runner: GeneratorRunner) -> None:
        self._channel = channel
        self._runner = runner

    def generate(self, message: Generate, data: memoryview) -> None:
        """Generate a text; each event is a chunk, and `Finished` the last one."""
        channel, until = self._channel, time.monotonic() + message.budget

        def emit(event: AnyEvent) -> bool:
            channel.send(Chunk(message.id, (event,)))
            return time.monotonic() < until and not channel.is_cancelled(message.id)

        def answer() -> None:
            channel.send(Chunk(message.id, (self._runner.generate(message.request, emit),)))

        _reporting(channel, message.id, answer)

    def tokenize(self, message: Tokenize, data: memoryview) -> None:
        """Count the tokens of a request's prompt, or return those of a text."""

        def answer() -> None:
            if message.request is not None:
                self._channel.send(Tokens(message.id, self._runner.count(message.request)))
            else:
                ids = self._runner.tokenize(message.text)
                self._channel.send(Tokens(message.id, len(ids), ids))

        _reporting(self._channel, message.id, answer)


def _reporting(channel: Channel, number: int, work: Callable[[], None]) -> None:
    """Do something whose failure is an answer, and no end of the worker."""
    try:
        work()
    except AirworthyError as error:
        channel.send(failure(number, error))
    except (ConnectionError, WireError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever an engine raises must not end the worker
        traceback.print_exc()
        channel.send(RunFailure(number, "run-failed", {"detail": one_line(error)}))
