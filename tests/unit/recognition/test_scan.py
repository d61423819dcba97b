"""Going through a log in pieces: the same lines and numbers however it is cut, within bounds whatever it holds."""

from __future__ import annotations

import time
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from airworthy.causes.catalogue import Catalogue, standard
from airworthy.causes.interface import Cause, Signature
from airworthy.causes.registry import CAUSES
from airworthy.core.finding import Severity
from airworthy.recognition import diagnose, gone_through
from airworthy.recognition.scan import MOST_ALARMS, MOST_HITS, PIECE, LogScan
from airworthy.recognition.text_index import TextIndex, text_index

FULL = "OSError: [Errno 28] No space left on device"


def numbers(pieces: list[bytes]) -> dict[str, list[int]]:
    scan = gone_through(pieces, text_index(standard()))
    return {slug: [hit.number for hit in hits] for slug, hits in scan.hits.items()}


@given(
    st.lists(st.sampled_from(["fine", FULL, "x" * 300, "", "a\rb\rc", "\x1b[1mbold\x1b[0m"]), max_size=30), st.data()
)
def test_however_it_is_cut(lines: list[str], data: st.DataObject) -> None:
    whole = "\n".join(lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    expected = [number for number, line in enumerate(lines, 1) if line == FULL]
    assert numbers([whole]).get("disk-full", []) == expected
    assert numbers(pieces).get("disk-full", []) == expected


def test_lines_are_counted() -> None:
    scan = LogScan(text_index(standard()))
    scan.feed(b"one\ntwo\nthr")
    scan.feed(b"ee\nfour")
    scan.close()
    assert scan.lines == 4


def test_a_line_without_an_end_is_gone_through() -> None:
    noise = b"y" * (3 * PIECE)
    scan = gone_through(
        [noise[at : at + PIECE] for at in range(0, len(noise), PIECE)] + [FULL.encode()], text_index(standard())
    )
    assert [hit.number for hit in scan.hits["disk-full"]] == [1]


def test_memory_is_bounded() -> None:
    """A hundred megabytes of the same error keep what a hundred lines do."""
    piece = (f"{FULL}\nERROR something broke: {'z' * 200}\n" * 4000).encode()
    scan = LogScan(text_index(standard()))
    scan.feed(piece)
    tracemalloc.start()
    try:
        for _ in range(40):
            scan.feed(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(scan.hits["disk-full"]) <= MOST_HITS
    assert len(scan.alarms) <= MOST_ALARMS
    assert peak < 32 * len(piece)


def test_a_literal_that_means_nothing_hides_none_that_does() -> None:
    """The text stands a hundred thousand times without its meaning before it stands once with it."""
    cause = Cause(
        slug="x",
        severity=Severity.ERROR,
        message="",
        signatures=(Signature("connection refused", r"refused by (?P<host>\w+)"),),
    )
    noise = "connection refused, next\n" * 100_000
    found = diagnose(f"{noise}connection refused by gpu7\n", catalogue=Catalogue.of((cause,)))
    assert [finding.params for finding in found.findings] == [{"host": "gpu7"}]


def test_hostile_input_takes_no_longer() -> None:
    literals = " ".join(text.decode() for text in text_index(standard()).literals)
    for text in (literals * 60, (literals + "\n") * 60, FULL * 30_000, "\x1b[" * 600_000, "\n" * 900_000):
        began = time.process_time()
        diagnose(text)
        assert time.process_time() - began < 3


@settings(max_examples=50)
@given(st.binary(max_size=3000))
def test_any_bytes_have_a_diagnosis(data: bytes) -> None:
    diagnose(data)


def test_entries_load_on_use() -> None:
    loaded = []

    class Watched(Catalogue):
        def get(self, slug: str) -> Cause:
            loaded.append(slug)
            return super().get(slug)

    gone_through([b"No space left on device\n"], TextIndex(Watched(CAUSES)))
    assert set(loaded) == {"disk-full"}
