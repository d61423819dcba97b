"""Which version is served: one change at a time, decided on what was read, ended once."""

from __future__ import annotations

import os
import threading
import warnings
from pathlib import Path

import msgspec
import pytest

from airworthy.core.settings.release import ReleaseSettings
from airworthy.state.releases import rollouts, services
from airworthy.state.releases.errors import (
    NothingToRollBack,
    NothingUnderWay,
    PolicyRefused,
    ReleaseBusy,
    ReleaseMoved,
    UnknownRelease,
)
from airworthy.state.releases.manifest import GateResult, ScanResult, SignatureResult
from airworthy.state.releases.policy import check_policy, shortfalls
from airworthy.state.releases.rollouts import RolloutOptions
from airworthy.state.releases.table import Releases
from unit.state.releases.test_store import add, draft, folder, in_a_child

PLAIN = RolloutOptions()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    releases = Releases(tmp_path / "state")
    for number in range(3):
        add(releases, "m", folder(tmp_path / f"m{number}", a=str(number).encode()))
    return releases.directory


def promote(directory: Path, version: int, principal: str = "ann") -> None:
    begun = rollouts.begin(directory, "m", "promote", version, PLAIN, principal)
    assert rollouts.switch(directory, begun.id, {}) is not None


def test_promote_and_roll_back(directory: Path) -> None:
    releases = Releases(directory)
    assert releases.deployment("m") is None
    assert releases.find("m").version == 3
    with pytest.raises(NothingToRollBack):
        rollouts.begin(directory, "m", "rollback", 0, PLAIN, "ann")
    promote(directory, 1)
    promote(directory, 2)
    found = releases.deployment("m")
    assert found is not None
    assert (found.active, found.previous, found.generation) == (2, 1, 2)
    assert releases.find("m").version == 2
    promote(directory, 2)  # the same again: a roll-back still finds what was before
    begun = rollouts.begin(directory, "m", "rollback", 0, PLAIN, "ann")
    assert begun.version == 1
    rollouts.switch(directory, begun.id, {})
    found = releases.deployment("m")
    assert found is not None
    assert (found.active, found.previous) == (1, 2)
    assert [each.state for each in rollouts.history(directory, "m")] == ["serving"] * 4


def test_the_second_of_two_administrators_is_refused_by_name(directory: Path) -> None:
    refused: list[ReleaseBusy] = []
    begun: list[int] = []
    ready = threading.Barrier(4)

    def decide(principal: str) -> None:
        ready.wait()
        try:
            begun.append(rollouts.begin(directory, "m", "promote", 2, PLAIN, principal).id)
        except ReleaseBusy as error:
            refused.append(error)

    threads = [threading.Thread(target=decide, args=(f"user{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(begun) == 1
    assert len(refused) == 3
    winner = rollouts.read(directory, begun[0]).principal
    assert all(f"{winner} began to promote m@2" in error.text for error in refused)


def test_a_decision_on_what_has_changed_since_is_refused(directory: Path) -> None:
    promote(directory, 1, "ann")
    promote(directory, 2, "ben")
    with pytest.raises(ReleaseMoved, match="m serves version 2 now; ben changed it"):
        rollouts.begin(directory, "m", "promote", 3, RolloutOptions(generation=1), "ann")
    rollouts.begin(directory, "m", "promote", 3, RolloutOptions(generation=2), "ann")


def test_an_aborted_rollout_changes_nothing(directory: Path) -> None:
    promote(directory, 1)
    begun = rollouts.begin(directory, "m", "canary", 2, RolloutOptions(share=0.05), "ann")
    assert rollouts.claim(directory, begun.id, "one")
    assert not rollouts.claim(directory, begun.id, "two")
    assert rollouts.progress(directory, begun.id, "observing", {"answers": 3})
    assert rollouts.abort(directory, "m", "ben").state == "aborted"
    assert rollouts.switch(directory, begun.id, {}) is None
    assert not rollouts.progress(directory, begun.id, "observing", {})
    assert not rollouts.end(directory, begun.id, "failed", {})
    found = Releases(directory).deployment("m")
    assert found is not None
    assert found.active == 1
    with pytest.raises(NothingUnderWay):
        rollouts.abort(directory, "m", "ben")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_service_that_was_killed_is_none(directory: Path) -> None:
    read, write = os.pipe()

    def serve() -> None:
        announcing = services.announced(directory, "http://127.0.0.1:1", ["m"])
        os.write(write, announcing.__enter__().encode() + b"\n")
        os._exit(9)

    with services.announced(directory, "http://127.0.0.1:2", ["m", "n"]) as own:
        assert in_a_child(serve) == 9
        killed = os.read(read, 100).decode().strip()
        assert (directory / services.FOLDER / f"{killed}.json").exists()
        assert [each.id for each in services.running(directory, "m")] == [own]
        assert services.running(directory, "other") == []
        assert not (directory / services.FOLDER / f"{killed}.json").exists()
    assert services.running(directory) == []
    os.close(read)
    os.close(write)


def test_the_policy_is_met_by_what_is_known_alone() -> None:
    everything = ReleaseSettings(require=("scanned", "signed", "gated", "licence"), licences=("MIT",))
    manifest = draft("m", ())
    for scan in ("failed", "unknown"):
        lacking = shortfalls(msgspec.structs.replace(manifest, scan=ScanResult(scan)), ReleaseSettings())
        assert set(lacking) == {"scanned"}
    assert set(shortfalls(manifest, everything)) == {"signed", "gated", "licence"}
    with pytest.raises(PolicyRefused, match="its quality gate: none") as caught:
        check_policy(manifest, everything, excepted=("signed", "licence"))
    assert "--gate REPORT" in caught.value.way_out
    assert check_policy(manifest, everything, ("signed", "gated", "licence")) == ("signed", "gated", "licence")
    good = msgspec.structs.replace(
        manifest, signature=SignatureResult("valid"), gate=GateResult("passed"), licence="mit"
    )
    assert shortfalls(good, everything) == {}
    assert "licence" in shortfalls(msgspec.structs.replace(good, licence="gpl"), everything)
    for verdict in ("unknown", "failed"):
        assert "gated" in shortfalls(msgspec.structs.replace(good, gate=GateResult(verdict)), everything)


def test_aliases(directory: Path) -> None:
    releases = Releases(directory)
    releases.set_alias("m", "champion", 1, "ann")
    releases.set_alias("m", "champion", 2, "ann")
    assert releases.find("m@champion").version == 2
    assert releases.remove_old(1) == ["m@1"]  # what has an alias stays
    with pytest.raises(UnknownRelease, match="m@1"):
        releases.set_alias("m", "old", 1, "ann")
    releases.set_alias("m", "champion", None, "ann")
    with pytest.raises(UnknownRelease, match="m@champion"):
        releases.find("m@champion")
    with pytest.raises(UnknownRelease):
        releases.set_alias("m", "champion", None, "ann")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_500_promotions_that_are_killed_serve_one_of_the_two(directory: Path) -> None:
    """Each promotion is killed at a random moment; what is served is one of the two, and a later one can begin."""
    import random
    import signal
    import time

    draw = random.Random(5)
    promote(directory, 1)
    releases, killed = Releases(directory), 0
    for number in range(500):
        target = 1 + number % 2
        before = releases.deployment("m")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            promote(directory, target)
            os._exit(0)
        time.sleep(draw.random() * 0.012)
        os.kill(child, signal.SIGKILL)
        killed += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
        after = releases.deployment("m")
        assert after is not None
        assert before is not None
        assert after.active in (before.active, target)
        under_way = rollouts.under_way(directory, "m")
        if under_way is not None:
            assert rollouts.abort(directory, "m", "test").id == under_way.id
    assert killed > 100
