"""Logs in which nothing is wrong give nothing."""

from __future__ import annotations

import pytest

from airworthy.recognition import diagnose
from healthy import collected, server


def test_there_are_enough_of_them() -> None:
    assert len(collected()) >= 30


@pytest.mark.parametrize("name", sorted(collected()))
def test_a_healthy_log_gives_nothing(name: str) -> None:
    diagnosis = diagnose(collected()[name])
    assert [(finding.cause, finding.evidence[0].value) for finding in diagnosis.findings] == []
    assert diagnosis.unknown is None


def test_all_of_them_together_give_nothing() -> None:
    diagnosis = diagnose("\n".join(collected().values()))
    assert diagnosis.findings == ()
    assert diagnosis.unknown is None


def test_a_servers_log_gives_nothing() -> None:
    diagnosis = diagnose("\n".join(server()))
    assert diagnosis.findings == ()
    assert diagnosis.unknown is None
