"""Gathering: limits, failures, faults."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from airworthy.core.facts import Known, Unknown
from airworthy.core.keys import CPU_CORES, CPU_MODEL, MEMORY_TOTAL
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.runner import ProbeBug, gather
from airworthy.probes.seam.fake import FakeHost
from airworthy.probes.seam.host import Host, HostError
from airworthy.probes.seam.sharing import shared, sharing


def well(_host: Host) -> Reading:
    yield MEMORY_TOTAL, Known(1, "test")


def half(_host: Host) -> Reading:
    yield CPU_CORES, Known(2, "test")
    raise HostError("the rest\nis refused")


def wrong(_host: Host) -> Reading:
    yield CPU_CORES, Known(2, "test")
    raise ZeroDivisionError("oops")


def silent(_host: Host) -> Reading:
    yield from ()


def undeclared(_host: Host) -> Reading:
    yield CPU_CORES, Known(2, "test")
    yield MEMORY_TOTAL, Known(7, "test")


WELL = Probe("well", (MEMORY_TOTAL,), well)


def probe(read: object) -> Probe:
    return Probe("cpu", (CPU_CORES, CPU_MODEL), read)  # type: ignore[arg-type]


def test_failing_probe_keeps_what_it_read_and_leaves_the_others_alone() -> None:
    facts = gather(FakeHost(), [probe(half), WELL])
    assert facts.value(CPU_CORES) == 2
    assert facts.fact(CPU_MODEL) == Unknown("the rest is refused")
    assert facts.value(MEMORY_TOTAL) == 1


def test_fault_of_a_probe_is_unknown_for_users_and_raised_in_tests() -> None:
    fact = gather(FakeHost(), [probe(wrong)]).fact(CPU_MODEL)
    assert fact == Unknown("the probe cpu failed: ZeroDivisionError: oops")
    with pytest.raises(ProbeBug, match="ZeroDivisionError"):
        gather(FakeHost(), [probe(wrong)], strict=True)


def test_unread_fact_is_unknown() -> None:
    assert gather(FakeHost(), [probe(silent)]).fact(CPU_CORES) == Unknown("the probe cpu did not say")


def test_undeclared_fact_is_dropped_for_users_and_raised_in_tests() -> None:
    assert MEMORY_TOTAL.name not in gather(FakeHost(), [probe(undeclared)])
    with pytest.raises(ProbeBug, match=r"memory\.total"):
        gather(FakeHost(), [probe(undeclared)], strict=True)


def test_slow_probe_loses_only_its_own_facts() -> None:
    release = threading.Event()

    def slow(_host: Host) -> Reading:
        yield CPU_CORES, Known(2, "test")
        release.wait(10)
        yield CPU_MODEL, Known("late", "test")

    start = time.monotonic()
    facts = gather(FakeHost(), [probe(slow), WELL], time_limit=0.1)
    release.set()
    assert time.monotonic() - start < 2
    assert facts.value(CPU_CORES) == 2
    assert facts.fact(CPU_MODEL) == Unknown("reading it took longer than 100 ms")
    assert facts.value(MEMORY_TOTAL) == 1


def test_progress_is_told() -> None:
    class Listener:
        def __init__(self) -> None:
            self.done: list[tuple[int, int | None]] = []

        def stage(self, text: str) -> None:
            assert text == "reading the host"

        def advance(self, done: int, total: int | None = None) -> None:
            self.done.append((done, total))

    listener = Listener()
    gather(FakeHost(), [probe(silent), WELL], progress=listener)
    assert listener.done == [(1, 2), (2, 2)]


def test_hung_probe_does_not_keep_the_process() -> None:
    program = """
import time
from airworthy.core.keys import CPU_CORES
from airworthy.probes.seam.fake import FakeHost
from airworthy.probes.interface import Probe
from airworthy.probes.runner import gather
def hang(host):
    time.sleep(60)
    yield
print(gather(FakeHost(), [Probe("p", (CPU_CORES,), hang)], time_limit=0.05).fact(CPU_CORES).reason)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "reading it took longer than 50 ms\n"


def test_shared_work_is_done_once_a_gathering_and_anew_after() -> None:
    host, calls = FakeHost(), []

    def make(_host: Host) -> int:
        calls.append(1)
        time.sleep(0.01)
        return len(calls)

    with sharing(host):
        results: list[int] = []
        threads = [threading.Thread(target=lambda: results.append(shared(host, make))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [1, 1, 1, 1]
    assert shared(host, make) == 2


def test_shared_failure_reaches_every_asker() -> None:
    host, calls = FakeHost(), []

    def make(_host: Host) -> int:
        calls.append(1)
        raise HostError("no")

    with sharing(host):
        for _ in range(2):
            with pytest.raises(HostError, match="no"):
                shared(host, make)
    assert len(calls) == 1
