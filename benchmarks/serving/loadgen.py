"""The load generator, a C program: compiled on use, run for one measurement at a time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from serving.peers import HERE

SOURCE = HERE / "loadgen.c"
MOST_CONNECTIONS = 4096
"""Connections of the open loop; an arrival that finds all of them busy is not sent, and counted."""
CLIENT_S = 5.0
"""Seconds after which a client of the open loop gives up."""


class NoLoad(Exception):
    """The load generator could not be made or did not run."""


def build(folder: Path) -> Path:
    """The program, compiled where it isn't there or is older than its source.

    Raises:
        NoLoad: there is no C compiler, or it failed.
    """
    program = folder / "loadgen-airworthy"
    if program.exists() and program.stat().st_mtime >= SOURCE.stat().st_mtime:
        return program
    compiler = os.environ.get("CC") or shutil.which("cc")
    if not compiler:
        raise NoLoad("no C compiler `cc` for the load generator: `apt install gcc` or `dnf install gcc`, or set CC")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([compiler, "-O2", "-o", program, SOURCE, "-lm"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoLoad(f"{compiler} failed on {SOURCE}: {done.stderr.strip()[-500:]}")
    return program


def _run(program: Path, options: list[object], limit: float) -> dict[str, Any]:
    done = subprocess.run(
        [str(program), *map(str, options)], capture_output=True, text=True, timeout=limit, check=False
    )
    if done.returncode:
        raise NoLoad(f"the load generator ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _target(port: int, path: str, bodies: Path) -> list[object]:
    return ["-a", f"127.0.0.1:{port}", "-u", path, "-b", bodies]


def closed(
    program: Path, port: int, path: str, bodies: Path, *, clients: int, seconds: float, warm: float
) -> dict[str, Any]:
    """So many clients, each asking again when its answer is there."""
    options = ["-m", "closed", "-c", clients, "-d", seconds, "-w", warm, *_target(port, path, bodies)]
    return _run(program, options, seconds + warm + 60)


def opened(
    program: Path,
    port: int,
    path: str,
    bodies: Path,
    *,
    rate: float,
    seconds: float,
    connections: int = MOST_CONNECTIONS,
    patience: float = CLIENT_S,
    late: int = 0,
) -> dict[str, Any]:
    """Poisson arrivals at a rate, whatever the server does; so many that find no connection wait for one."""
    options = ["-m", "open", "-r", f"{rate:.2f}", "-c", connections, "-t", patience, "-d", seconds, "-q", late]
    return _run(program, [*options, *_target(port, path, bodies)], seconds + patience + 60)
