"""What loggers put before a line is taken off, and told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.recognition.lines import LogLevel, read_line


@pytest.mark.parametrize(
    ("raw", "stream", "level", "text"),
    [
        (
            "(EngineCore_0 pid=123) ERROR 08-01 09:00:00 [core.py:586] boom",
            "EngineCore_0 pid=123",
            LogLevel.ERROR,
            "boom",
        ),
        ("(RayWorkerWrapper pid=4711, ip=10.0.0.4) boom", "RayWorkerWrapper pid=4711", LogLevel.PLAIN, "boom"),
        ("[rank3]: Traceback (most recent call last):", "rank3", LogLevel.PLAIN, "Traceback (most recent call last):"),
        ("[rank1]:[E528 08:52:46.164295950 ProcessGroupGloo.cpp:1029] x", "rank1", LogLevel.ERROR, "x"),
        ("ERROR 01-11 13:09:40 engine.py:676]   File", "", LogLevel.ERROR, "  File"),
        ("2026-11-20T09:00:00.123456789Z INFO ready", "", LogLevel.INFO, "ready"),
        ("2026-03-14 21:40:35 ERROR 56542 [async_llm_engine.py:462] CUDA error", "", LogLevel.ERROR, "CUDA error"),
        ("Oct 11 09:02:17 host sd-webui[612]: boom", "sd-webui[612]", LogLevel.PLAIN, "boom"),
        ("ollama  | time=2026-03-14T06:23:22.759Z level=INFO source=x", "ollama", LogLevel.INFO, "source=x"),
        ("E0311 09:12:44.101633      95 tcp_server_posix.cc:213] Failed", "", LogLevel.ERROR, "Failed"),
        ("[W:onnxruntime:, session_state.cc:1280 Verify] Some nodes", "", LogLevel.WARNING, "Some nodes"),
        ("[WARN ] W-9000-clf_2.0-stderr MODEL_LOG - boom", "9000", LogLevel.WARNING, "boom"),
        ("#22 155.3 ERROR: no", "", LogLevel.ERROR, "no"),
        ("x.py:1: UserWarning: careful", "", LogLevel.WARNING, "x.py:1: UserWarning: careful"),
        ("2023-10-06 05:57:22 | ERROR | stderr | OSError: no", "stderr", LogLevel.ERROR, "OSError: no"),
        ("[TRT] [E] 6: bad plan", "", LogLevel.ERROR, "6: bad plan"),
        ("    return f(x)", "", LogLevel.PLAIN, "    return f(x)"),
        ("ImportError: no", "", LogLevel.PLAIN, "ImportError: no"),
        ("", "", LogLevel.PLAIN, ""),
    ],
)
def test_prefixes(raw: str, stream: str, level: LogLevel, text: str) -> None:
    line = read_line(raw)
    assert (line.stream, line.level, line.text) == (stream, level, text)


@given(st.text(max_size=600))
def test_any_line_can_be_read(raw: str) -> None:
    assert raw.endswith(read_line(raw).text)
