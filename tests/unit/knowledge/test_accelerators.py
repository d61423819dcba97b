"""Tables of ROCm and Ascend: the known answers, and whatever text is asked about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.version import Version
from airworthy.knowledge import Knowledge

KNOWN = Knowledge()


@pytest.mark.parametrize(
    ("rocm", "has", "lacks"),
    [
        ("4.0.1", "gfx906", "gfx803"),
        ("5.4.2", "gfx1030", "gfx1100"),
        ("6.2", "gfx942", "gfx1201"),
        ("7.1", "gfx1151", "gfx1031"),
    ],
)
def test_device_code_of_wheels(rocm: str, has: str, lacks: str) -> None:
    code = KNOWN.rocm_architectures(Version(rocm)).value
    assert has in code
    assert lacks not in code


def test_wheels_before_the_table_are_not_known() -> None:
    assert KNOWN.rocm_architectures(Version("3.7")).value is None


@pytest.mark.parametrize(
    ("code", "device", "runs"),
    [
        ("gfx90a:xnack-", "gfx90a:sramecc+:xnack-", True),
        ("gfx1030", "gfx1031", False),
        ("gfx10-3-generic", "gfx1031", True),
        ("gfx11-generic", "gfx1201", False),
    ],
)
def test_what_runs_on_what(code: str, device: str, runs: bool) -> None:
    assert KNOWN.rocm_runs_on(code, device) is runs


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ("10.3.0", "gfx1030"),
        ("9.0.10", "gfx90a"),
        ("11.0.2", "gfx1102"),
        ("10.3", None),
        ("", None),
        ("gfx1030", None),
        ("1.2.-3", None),
        ("٣.٣.٣", None),
    ],
)
def test_override_as_a_target(value: str, target: str | None) -> None:
    assert KNOWN.rocm_overridden(value) == target


@given(st.text(max_size=30))
def test_any_override_is_a_target_or_none(value: str) -> None:
    target = KNOWN.rocm_overridden(value)
    assert target is None or target.startswith("gfx")


def test_sibling_of_a_target() -> None:
    sibling = KNOWN.rocm_override("gfx1032")
    assert sibling is not None
    assert (sibling.runs, sibling.value) == ("gfx1030", "10.3.0")
    assert KNOWN.rocm_overridden(sibling.value) == sibling.runs
    assert KNOWN.rocm_override("gfx906") is None


@pytest.mark.parametrize(
    ("torch_npu", "cann"),
    [("2.7.1", "8.3.RC1"), ("2.7.1.post4", "9.0.0"), ("2.1.0.post17+gitb2e0", "8.3.RC1"), ("2.5.1.dev20250218", None)],
)
def test_cann_of_a_torch_npu(torch_npu: str, cann: str | None) -> None:
    found = [pair.cann.text for pair in KNOWN.ascend_pairs(Version(torch_npu))]
    assert found == ([] if cann is None else [cann])


def test_every_override_leads_to_code_that_some_wheel_has() -> None:
    newest = KNOWN.rocm_architectures(Version("99")).value
    for target in ("gfx1031", "gfx1036", "gfx1103"):
        sibling = KNOWN.rocm_override(target)
        assert sibling is not None
        assert sibling.runs in newest
