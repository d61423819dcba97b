"""What every probe keeps to, on every recorded host and on an empty one."""

from __future__ import annotations

import time

import pytest

from airworthy.core.facts import Absent, Known, Unknown, dump, load, to_json
from airworthy.core.keys import Area
from airworthy.core.redact import redact
from airworthy.probes.registry import PROBES
from airworthy.probes.runner import gather
from airworthy.probes.seam.fake import FakeHost
from airworthy.probes.seam.host import HostError
from recorded_hosts import NAMES, host

HOSTS = {name: host(name) for name in NAMES} | {"empty": FakeHost()}


@pytest.mark.parametrize("name", PROBES.names())
@pytest.mark.parametrize("machine", HOSTS)
def test_probe_keeps_its_promises(name: str, machine: str) -> None:
    probe = PROBES.get(name)
    start = time.monotonic()
    facts = gather(HOSTS[machine], [probe], strict=True)
    assert time.monotonic() - start < 2
    assert set(facts) == {key.name for key in probe.provides}
    for fact in facts.values():
        reason = fact.reason if isinstance(fact, Unknown) else fact.source
        assert reason
        assert "\n" not in reason
    assert to_json(load(dump(facts))) == to_json(facts)


@pytest.mark.parametrize("name", PROBES.names())
def test_probe_is_described(name: str) -> None:
    probe = PROBES.get(name)
    assert probe.name == name
    assert probe.provides
    assert all(key.area in {Area.HOST, Area.ENVIRONMENT} for key in probe.provides)


def test_no_fact_has_two_probes_and_each_has_one() -> None:
    from airworthy.core.keys import KEYS

    provided = [key.name for probe in PROBES for key in probe.provides]
    assert len(provided) == len(set(provided))
    assert set(provided) == {key.name for key in KEYS.values() if key.area in {Area.HOST, Area.ENVIRONMENT}}


class Refusing(FakeHost):
    """A host on which every question fails."""

    def _refuse(self, *_args: object, **_named: object) -> None:
        raise HostError("permission denied")

    run = read = list = resolve = space = affinity = libc = interpreter = nvml = _refuse  # type: ignore[assignment]


@pytest.mark.parametrize("name", PROBES.names())
def test_probe_survives_a_host_that_refuses(name: str) -> None:
    facts = gather(Refusing(), [PROBES.get(name)], strict=True)
    assert any(isinstance(fact, (Unknown, Absent, Known)) for fact in facts.values())
    told = [fact for fact in facts.values() if isinstance(fact, Known)]
    assert len(told) <= 1, "only what uname tells can be known"


@pytest.mark.parametrize("name", NAMES)
def test_recorded_host_round_trips_and_redacts(name: str) -> None:
    machine = HOSTS[name]
    assert FakeHost.from_json(machine.to_json()).to_json() == machine.to_json()
    facts = gather(machine, PROBES, strict=True)
    shared = dump(redact(facts, names=("dana",))).decode()
    assert "dana" not in shared
    assert "GPU-" not in shared
