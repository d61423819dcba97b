"""What the service logs: refusals once a second, and nothing that a stalled reader could hold up."""

from __future__ import annotations

import asyncio
import io
import logging
import threading

import pytest

from airworthy.serve.metrics import log_stream, refusal_log
from airworthy.serve.metrics.log_stream import LOGGER, LogStream, log_to_stderr
from airworthy.serve.metrics.refusal_log import RefusalLog


def test_refusals_are_one_line_an_interval_with_a_count(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    timers: list[tuple[object, str]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "call_later", lambda seconds, call, reason: timers.append((call, reason)))
        log = RefusalLog("m", "1")
        for number in range(1000):
            log.add("overloaded", f"r{number}")
        log.add("deadline-exceeded")
        assert len(caplog.records) == 2
        while timers:
            call, reason = timers.pop(0)
            call(reason)  # type: ignore[operator]
        log.add("overloaded")

    with caplog.at_level(logging.INFO, LOGGER):
        asyncio.run(main())
    common = "event=request_refused model=m version=1 reason="
    assert [record.getMessage() for record in caplog.records] == [
        f"{common}overloaded count=1 request_id=r0",
        f"{common}deadline-exceeded count=1",
        f"{common}overloaded count=999 request_id=r999",
        f"{common}overloaded count=1",
    ]
    assert refusal_log.INTERVAL_S == 1.0


class Stuck(io.StringIO):
    """A stream whose reader reads nothing until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = threading.Event()
        self.entered = threading.Event()

    def write(self, text: str) -> int:
        self.entered.set()
        self.goes_on.wait(10)
        return super().write(text)


def test_a_reader_that_stalls_costs_lines_and_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_stream, "MAX_WAITING_LINES", 3)
    stream = Stuck()
    handler = LogStream(stream)
    record = logging.LogRecord("x", logging.INFO, "", 0, "event=e", None, None)
    handler.emit(record)
    assert stream.entered.wait(10)
    for _ in range(10):
        handler.emit(record)
    stream.goes_on.set()
    handler.close()
    lines = stream.getvalue().splitlines()
    assert sum(line.endswith("INFO event=e") for line in lines) == 4
    assert [line for line in lines if "dropped" in line] == ["event=log_lines_dropped count=7"]


def test_a_caller_with_handlers_of_its_own_keeps_them() -> None:
    logger, own = logging.getLogger(LOGGER), logging.NullHandler()
    logger.addHandler(own)
    try:
        with log_to_stderr():
            assert logger.handlers == [own]
    finally:
        logger.removeHandler(own)


def test_lines_go_to_standard_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger(LOGGER)
    monkeypatch.setattr(logger, "hasHandlers", lambda: False)
    with log_to_stderr():
        logger.info("event=%s", "e")
        logger.debug("event=not")
    assert capsys.readouterr().err.endswith(" INFO event=e\n")
    assert not logger.handlers
