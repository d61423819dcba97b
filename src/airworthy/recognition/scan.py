"""Going through a log once, in pieces of any size, and keeping the lines in which causes were recognised.

Memory stays the same however long the log is: one piece, the text just before it, and a bounded number of lines a
cause. A literal that stands everywhere is examined closely a few dozen times, and then once a piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from airworthy.causes.interface import WINDOW, Cause, Signature
from airworthy.recognition.lines import ESCAPES, LogLevel, LogLine, read_line
from airworthy.recognition.literals import Found
from airworthy.recognition.surroundings import AFTER, BEFORE, Surroundings, look_around
from airworthy.recognition.text_index import TextIndex

PIECE = 1024 * 1024
"""Bytes in which a log is best given."""
HEAD = 16 * 1024
"""Bytes from the beginning that are kept, to judge what kind of text it is."""
LONGEST_LINE = 16 * 1024
"""Bytes of a line that are taken at once; of a longer one, so many around each place where a literal stands."""
OVERLAP = 8 * WINDOW
"""Bytes of a line without an end that are kept for the next piece: no literal and no pattern's window is cut."""
CLOSE_LOOKS = 48
"""How often a line is taken for a literal before the literal is only searched for once a piece."""
MOST_TRIES = 64
"""Places in one piece at which a literal is tried, and its last one: some stand in many lines that mean nothing."""
FEW_TRIES = 8
"""The same for a literal that was tried `IN_VAIN` times more often than it showed anything."""
IN_VAIN = 1000
"""Tries after which a literal is not expected to show anything here."""
MOST_HITS = 40
"""Lines kept for a cause: the first ones, and the last."""
MOST_ALARMS = 60
"""Lines kept that report something wrong without a cause recognised in them."""


class Hit(NamedTuple):
    """A line in which a cause was recognised."""

    cause: Cause
    """Its entry."""
    signature: Signature
    """The text that it was recognised by."""
    params: dict[str, str]
    """What the line gives."""
    number: int
    """The line's number, from 1."""
    text: str
    """The line."""
    line: LogLine
    """The line, taken apart."""
    around: Surroundings
    """What its neighbours say of it."""


class Alarm(NamedTuple):
    """A line that reports something wrong, whatever it is."""

    number: int
    """The line's number, from 1."""
    text: str
    """The line."""
    line: LogLine
    """The line, taken apart."""
    depth: int
    """How many exceptions its own was raised behind."""


class LogScan:
    """What was seen in a log, while it is gone through."""

    def __init__(self, index: TextIndex) -> None:
        self.hits: dict[str, list[Hit]] = {}
        """Lines by the cause that was recognised in them, in the order of the log."""
        self.alarms: list[Alarm] = []
        """Lines that report something wrong, in the order of the log."""
        self.ready = 0
        """The last line that says that a server has come up; 0 where there is none."""
        self.lines = 0
        """Lines gone through."""
        self._index = index
        # Of servers that come up only the last one matters, so that those are searched for once a piece from the start.
        self._taken = [CLOSE_LOOKS if number in index.ready else 0 for number in range(len(index.literals))]
        self._vain = [0] * len(index.literals)
        self._rest = b""
        self._before = b""
        self._head = b""

    @property
    def head(self) -> list[str]:
        """The first lines of what was gone through."""
        return self._head.decode("utf-8", "replace").split("\n")

    @property
    def tail(self) -> list[str]:
        """The last lines of what was gone through, whole; of lines that a progress bar rewrote, what stayed."""
        lines = self._before.decode("utf-8", "replace").split("\n")
        if not lines[-1]:
            lines.pop()
        if len(self._before) >= BEFORE:
            del lines[:1]
        return [line.rstrip("\r").rpartition("\r")[2] for line in lines]

    def fresh(self) -> LogScan:
        """A new one that goes on where this one is, knowing nothing of what was seen."""
        other = LogScan(self._index)
        other.lines, other._rest, other._before = self.lines, self._rest, self._before
        return other

    def feed(self, data: bytes) -> None:
        """Go through more of the log."""
        if len(self._head) < HEAD:
            self._head += data[: HEAD - len(self._head)]
        block = self._rest + data if self._rest else data
        if b"\x1b" in block:
            block = ESCAPES.sub(b"", block)
        end = block.rfind(b"\n") + 1
        if end:
            self._rest = block[end:]
            self._go(block, end)
        elif len(block) > 4 * OVERLAP:
            self._rest = block[-OVERLAP:]
            self._go(block, len(block))
        else:
            self._rest = block

    def close(self) -> None:
        """The log ends here."""
        block, self._rest = ESCAPES.sub(b"", self._rest), b""
        if block:
            self._go(block, len(block))
            self.lines += not block.endswith(b"\n")

    def _go(self, block: bytes, limit: int) -> None:
        """Go through the block up to the limit; the rest, the beginning of a line, comes again with the next piece."""
        counted = 0
        for start, end, numbers in self._lines(block, self._index.search.find(block), limit):
            self.lines += block.count(b"\n", counted, start)
            counted = start
            self._look(block, start, end, numbers)
        self.lines += block.count(b"\n", counted, limit)
        self._before = (
            block[max(0, limit - BEFORE) : limit] if limit >= BEFORE else (self._before + block[:limit])[-BEFORE:]
        )

    def _lines(self, block: bytes, found: Found, limit: int) -> Iterator[tuple[int, int, set[int]]]:
        """The lines to inspect, each with the literals that stand in it."""
        literals, taken, vain = self._index.literals, self._taken, self._vain
        last = {number: place for place, number in found if place < limit}
        tries: dict[int, int] = {}
        start = end = -1
        numbers: set[int] = set()
        for place, number in found:
            if place >= limit:
                break
            tried = tries.get(number, 0)
            most = MOST_TRIES if vain[number] < IN_VAIN else FEW_TRIES
            if (taken[number] >= CLOSE_LOOKS or tried >= most) and last[number] != place:
                continue
            tries[number] = tried + 1
            if place + len(literals[number]) > end:
                if numbers:
                    yield start, end, numbers
                start, end = _line_at(block, place, len(literals[number]))
                numbers = set()
            numbers.add(number)
        if numbers:
            yield start, end, numbers

    def _look(self, block: bytes, start: int, end: int, numbers: set[int]) -> None:
        index, number = self._index, self.lines + 1
        if not numbers.isdisjoint(index.ready):
            self.ready = number
        slugs = dict.fromkeys(slug for each in sorted(numbers) for slug in index.owners[each])
        alarm = not numbers.isdisjoint(index.alarms)
        if not slugs and not alarm:
            return
        text = block[start:end].decode("utf-8", "replace").strip("\r\n")
        recognised = [
            (cause, *match)
            for slug in slugs
            if (match := (cause := index.catalogue.get(slug)).recognise(text)) is not None
        ]
        if not recognised:
            for each in numbers:
                self._vain[each] += 1
            if not alarm:
                return
        found = {cause.slug for cause, _, _ in recognised}
        for each in numbers:
            self._taken[each] += not found.isdisjoint(index.owners[each]) or each in index.alarms
        line = read_line(text)
        around = self._around(block, start, end, line, text)
        for cause, signature, params in recognised:
            hits = self.hits.setdefault(cause.slug, [])
            if hits and hits[-1].number == number and hits[-1].signature is signature:
                continue  # the same place of a line that had no end in one piece
            if len(hits) >= MOST_HITS:
                hits.pop()
            hits.append(Hit(cause, signature, params, number, text, line, around))
        if not recognised and line.level is not LogLevel.INFO and not around.code and not around.aside:
            if len(self.alarms) >= MOST_ALARMS:
                self.alarms.pop()
            self.alarms.append(Alarm(number, text, line, around.depth))

    def _around(self, block: bytes, start: int, end: int, line: LogLine, text: str) -> Surroundings:
        before = block[max(0, start - BEFORE) : start]
        if start < BEFORE:
            before = self._before[-(BEFORE - start) :] + before
        after = block[end : end + AFTER]
        return look_around(before.decode("utf-8", "replace"), line, text, after.decode("utf-8", "replace"))


def _line_at(block: bytes, place: int, length: int) -> tuple[int, int]:
    """The line around a literal, or as much of a long one as patterns read. A progress bar's return ends a line."""
    reach = LONGEST_LINE // 2
    start = block.rfind(b"\n", max(0, place - reach), place) + 1 or max(0, place - reach)
    start = block.rfind(b"\r", start, place) + 1 or start
    end = block.find(b"\n", place + length, place + length + reach)
    if end < 0:
        end = min(len(block), place + length + reach)
    back = block.find(b"\r", place + length, end)
    return start, end if back < 0 else back
