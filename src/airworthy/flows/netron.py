"""A model shown by Netron, where that is installed: its server listens on this machine only, until Ctrl-C."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from importlib.util import find_spec

from airworthy.core.errors import AirworthyError

HOST = "127.0.0.1"
LONGEST = 12 * 3600
"""Seconds after which a forgotten server ends."""
_GRACE = 5
"""Seconds that it gets to end."""
# A port of zero lets the system choose; Netron prints the address that it got.
_PROGRAM = """
import sys, netron
netron.start(sys.argv[1], address=(sys.argv[2], 0), browse=sys.argv[3] == "yes")
netron.wait()
"""


class NetronMissing(AirworthyError):
    """The viewer is not installed."""

    code = "netron-missing"
    message = "--view shows a model with Netron, which is not installed here"
    hint = "pip install netron; or write a page with --html FILE"


def require() -> None:
    """Whether Netron is there; asked before anything is read.

    Raises:
        NetronMissing: it isn't.
    """
    if find_spec("netron") is None:
        raise NetronMissing


def view(path: str, *, browse: bool = True, limit: float = LONGEST) -> None:
    """Show a file, and come back when the reader presses Ctrl-C, or after a limit.

    It has a process of its own: it reads untrusted files.

    Raises:
        NetronMissing: it is not installed.
    """
    require()
    arguments = [sys.executable, "-c", _PROGRAM, path, HOST, "yes" if browse else "no"]
    with subprocess.Popen(arguments, stdin=subprocess.DEVNULL) as process:
        try:
            process.wait(limit)
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            pass
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE)
            if process.poll() is None:
                process.kill()
