"""What a log is taken for, and how facts change that."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from airworthy.causes.interface import Signature
from airworthy.core.facts import Facts, Known, Unknown
from airworthy.core.finding import Confidence, Severity
from airworthy.core.values import Disk, FrameworkBuild, LfsPointer
from airworthy.core.version import Version
from airworthy.recognition import Diagnosis, diagnose

DRIVER = "RuntimeError: CUDA driver version is insufficient for CUDA runtime version"
POINTER = "SafetensorError: Error while deserializing header: HeaderTooLarge"


def slugs(text: str, facts: Facts | None = None) -> list[str]:
    return [finding.cause for finding in diagnose(text, facts).findings]


def test_nothing_recognised() -> None:
    assert diagnose("") == Diagnosis()
    assert diagnose("all is well\n" * 100) == Diagnosis()


def test_evidence_is_the_line_with_its_number() -> None:
    finding = diagnose(f"one\ntwo\n   {DRIVER}\n").findings[0]
    assert finding.evidence[0].line == 3
    assert finding.evidence[0].value == DRIVER
    assert finding.confidence is Confidence.HIGH


def test_colours_and_carriage_returns_do_not_hide_it() -> None:
    assert slugs("\x1b[31mOSError: [Errno 28] No \x1b[1mspace left\x1b[0m on device\x1b[0m\r\n") == ["disk-full"]


def test_named_groups_become_parameters() -> None:
    for address in ("('::', 2242, 0, 0)", "('127.0.0.1', 2242)"):
        text = f"[Errno 98] error while attempting to bind on address {address}: address already in use"
        finding = diagnose(text).findings[0]
        assert finding.params == {"port": "2242"}
        assert finding.message == "port 2242 is already in use"


def test_the_root_of_a_chain_comes_first() -> None:
    text = f"""Traceback (most recent call last):
  File "a.py", line 1, in f
OSError: [Errno 28] No space left on device

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "b.py", line 1, in g
{DRIVER}
"""
    assert slugs(text) == ["disk-full", "driver-too-old"]
    swapped = text.replace(DRIVER, "X").replace("OSError: [Errno 28] No space left on device", DRIVER)
    assert slugs(swapped.replace("\nX\n", "\nOSError: [Errno 28] No space left on device\n")) == [
        "driver-too-old",
        "disk-full",
    ]


def test_a_new_traceback_is_a_new_chain() -> None:
    text = f"""Traceback (most recent call last):
ValueError: a
The above exception was the direct cause of the following exception:
Traceback (most recent call last):
ValueError: b
Traceback (most recent call last):
{DRIVER}
"""
    assert slugs(text) == ["driver-too-old"]


def test_facts_confirm() -> None:
    build = FrameworkBuild(name="torch", version=Version("2.5.1"), accelerator="cuda", runtime=Version("12.4"))
    facts = Facts({"nvidia.driver": Known(Version("470.1"), "nvidia-smi"), "frameworks": Known((build,), "version.py")})
    finding = diagnose(DRIVER, facts).findings[0]
    assert finding.params["required"] == "525.60.13"
    assert finding.severity is Severity.ERROR
    assert [bool(each.fact) for each in finding.evidence][:2] == [False, True]


def test_facts_decide_between_two_readings() -> None:
    assert slugs(POINTER) == ["lfs-pointer", "file-corrupt"]
    whole = Facts({"model.lfs_pointers": Known((), "files"), "model.path": Known("/m", "argument")})
    assert slugs(POINTER, whole) == ["file-corrupt", "lfs-pointer"]
    pointers = (LfsPointer(path="m.safetensors", oid="a", size=3),)
    assert slugs(POINTER, Facts({"model.lfs_pointers": Known(pointers, "files")}))[0] == "lfs-pointer"


def test_facts_against_it_lower_the_confidence() -> None:
    room = (Disk(use="work", path="/", total=10**12, free=10**11),)
    diagnosis = diagnose("No space left on device", Facts({"disks": Known(room, "statvfs")}))
    assert diagnosis.findings[0].confidence is Confidence.LOW


def test_what_facts_cannot_decide_is_told() -> None:
    diagnosis = diagnose(DRIVER, Facts({"nvidia.driver": Unknown("no nvidia-smi")}))
    assert diagnosis.findings[0].cause == "driver-too-old"
    assert "no nvidia-smi" in diagnosis.undecided[0].reason  # type: ignore[union-attr]


def test_window_around_the_literal() -> None:
    signature = Signature("needle", r"needle (?P<n>\d+)")
    assert signature.match("x" * 100_000 + "needle 7" + "y" * 100_000) == {"n": "7"}
    assert signature.match("needle x needle 8") == {"n": "8"}
    assert signature.match("needle") is None


def test_a_large_log_is_quick() -> None:
    text = "INFO 2026-11-20 request served in 12 ms by worker 3\n" * 200_000 + DRIVER
    began = time.perf_counter()
    assert slugs(text) == ["driver-too-old"]
    assert time.perf_counter() - began < 5


@given(st.text(max_size=400))
def test_any_text_has_a_diagnosis(text: str) -> None:
    assert isinstance(diagnose(text), Diagnosis)
    assert diagnose(text + "\n" + DRIVER).findings
