"""Ends runs that no client waits for any more, where runs are long enough to be worth it."""

from __future__ import annotations

import threading
import time

from airworthy.engines.interface import BatchRunner
from airworthy.serve.workers.channel import Channel

LONG = 0.05
"""Seconds from which on runs are watched. The first long one shows that there are such; it is not."""
POLL_INTERVAL_S = 0.02
"""Seconds between two looks while a run lasts."""


class CancellationWatcher:
    """A thread that looks, while long runs last, whether the gateway has given them up."""

    def __init__(self, channel: Channel, runner: BatchRunner) -> None:
        self._channel = channel
        self._runner = runner
        self._runs: dict[int, int] = {}
        self._begun = threading.Event()
        self._has_thread = False
        self._are_long = False

    def begin(self, number: int) -> None:
        """This thread begins with a run."""
        if not self._are_long:
            return
        self._runs[threading.get_ident()] = number
        if not self._has_thread:
            self._has_thread = True
            threading.Thread(target=self._look, name="unwanted", daemon=True).start()
        self._begun.set()

    def end(self, seconds: float) -> None:
        """This thread has ended its run, after so many seconds."""
        if self._are_long:
            self._runs.pop(threading.get_ident(), None)
        elif seconds > LONG:
            self._are_long = True

    def _look(self) -> None:
        while True:
            self._begun.wait()
            self._begun.clear()
            while self._runs:
                time.sleep(POLL_INTERVAL_S)
                for thread, number in tuple(self._runs.items()):
                    try:
                        unwanted = self._channel.is_cancelled(number)
                    except ConnectionError:
                        return  # the lanes learn of it themselves
                    if unwanted and self._runs.get(thread) == number:
                        self._runner.interrupt(thread)
