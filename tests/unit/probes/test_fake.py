"""The fake host keeps to the seam, and its recordings are read or refused."""

from __future__ import annotations

import inspect
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.probes.seam.contents import Parts, Slow
from airworthy.probes.seam.fake import FakeHost
from airworthy.probes.seam.host import Completed, Host, HostError, Interpreter, Nvml, NvmlDevice, Space
from airworthy.probes.seam.local import LocalHost
from airworthy.probes.seam.recording import RecordingHost

QUESTIONS = sorted(name for name in vars(Host) if not name.startswith("_"))


@pytest.mark.parametrize("kind", [FakeHost, LocalHost, RecordingHost])
@pytest.mark.parametrize("question", QUESTIONS)
def test_every_host_answers_the_seams_questions(kind: type, question: str) -> None:
    expected = inspect.signature(getattr(Host, question)).parameters
    found = inspect.signature(getattr(kind, question)).parameters
    assert list(found) == list(expected)
    assert [p.default for p in found.values()] == [p.default for p in expected.values()]


def full_host() -> FakeHost:
    return FakeHost(
        {
            "/a/text": "é",
            "/a/raw": b"\xff\x00",
            "/a/refused": HostError("no"),
            "/big": Parts(((0, b"ab"), (100, b"xyz"))),
        },
        {
            "tool -x": Completed(3, "out", "err"),
            "bad": HostError("broken"),
            "slow": Slow(60.0, Completed(0, "late", "")),
        },
        {"HOME": "/h"},
        directories={"/empty": (), "/closed": HostError("permission denied")},
        links={"/l": "a"},
        disks={"/": Space(3, 2, 1, True), "/bad": HostError("stale file handle")},
        affinity=4,
        libc="glibc 2.36",
        interpreter=Interpreter("3.11.0", "/p", "/v", ("/v/lib",)),
        nvml=Nvml("550.1", 12040, (NvmlDevice("A", "GPU-1", 1, None, "8.0"),)),
        ports={"0.0.0.0:80": "forbidden"},
        listening=("127.0.0.1:9",),
    )


def test_recording_says_the_same_again() -> None:
    host = full_host()
    again = FakeHost.from_json(host.to_json("a host"))
    assert again.to_json("a host") == host.to_json("a host")
    for each in (host, again):
        assert each.read("/l/text") == "é".encode()
        assert each.read("/a/raw", 1) == b"\xff"
        assert each.read("/big", 2, 101) == b"yz"
        assert each.list("/a") == ("raw", "refused", "text")
        assert each.list("/empty") == ()
        assert each.resolve("/l/raw") == "/a/raw"
        assert each.run("tool", "-x") == Completed(3, "out", "err")
        assert each.space("/a/b") == Space(3, 2, 1, True)
        assert each.nvml().devices[0].memory_free is None
        assert each.interpreter().paths == ("/v/lib",)
        assert each.can_listen("0.0.0.0", 80) == "forbidden"
        assert each.connect("127.0.0.1", 9)
        for ask in (
            lambda each=each: each.read("/a/refused"),
            lambda each=each: each.list("/closed"),
            lambda each=each: each.list("/nowhere"),
            lambda each=each: each.run("bad"),
            lambda each=each: each.space("/bad/x"),
        ):
            with pytest.raises(HostError):
                ask()


def test_slow_command_fails_at_once_past_the_limit() -> None:
    start = time.monotonic()
    with pytest.raises(HostError, match=r"slow did not end within 5\.0 s"):
        full_host().run("slow")
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"schema": 99}', b'{"schema": 1, "fies": {}}', b"\xff"])
def test_what_is_no_recording_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a recorded host"):
        FakeHost.from_json(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["error", "parts", "base64", "0"]), inner)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["files", "nvml", "interpreter", "commands", "disks", "directories"]), JSON))
def test_any_recording_is_read_or_refused(fields: dict[str, object]) -> None:
    import json

    try:
        host = FakeHost.from_json(json.dumps({"schema": 1, **fields}).encode())
    except ValueError:
        return
    assert host.exists("/") in {True, False}
