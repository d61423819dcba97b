"""The table of servers: what `peers.toml` holds, read and checked."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serving.protocols import PROTOCOLS, Protocol

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent
MODELS = ("digits", "minilm")
CLIENTS = (1, 8, 32, 128)


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Server:
    """One row of the comparison."""

    name: str
    kind: str
    """`ours`, `peer` or `limit`."""
    environment: str
    """The virtual environment; empty for the interpreter that runs the benchmark."""
    command: list[str]
    protocol: str
    note: str
    env: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Variables by model; `all` holds those of both."""
    models: tuple[str, ...] = MODELS
    clients: Mapping[str, list[int]] = field(default_factory=dict)
    """Numbers of clients by model, where they are not those of the run."""
    by_name: bool = False
    """Whether it is only measured when it is named."""
    overload: bool = True
    stop_s: float = 8.0
    """Seconds that it gets to end after SIGTERM."""

    def asked(self, model: str) -> Protocol:
        """How it is asked about a model."""
        return PROTOCOLS[self.protocol][model]

    def settings(self, model: str) -> dict[str, str]:
        """The variables that shape its work, for the report; paths are left out."""
        merged = {**self.env.get("all", {}), **self.env.get(model, {})}
        return {name: value.format(cores=cores()) for name, value in merged.items() if "/" not in value}


@dataclass(frozen=True)
class Table:
    """All of `peers.toml`."""

    common: list[str]
    environments: dict[str, list[str]]
    export: dict[str, str]
    servers: list[Server]

    def pins(self, environment: str) -> list[str]:
        """What is installed into one environment."""
        return [*self.common, *self.environments[environment]]


def read(path: Path = HERE / "peers.toml") -> Table:
    """Read the table.

    Raises:
        ValueError: a row names what there isn't.
    """
    document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    servers = []
    for row in document["server"]:
        server = Server(**{**row, "models": tuple(row.get("models", MODELS))})
        if server.protocol not in PROTOCOLS:
            raise ValueError(f"{path.name}: {server.name}: no protocol {server.protocol!r}")
        if server.environment and server.environment not in document["environments"]:
            raise ValueError(f"{path.name}: {server.name}: no environment {server.environment!r}")
        servers.append(server)
    for pin in (pin for pins in (document["common"], *document["environments"].values()) for pin in pins):
        if not re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[0-9][A-Za-z0-9.]*", pin):
            raise ValueError(f"{path.name}: {pin!r} is not pinned to one release")
    return Table(document["common"], document["environments"], document["export"], servers)
