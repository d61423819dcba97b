"""What all tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is not a fault of the code under test; and a run in CI must mean the same tomorrow.
settings.register_profile(
    "airworthy", deadline=None, derandomize=bool(os.environ.get("CI")), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("airworthy")

# A process of tests loads more native libraries than any of ours does, and glibc keeps room for the thread-local
# storage of few. Only it gets more: what a test starts runs as it does for users.
STATIC_TLS = "glibc.rtld.optional_static_tls=4096"
if os.environ.get("PYTEST_XDIST_WORKER") and os.environ.get("GLIBC_TUNABLES") == STATIC_TLS:
    del os.environ["GLIBC_TUNABLES"]

# A run in the background of a shell inherits Ctrl-C as ignored, and so would every program that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing that a test reads comes from the cache of whoever runs it, nor goes there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Before the processes of tests start, which take this with them."""
    os.environ.setdefault("GLIBC_TUNABLES", STATIC_TLS)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="write what is printed now as what is expected")


FOLDER = Path(__file__).parent
SERVICES = ("server", "faults", "contracts/test_protocols.py", "unit/flows/test_encrypt.py")
"""Tests that share what is slow to start: each file runs in one process, and before everything else."""


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group what shares a service; several processes share the rest one by one."""
    services = tuple(FOLDER / each for each in SERVICES)

    def is_service(item: pytest.Item) -> bool:
        return any(item.path.is_relative_to(each) for each in services)

    for item in items:
        if is_service(item) and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(FOLDER).as_posix()))
    items.sort(key=lambda item: not is_service(item))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how long each fault was felt."""
    reports = [report for each in terminalreporter.stats.values() for report in each]
    lines = [
        value
        for report in reports
        if getattr(report, "when", None) == "teardown"  # whose fixtures have added theirs
        for name, value in report.user_properties
        if name == "fault"
    ]
    if lines:
        terminalreporter.section("faults: back after, longest wait, answers")
        for line in lines:
            terminalreporter.write_line(line)
