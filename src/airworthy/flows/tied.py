"""The command line in a process that ends with the one that started it, however that one ended.

    python -m airworthy.flows.tied up MODEL --port 0

Its standard input is a pipe that the starter keeps open and never writes to: the kernel closes it with the starter, so
no signal and no crash of the starter leaves this process behind.
"""

from __future__ import annotations

import os
import runpy
import signal
import threading


def _end_with_the_starter() -> None:
    while os.read(0, 1 << 12):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_starter, daemon=True).start()
    runpy.run_module("airworthy", run_name="__main__", alter_sys=True)
