"""One line an event, whatever its values hold."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.log_events import MAX_VALUE_CHARS, event_line, log_event


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("digits-1.0", "digits-1.0"),
        (12, "12"),
        (0.12345, "0.123"),
        ("two words", '"two words"'),
        ("a\nevent=worker_ready", '"a\\nevent=worker_ready"'),
        ("a=b", '"a=b"'),
        ('"', '"\\""'),
        ("\x1b[2J\x7f", '"\\u001b[2J\\u007f"'),
        ("\u2028é", '"\\u2028\\u00e9"'),
    ],
)
def test_values_are_words_or_json_strings(value: object, text: str) -> None:
    assert event_line("worker_end", reason=value) == f"event=worker_end reason={text}"


def test_what_is_empty_is_left_out() -> None:
    assert event_line("e", a="", b=None, c=0) == "event=e c=0"


@given(st.text(), st.text())
def test_no_value_makes_up_a_line_or_a_field(one: str, two: str) -> None:
    line = event_line("e", one=one or "-", two=two or "-")
    assert line.isascii()
    assert line.isprintable()
    assert len(line) < 2 * (12 * MAX_VALUE_CHARS + 20)  # a character may take two escapes of six
    quoted = line.replace("\\\\", "").replace('\\"', "").split('"')
    outside = "".join(quoted[::2])
    assert outside.count("=") == 3


def test_the_logger_decides_by_level(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("airworthy.serve.test")
    with caplog.at_level(logging.INFO, logger.name):
        log_event(logger, "seen", percent="100%s")
        log_event(logger, "not_seen", logging.DEBUG)
    assert [record.getMessage() for record in caplog.records] == ["event=seen percent=100%s"]
