"""Large safetensors headers: read entry by entry, they tell what the plain reader tells, in little memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import models
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.formats import safetensors

MILLION = 1_000_000


def entry(name: str, start: int = 0, size: int = 8, **more: Any) -> tuple[str, dict[str, Any]]:
    return name, {"dtype": "F32", "shape": [size // 4], "data_offsets": [start, start + size], **more}


def both(
    path: Path, header: str | bytes, data: int = 8
) -> tuple[safetensors.SafetensorsHeader, safetensors.SafetensorsHeader]:
    path.write_bytes(models.safetensors_bytes(header, bytes(data)))
    with Source(path) as source:
        plain = safetensors.read_header(source)
        length = int.from_bytes(source.read(0, 8), "little")
        try:
            many = safetensors._read_many(source, source.read(8, length), 8 + length)
        except (ValueError, safetensors._Duplicate):
            many = safetensors.SafetensorsHeader(defects=plain.defects)
            # JSON whose entries are no tensors leaves holes in the data besides.
            assert plain.defects[0].kind == "header"
    return plain, many


@pytest.mark.parametrize(
    "header",
    [
        {},
        dict([entry("a")]),
        dict([entry("b", 8), entry("a", 0)]),
        dict([entry('q"uo\\te\n'), entry("ä", 8)]),
        {"__metadata__": {"format": "pt", "a{b}": "}"}, **dict([entry("a")])},
        {**dict([entry("a")]), "__metadata__": {"long": "x" * 100_000}},
        {"__metadata__": {"n": 1}},
        {"__metadata__": 3},
        dict([entry("a", more=1)]),
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]}},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8, 9]}},
        dict([entry("a", 1 << 63), entry("b")]),
        dict([entry("a"), entry("b", 4)]),
        dict([entry("a"), entry("b", 16)]),
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_both_readers_tell_the_same(tmp_path: Path, header: dict[str, Any], indent: int | None) -> None:
    plain, many = both(tmp_path / "m.safetensors", json.dumps(header, indent=indent), 16)
    assert list(many.tensors) == list(plain.tensors)
    assert (many.metadata, many.defects) == (plain.metadata, plain.defects)
    assert safetensors.count(many.tensors) == safetensors.count(plain.tensors)


@pytest.mark.parametrize(
    "header",
    [
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},}',
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}',
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} x',
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]} "b":{}}',
        b'{"a\xff":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
        b'{"a\\x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}',
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"\\u0061":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}',
        b'{"__metadata__":{},"__metadata__":{}}',
        b'{"__metadata__":{"a',
        b"{,}",
        b"{",
    ],
)
def test_what_is_no_header_is_none_for_both(tmp_path: Path, header: bytes) -> None:
    plain, many = both(tmp_path / "m.safetensors", header)
    assert [each.kind for each in plain.defects] == ["header"] == [each.kind for each in many.defects]
    assert not many.tensors


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_header_breaks_it(tmp_path: Path, data: st.DataObject) -> None:
    sound = json.dumps(dict([entry("a"), entry("b\u00e9", 8)]) | {"__metadata__": {"k": "v"}}).encode()
    raw = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(1, len(raw) - 1))] = data.draw(st.integers(0, 255))
    both(tmp_path / "m.safetensors", bytes(raw), 16)


_MEASURE = """
import re, sys
from pathlib import Path
from airworthy.artifacts.identify import inspect
from airworthy.core.keys import MODEL_DEFECTS
found = inspect(Path(sys.argv[1]))
assert not found.facts.value(MODEL_DEFECTS)
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(found.model.tensors, found.model.parameters, peak)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
def test_a_million_tensors_take_less_than_four_times_the_file(tmp_path: Path) -> None:
    path = tmp_path / "million.safetensors"
    entries = (
        f'"model.layers.{n}.weight":{{"dtype":"F16","shape":[2,3],"data_offsets":[{12 * n},{12 * n + 12}]}}'
        for n in range(MILLION)
    )
    path.write_bytes(models.safetensors_bytes("{" + ",".join(entries) + "}", bytes(12 * MILLION)))
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, path], capture_output=True, text=True, check=True, timeout=90
    )
    tensors, parameters, peak = map(int, done.stdout.split())
    assert (tensors, parameters) == (MILLION, 6 * MILLION)
    assert peak * 1024 < max(4 * path.stat().st_size, 256 << 20)
