"""Three times what a server can do, and how it comes back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from serving import loadgen
from serving.process import Service

TIMES = 3.0
"""Arrivals a second, in units of the server's own best closed loop."""
LOOK_S = 35.0
"""Seconds after the load in which a server may come back."""
NORMAL = 5
"""Answers in a row that make a server normal again."""


def overload(
    service: Service,
    program: Path,
    bodies: Path,
    ask: Callable[[], bool],
    *,
    capacity: float,
    p50_ms: float,
    seconds: float,
) -> dict[str, Any]:
    """Open loop above capacity; then a probe every 50 ms until it is normal again; then 8 clients as before.

    Args:
        service: what is asked.
        program: the load generator.
        bodies: its requests.
        ask: one request, and whether it was answered with 200.
        capacity: the server's best requests a second in closed loop.
        p50_ms: its least median there: a normal answer takes no longer than five times that, or 50 ms.
        seconds: of load.
    """
    port, path = service.port, service.path
    result = loadgen.opened(program, port, path, bodies, rate=TIMES * capacity, seconds=seconds)
    ended = time.monotonic()
    slow = max(5 * p50_ms / 1000, 0.05)
    in_a_row, first, back = 0, ended, None
    while time.monotonic() - ended < LOOK_S:
        began = time.monotonic()
        if ask() and time.monotonic() - began < slow:
            first = began if in_a_row == 0 else first
            in_a_row += 1
        else:
            in_a_row = 0
        if in_a_row == NORMAL:
            # The load generator has waited for its last answers after the load's end.
            back = first - ended + result["drain_s"]
            break
        time.sleep(0.05)
    alive = service.process.poll() is None
    after = loadgen.closed(program, port, path, bodies, clients=8, seconds=2.0, warm=0.5)
    return {
        **result,
        "capacity": capacity,
        "goodput_ratio": result["ok"] / seconds / capacity if capacity else 0.0,
        "normal_again_s": back,
        "alive": alive,
        "rps_after": after["rps"],
        "errors_after": after["errors"],
    }
