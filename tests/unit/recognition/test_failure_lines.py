"""The line of an unknown failure: the deepest one, in whatever form programs print it, and none where all is well."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.recognition import diagnose
from airworthy.recognition.failure_lines import weigh
from airworthy.recognition.lines import read_line

REPORTS = {
    "onnx runtime": "InvalidArgument: Got a strange thing",
    "a status": "[ONNXRuntimeError] : 1 : FAIL : something odd happened",
    "docker": "Error response from daemon: frobnicate",
    "tensorrt": "[E] 10: Internal Error (Could not frob)",
    "rust": "thread 'main' panicked at src/main.rs:3:5",
    "an end": "aborting with error 17",
    "a code": "[MindIE] LLMPyError init fail",
    "json": '{"error": {"message": "the frob is missing", "code": 400}}',
    "a named value": 'InvalidFrob { path: "a" }',
    "a condition": "    Message:      the frob is strange",
    "an event": "  Warning  FailedFrob  3s  kubelet  the frob is strange",
    "a hint at the end": "frob 12: unsupported kind",
}
HEALTHY = (
    "failed samples 0",
    "passed=12 failed=0 errors=0",
    "0 errors, 3 warnings",
    '{"level":"info","msg":"done","error":null}',
    "arg.cpp:311:12: warning: unused variable 'error'",
    "finished without errors",
)


@pytest.mark.parametrize("name", REPORTS)
def test_the_line_is_found(name: str) -> None:
    unknown = diagnose(f"one\ntwo\n{REPORTS[name]}\n").unknown
    assert unknown is not None
    assert unknown.line == 3
    assert unknown.text in REPORTS[name]


@pytest.mark.parametrize("text", HEALTHY)
def test_counts_of_no_errors_are_no_failure(text: str) -> None:
    assert diagnose(f"{text}\n").unknown is None


def test_what_an_exception_says_comes_before_that_it_was_thrown() -> None:
    unknown = diagnose("terminate called after throwing an instance of 'std::odd'\n  what():  strange thing\n").unknown
    assert unknown is not None
    assert unknown.text == "what():  strange thing"


def test_a_traceback_without_its_end_gives_the_last_frame() -> None:
    text = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\n  File "b.py", line 2, in _frob\n'
    unknown = diagnose(text).unknown
    assert unknown is not None
    assert "_frob" in unknown.text


def test_the_line_below_a_wrappers_words_is_quoted_and_the_wrapper_is_a_remark() -> None:
    text = (
        "ERROR 08-01 09:00:00 [core.py:586] Traceback (most recent call last):\n"
        'ERROR 08-01 09:00:00 [core.py:586]   File "core.py", line 577, in run\n'
        "ERROR 08-01 09:00:00 [core.py:586]     raise ValueError(x)\n"
        "ERROR 08-01 09:00:00 [core.py:586] ValueError: the frob is odd\n"
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}\n"
    )
    diagnosis = diagnose(text)
    assert diagnosis.findings == ()
    assert diagnosis.unknown is not None
    assert diagnosis.unknown.text == "ValueError: the frob is odd"
    assert [(each.cause, each.evidence[0].line) for each in diagnosis.remarks] == [("cause-not-in-log", 5)]
    assert diagnosis.remarks[0].remedies


def test_a_wrapper_alone_stays_the_finding() -> None:
    diagnosis = diagnose("RuntimeError: Engine core initialization failed. See root cause above.\n")
    assert [each.cause for each in diagnosis.findings] == ["cause-not-in-log"]
    assert diagnosis.remarks == ()


def test_a_failure_that_a_server_recovered_from_is_not_the_one() -> None:
    text = "ValueError: first\nINFO: Application startup complete.\n" + "INFO ok\n" * 30 + "OddError: second\n"
    unknown = diagnose(text).unknown
    assert unknown is not None
    assert unknown.text == "OddError: second"


def test_the_middle_of_a_long_log_is_found() -> None:
    text = "INFO ok\n" * 30_000 + "frob.OddError: it broke\n" + "INFO ok\n" * 30_000
    unknown = diagnose(text).unknown
    assert unknown is not None
    assert (unknown.line, unknown.text) == (30_001, "frob.OddError: it broke")


@given(st.text(max_size=2000))
def test_any_line_can_be_weighed(text: str) -> None:
    assert 0 <= weigh(read_line(text)) <= 4
