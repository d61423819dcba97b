"""Clients that ask through a fault and check every answer, and the table of how long each fault was felt."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

import models
from server.running import Running

HERE = Path(__file__).parent
CLIENTS = 8
GIVE_UP = 40.0
"""Seconds after which a request without an answer counts as lost."""


@dataclass(frozen=True)
class Felt:
    """What clients felt of a fault."""

    fault: str
    """What was done."""
    back: float
    """Seconds from the fault to the first right answer to a request that was sent after it."""
    slowest: float
    """Seconds of the longest wait for any answer."""
    statuses: Counter[int] = field(default_factory=Counter)
    """Answers by status, from the first to the last."""


TABLE: list[Felt] = []
"""What was felt in the test that runs."""
FAULT_PROPERTY = "fault"
"""The property of a test's report that has a line of the summary."""


class Crowd:
    """Clients on kept connections, each asking for rows of its own without pause."""

    def __init__(self, service: Running, clients: int = CLIENTS, model: str = "linear") -> None:
        host, _, port = service.url.removeprefix("http://").partition(":")
        self._host, self._port, self._clients, self._model = host, int(port), clients, model
        self._stop = False
        self._mark = float("inf")
        self.statuses: Counter[int] = Counter()
        self.problems: list[str] = []
        self.slowest = 0.0
        self.back: float | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()), daemon=True)
        self._thread.start()
        end = time.monotonic() + 20
        while self.statuses[200] < 20:
            assert time.monotonic() < end, f"no answers before the fault: {self.statuses} {self.problems}"
            time.sleep(0.01)

    def mark(self) -> None:
        """The fault begins now."""
        self.back, self._mark = None, time.monotonic()

    def wait_until_back(self, seconds: float = 30.0) -> None:
        """Wait for the first right answer to a request that was sent after the fault."""
        end = time.monotonic() + seconds
        while self.back is None:
            assert time.monotonic() < end, f"not back after {seconds} s: {self.statuses} {self.problems}"
            time.sleep(0.005)

    def end(self, fault: str) -> Felt:
        """Ask no more; every request has an answer, every answer is right, every refusal says when to come back."""
        time.sleep(0.3)
        self._stop = True
        self._thread.join(GIVE_UP + 5)
        assert not self._thread.is_alive(), "a request hangs"
        assert not self.problems, self.problems[:5]
        felt = Felt(fault, self.back or 0.0, self.slowest, self.statuses)
        TABLE.append(felt)
        return felt

    async def _all(self) -> None:
        await asyncio.gather(*(self._one(number) for number in range(self._clients)))

    async def _one(self, number: int) -> None:
        asked = 0
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            while not self._stop:
                asked += 1
                began = time.monotonic()
                values = [float(number), float(asked % 1000)]
                try:
                    await asyncio.wait_for(self._ask(reader, writer, values, began), GIVE_UP)
                except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, ValueError) as error:
                    self.problems.append(f"lost after {time.monotonic() - began:.2f} s: {error!r}")
                    return
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, values: list[float], began: float
    ) -> None:
        tensor = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": values}
        body = msgspec.json.encode({"inputs": [tensor]})
        path = f"/v2/models/{self._model}/infer"
        writer.write(f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        content = await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))
        ended = time.monotonic()
        status = int(head[9:12])
        self.statuses[status] += 1
        self.slowest = max(self.slowest, ended - began)
        if status == 200:
            data = msgspec.json.decode(content)["outputs"][0]["data"]
            wanted = (np.array(values, np.float32) @ models.LINEAR_WEIGHT + models.LINEAR_BIAS).ravel()
            if not np.allclose(data, wanted, rtol=1e-5, atol=1e-5):
                self.problems.append(f"a wrong answer to {values}: {data}")
            if self.back is None and began >= self._mark:
                self.back = ended - self._mark
        elif status not in (503, 504):
            self.problems.append(f"status {status}: {content[:200]!r}")
        elif status == 503:
            if b"retry-after:" not in head:
                self.problems.append(f"a 503 that does not say when to come back: {content[:200]!r}")
            await asyncio.sleep(0.02)


class Faults:
    """A service whose worker suffers what it is told to."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @property
    def environment(self) -> dict[str, str]:
        """What the service must be started with."""
        import os

        path = os.pathsep.join(filter(None, (str(HERE / "worker_faults"), os.environ.get("PYTHONPATH", ""))))
        return {"FAULT_FILE": str(self._file), "PYTHONPATH": path}

    def cause(self, name: str) -> None:
        """Let the next run suffer a fault, and wait until it does."""
        ready = self._file.with_suffix(".new")
        ready.write_text(name)
        ready.rename(self._file)
        end = time.monotonic() + 10
        while self._file.exists():
            assert time.monotonic() < end, "no run came"
            time.sleep(0.002)


def summary() -> list[str]:
    """The table, a line for each fault."""
    lines = []
    for felt in TABLE:
        counts = ", ".join(f"{count} of {status}" for status, count in sorted(felt.statuses.items()))
        lines.append(f"{felt.fault:<34} {felt.back:>7.2f} s {felt.slowest:>7.2f} s  {counts}")
    return lines
