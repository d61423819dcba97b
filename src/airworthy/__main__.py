"""`airworthy` and `python -m airworthy`: the command line.

Modules are imported while Ctrl-C still ends the process at once: half way through an import it would print a traceback.
"""

from __future__ import annotations

import signal


def run() -> int:
    """Run the command line; its exit status."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from airworthy.cli.main import main

    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, before)
    return main()


if __name__ == "__main__":
    raise SystemExit(run())
