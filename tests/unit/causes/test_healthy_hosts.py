"""Recorded machines on which all is well get no error and no warning; the broken ones get theirs."""

from __future__ import annotations

import pytest

from airworthy.causes.prediction import predict
from airworthy.causes.registry import CAUSES
from airworthy.core.facts import Facts, Known
from airworthy.core.finding import Severity
from airworthy.core.keys import DEVICES, MODEL_PATH, MODEL_SIZE, TARGET_ENDPOINT, Area
from airworthy.core.report import Crashed, Failed
from airworthy.core.values import Endpoint
from airworthy.knowledge import Knowledge
from airworthy.probes.registry import PROBES
from airworthy.probes.runner import gather
from recorded_hosts import NAMES, host

BROKEN = {
    "driver-library-mismatch": {"driver-library-mismatch"},
    "nouveau-without-driver": {"gpu-not-visible"},
    "nvidia-smi-hangs": {"gpu-hardware-fault"},
}
"""Hosts that were recorded for what is wrong with them, and what the catalogue must say."""
BLEMISHES = {
    "laptop-without-gpu": {"package-missing"},
    "rtx4090-driver-550": {"conflicting-package-variants", "package-missing"},
}
"""What is wrong by intent with the environment of a machine that is well itself; some hold a few packages only."""
HEALTHY = tuple(name for name in NAMES if name not in BROKEN)


def facts_of(name: str) -> Facts:
    """The host's facts, with a small model and a free port, so that every cause is asked."""
    gathered = gather(host(name), PROBES, strict=True)
    return gathered.merged(
        {
            MODEL_PATH.name: Known("/models/small", "test"),
            MODEL_SIZE.name: Known(100_000_000, "test"),
            TARGET_ENDPOINT.name: Known(Endpoint(host="127.0.0.1", port=8000, state="free"), "test"),
        }
    )


def severe(name: str) -> set[str]:
    """The slugs of warnings and errors on a host; none may crash."""
    results = predict(facts_of(name), CAUSES, Knowledge(), areas=tuple(Area))
    assert not [each for each in results if isinstance(each, Crashed)]
    found = [finding for each in results if isinstance(each, Failed) for finding in each.findings]
    assert all(finding.remedies for finding in found)
    return {finding.cause for finding in found if finding.severity.rank >= Severity.WARNING.rank}


MAKERS = ("nvidia", "amd", "ascend", "cambricon", "mthreads", "hygon", "intel")
"""Makers of which a healthy host must be among the recorded ones."""


def test_most_recorded_hosts_are_healthy_and_of_many_makers() -> None:
    assert set(BROKEN) <= set(NAMES)
    assert len([name for name in HEALTHY if name not in BLEMISHES]) >= 20
    seen = {name for host_name in HEALTHY for name in makers(host_name)}
    print("\n".join(f"{name:26} {', '.join(makers(name)) or 'no accelerator':16} nothing found" for name in HEALTHY))
    assert seen >= set(MAKERS)


def makers(name: str) -> tuple[str, ...]:
    """The makers whose devices a recorded host has."""
    found = facts_of(name)
    return tuple(key.name.partition(".")[0] for key in DEVICES if found.get_value(key, ()))


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_host_gets_no_warning(name: str) -> None:
    assert severe(name) - BLEMISHES.get(name, set()) == set()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_host_gets_its_own(name: str) -> None:
    facts = facts_of(name)
    results = predict(facts, CAUSES, Knowledge(), areas=tuple(Area))
    told = {each.check for each in results if isinstance(each, Failed)}
    assert BROKEN[name] <= told
    assert severe(name) <= BROKEN[name]
