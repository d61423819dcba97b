"""Root, not surface: what comes first, and why the rest does not."""

from __future__ import annotations

import pytest

from airworthy.causes.catalogue import Catalogue
from airworthy.causes.causality import BRINGS_ABOUT, SURFACES, brings_about
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts, Known
from airworthy.core.finding import Severity, Standing
from airworthy.core.keys import DISKS
from airworthy.core.values import Disk
from airworthy.recognition import Diagnosis, diagnose
from catalogue import agreed_slugs


def entry(slug: str, *literals: str, weight: float = 1.0) -> Cause:
    return Cause(
        slug=slug,
        severity=Severity.ERROR,
        message="",
        signatures=tuple(Signature(literal, weight=weight) for literal in literals),
    )


WORLD = (
    entry("gpu-oom", "out of memory"),
    entry("collective-failed", "NCCL error"),
    entry("worker-died", "worker died", weight=0.9),
    entry("cause-not-in-log", "See root cause above", weight=0.5),
    entry("file-corrupt", "bad zip"),
    entry("disk-full", "No space left"),
    entry("port-in-use", "in use"),
)
TRACE = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\n'
HANDLING = "\nDuring handling of the above exception, another exception occurred:\n\n"


def seen(text: str) -> Diagnosis:
    return diagnose(text, catalogue=Catalogue.of(WORLD))


def order(text: str) -> list[str]:
    return [finding.cause for finding in seen(text).findings]


def test_causality_beats_position() -> None:
    text = "RuntimeError: NCCL error\nRuntimeError: out of memory\n"
    assert order(text) == ["gpu-oom", "collective-failed"]
    assert "`gpu-oom` brings it about, at line 2" in seen(text).findings[1].passed_over


def test_a_chain_of_consequences() -> None:
    text = "x: worker died\nRuntimeError: See root cause above\nNCCL error\nbad zip\nOSError: No space left\n"
    assert order(text)[0] == "disk-full"
    assert order(text)[-1] == "cause-not-in-log"


def test_a_wrapper_alone_is_told() -> None:
    assert order("RuntimeError: Engine core initialization failed. See root cause above.") == ["cause-not-in-log"]


def test_the_root_says_nothing_and_each_other_says_why() -> None:
    findings = seen("OSError: No space left\nValueError: bad zip\nin use\n").findings
    assert findings[0].passed_over == ""
    assert all(finding.passed_over for finding in findings[1:])


def test_of_equals_the_first_wins() -> None:
    assert order("bad zip\nin use\n") == ["file-corrupt", "port-in-use"]
    assert order("in use\nbad zip\n") == ["port-in-use", "file-corrupt"]
    assert "it comes after line 1" in seen("in use\nbad zip\n").findings[1].passed_over


def test_a_warning_comes_behind_an_error() -> None:
    text = "WARNING 11-20 09:00:00 [a.py:1] in use\nERROR 11-20 09:00:01 [a.py:2] bad zip\n"
    assert order(text) == ["file-corrupt", "port-in-use"]
    assert "warning" in seen(text).findings[1].passed_over


def test_interleaved_ranks_keep_their_own_chains() -> None:
    rows = [
        "[rank0]: Traceback (most recent call last):",
        "[rank1]: Traceback (most recent call last):",
        '[rank0]:   File "a.py", line 1, in f',
        '[rank1]:   File "b.py", line 2, in g',
        "[rank1]: OSError: bad zip",
        "[rank1]: ",
        "[rank0]: OSError: in use",
        "[rank1]: During handling of the above exception, another exception occurred:",
        "[rank1]: ",
        "[rank1]: Traceback (most recent call last):",
        '[rank1]:   File "b.py", line 9, in g',
        "[rank1]: RuntimeError: out of memory",
    ]
    findings = seen("\n".join(rows)).findings
    assert [finding.cause for finding in findings] == ["file-corrupt", "port-in-use", "gpu-oom"]
    assert "handled" in findings[2].passed_over


def test_an_exception_that_was_ignored_is_an_aside() -> None:
    text = f"Exception ignored in: <function f>\n{TRACE}OSError: in use\n{TRACE}OSError: bad zip\n"
    assert order(text) == ["file-corrupt", "port-in-use"]
    assert "by the way" in seen(text).findings[1].passed_over


def test_quoted_source_is_no_error() -> None:
    text = f"{TRACE.replace('g()', 'raise OSError(_in use_)').replace('_', chr(34))}OSError: bad zip\n"
    assert order(text) == ["file-corrupt", "port-in-use"]


def test_what_a_server_got_over_comes_last() -> None:
    text = "OSError: in use\nINFO:     Application startup complete.\nOSError: bad zip\n"
    assert order(text) == ["file-corrupt", "port-in-use"]
    assert "came up after it, at line 2" in seen(text).findings[1].passed_over


def test_a_retry_comes_behind() -> None:
    text = "OSError: in use, retrying in 1 s (attempt 1/5)\nOSError: bad zip\n"
    assert order(text) == ["file-corrupt", "port-in-use"]


def test_the_deeper_exception_is_the_root() -> None:
    text = f"{TRACE}OSError: bad zip\n{HANDLING}{TRACE}OSError: in use\n"
    assert order(text) == ["file-corrupt", "port-in-use"]


def test_what_follows_a_finished_traceback_is_not_of_its_chain() -> None:
    noise = "".join(f"INFO: step {number}\n" for number in range(40))
    text = f"{TRACE}ValueError: a\n{HANDLING}{TRACE}ValueError: b\n{noise}OSError: in use\nbad zip\n"
    assert order(text) == ["port-in-use", "file-corrupt"]


def test_facts_say_which() -> None:
    room = (Disk(use="work", path="/", total=10**12, free=10**11),)
    full = (Disk(use="work", path="/", total=10**12, free=10),)
    text = "OSError: [Errno 28] No space left on device"
    refuted = diagnose(text, Facts({DISKS.name: Known(room, "statvfs")})).findings[0]
    confirmed = diagnose(text, Facts({DISKS.name: Known(full, "statvfs")})).findings[0]
    open_ = diagnose(text, Facts()).findings[0]
    assert (refuted.standing, confirmed.standing, open_.standing) == (
        Standing.REFUTED,
        Standing.CONFIRMED,
        Standing.UNDECIDED,
    )
    assert "it was not inspected" in open_.standing_why
    assert diagnose(text).findings[0].standing is None


def test_the_table_names_agreed_slugs_and_no_circle() -> None:
    slugs = agreed_slugs()
    for first, seconds in BRINGS_ABOUT.items():
        assert first in slugs
        assert set(seconds) <= set(slugs)
        assert len(set(seconds)) == len(seconds)
        for second in seconds:
            assert first != second
            assert not brings_about(second, first), f"{first} and {second} bring each other about"
    assert set(SURFACES) <= set(slugs)


@pytest.mark.parametrize("first", SURFACES)
@pytest.mark.parametrize("second", SURFACES)
def test_surfaces_are_in_one_order(first: str, second: str) -> None:
    assert brings_about(first, second) == (SURFACES.index(first) > SURFACES.index(second))


def test_more_causality_can_be_given() -> None:
    assert not brings_about("mine", "gpu-oom")
    assert brings_about("mine", "gpu-oom", more={"mine": ("gpu-oom",)})
