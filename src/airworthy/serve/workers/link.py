"""What a link is: it starts a runner, carries batches, deadlines and cancellations, and reports its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, Union

from airworthy.core.errors import AirworthyError, Exit
from airworthy.serve.tensors import Buffer
from airworthy.serve.workers.wire import (
    Chunk,
    Generate,
    Load,
    Ready,
    Run,
    RunFailure,
    RunResult,
    Tokenize,
    Tokens,
    TrialReply,
    TrialRequest,
)

STOP = 3.0
"""Seconds that a runner gets to end by itself."""

Order = Union[Run, Generate, Tokenize, TrialRequest]
"""What a worker is asked to do."""
Reply = Union[RunResult, RunFailure, Chunk, Tokens, TrialReply]
"""What comes back."""
OnReply = Callable[[Any, memoryview], None]
"""Called on the event loop with each `Reply` and the data behind it."""
OnEnd = Callable[["WorkerExit"], None]
"""Called on the event loop once, when the runner is gone."""


class WorkerExit(AirworthyError):
    """A runner is gone. Its parameter `code` is the exit status, negative for a signal."""

    code = "worker-died"
    message = "the worker of {model} ended with {status}"
    hint = "its last words: {words}"
    exit = Exit.FINDINGS


class WorkerLink(Protocol):
    """A connection to one runner, used by one event loop."""

    async def start(self, load: Load, timeout: float) -> Ready:
        """Start the runner and load the model.

        Raises:
            AirworthyError: it refused the model, died or took longer than the timeout, in seconds.
        """

    def send(self, run: Order, data: Sequence[Buffer]) -> None:
        """Send a batch, a request or a wish for trial runs; the replies come to the callback. Returns at once."""

    def cancel(self, number: int) -> None:
        """Say that no client waits for a run's outputs any more."""

    def kill(self) -> None:
        """End the runner at once; the callback learns of the end."""

    async def stop(self, timeout: float) -> None:
        """Let the runner end by itself, for at most `timeout` seconds; then kill it."""

    @property
    def is_available(self) -> bool:
        """Whether what is behind a link that is up takes requests: a process does."""

    def describe(self) -> list[dict[str, Any]]:
        """The state of the servers behind it as plain JSON data; a process has none."""

    @property
    def words(self) -> str:
        """The last that the runner printed, for diagnosis."""
