"""One pass over a model's files: every byte is read once, hashed in order and measured on other cores meanwhile."""

from __future__ import annotations

import os
import queue
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from airworthy.artifacts.formats.stored import Stored
from airworthy.artifacts.weights.measure import Measure, Meter
from airworthy.core.messages import say
from airworthy.core.progress import SILENT, Progress

BLOCK = 4 * 1024 * 1024
"""Bytes that are read at a time."""
AHEAD = 2
"""Blocks that may wait for each worker; all of them together are the memory of the pass."""


class Digest(Protocol):
    """The part of a hash that is needed here."""

    def update(self, data: Any, /) -> Any:
        """Take the next bytes."""


class Segment(NamedTuple):
    """A part of a tensor in a block."""

    tensor: int
    """The tensor's number."""
    start: int
    """Where it begins in the block."""
    size: int
    """Its bytes."""


class Block(NamedTuple):
    """A run of a file that is read at once."""

    offset: int
    """Where it begins in the file."""
    size: int
    """Its bytes."""
    segments: tuple[Segment, ...]
    """The parts of tensors in it."""


class PassResult:
    """What a pass found."""

    def __init__(self, count: int) -> None:
        self.measures = [Measure() for _ in range(count)]
        """The figures of each tensor."""
        self.unread: dict[int, str] = {}
        """Tensors that were not measured, with the reason."""
        self.bytes = 0
        """Bytes that were read."""


def plan(tensors: Sequence[tuple[int, Stored, Meter]], size: int, *, whole: bool) -> Iterator[Block]:
    """How a file is read: blocks whose borders fall between rows of tensors.

    Args:
        tensors: numbers and places, by offset; none overlaps another.
        size: bytes of the file.
        whole: whether what lies between tensors is read as well.
    """
    begin = at = 0
    segments: list[Segment] = []

    def cut() -> Iterator[Block]:
        if at > begin:
            yield Block(begin, at - begin, tuple(segments))

    for number, stored, meter in tensors:
        while whole and stored.offset - at > 0:
            gap = min(stored.offset - at, BLOCK - (at - begin))
            at += gap
            if at - begin >= BLOCK:
                yield from cut()
                begin, segments = at, []
        if at != stored.offset:
            yield from cut()
            begin, segments, at = stored.offset, [], stored.offset
        step = meter.row_bytes if meter.row and meter.row_bytes <= BLOCK else meter.unit[1]
        left = stored.size
        while left > 0:
            room = (BLOCK - (at - begin)) // step * step
            if room <= 0 and at > begin:
                yield from cut()
                begin, segments = at, []
                continue
            taken = min(left, max(room, step))
            segments.append(Segment(number, at - begin, taken))
            at += taken
            left -= taken
    while whole and at < size:
        at += min(size - at, max(BLOCK - (at - begin), 1))
        yield from cut()
        begin, segments = at, []
    yield from cut()


class WeightStream:
    """A pass over several files with one set of workers and buffers."""

    def __init__(self, workers: int | None = None) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
        self._count = workers or max(1, cores - 1)  # one core reads and hashes
        self._pool = ThreadPoolExecutor(self._count, thread_name_prefix="measure")
        self._free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
        for _ in range(self._count * AHEAD + 1):
            self._free.put(bytearray(BLOCK))

    def __enter__(self) -> WeightStream:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def read(
        self,
        path: Path,
        tensors: Iterable[tuple[int, Stored]],
        outcome: PassResult,
        digests: Sequence[Digest] = (),
        progress: Progress = SILENT,
    ) -> None:
        """Read one file.

        Args:
            path: the file.
            tensors: the tensors in it that are measured, by number.
            outcome: where figures are added.
            digests: hashes that take all its bytes in order; without any, only tensors are read.
            progress: receives the bytes.

        Raises:
            OSError: it can't be read.
        """
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            placed = list(_placed(tensors, size, outcome))
            packed = [each for each in placed if each[1].packed]
            plain = sorted((each for each in placed if not each[1].packed), key=lambda each: each[1].offset)
            plain = list(_apart(plain, outcome))
            pending: list[Future[list[tuple[int, Measure]]]] = []
            meters = {number: meter for number, _, meter in plain}
            for block in plan(plain, size, whole=bool(digests)):
                buffer = self._free.get()
                if len(buffer) < block.size:
                    buffer = bytearray(block.size)
                view = memoryview(buffer)[: block.size]
                file.seek(block.offset)
                _fill(file.readinto, view)
                outcome.bytes += block.size
                if block.segments:
                    pending.append(self._pool.submit(self._measure, buffer, block, meters))
                for digest in digests:
                    digest.update(view)
                view.release()
                if not block.segments:
                    self._free.put(buffer)
                _collect(pending, outcome, wait=False)
                progress.advance(block.size)
            _collect(pending, outcome, wait=True)
            for number, stored, meter in packed:
                self._unpack(file, number, stored, meter, outcome)

    def _measure(self, buffer: bytearray, block: Block, meters: dict[int, Meter]) -> list[tuple[int, Measure]]:
        try:
            with memoryview(buffer) as view:
                return [
                    (each.tensor, meters[each.tensor].measure(view[each.start : each.start + each.size]))
                    for each in block.segments
                ]
        finally:
            # A block of one row longer than all buffers has one of its own, which is let go.
            self._free.put(buffer if len(buffer) == BLOCK else bytearray(BLOCK))

    def _unpack(self, file: Any, number: int, stored: Stored, meter: Meter, outcome: PassResult) -> None:
        """Measure a deflated tensor, a block at a time."""
        unpacker = zlib.decompressobj(-15)
        file.seek(stored.offset)
        left, skip, size = stored.packed, stored.skip, stored.size
        rest = b""
        step = meter.row_bytes if meter.row and meter.row_bytes <= BLOCK else meter.unit[1]
        try:
            while size > 0 and (left > 0 or unpacker.unconsumed_tail):
                tail = unpacker.unconsumed_tail
                if not tail:
                    tail = file.read(min(left, BLOCK // 4))
                    left -= len(tail)
                    if not tail:
                        break
                rest += unpacker.decompress(tail, BLOCK)
                dropped = min(skip, len(rest))
                rest, skip = rest[dropped:], skip - dropped
                whole = min(len(rest), size) // step * step
                if whole:
                    outcome.measures[number].add(meter.measure(memoryview(rest)[:whole]))
                    rest, size = rest[whole:], size - whole
        except zlib.error as error:
            outcome.unread[number] = say("it cannot be unpacked: {problem}", problem=error)
            return
        if size > 0:
            outcome.unread[number] = say("it is shorter than its shape needs")


def _fill(readinto: Callable[[memoryview], int | None], view: memoryview) -> None:
    at = 0
    while at < len(view):
        count = readinto(view[at:])
        if not count:
            raise OSError(say("the file became shorter while it was read"))
        at += count


def _collect(pending: list[Future[list[tuple[int, Measure]]]], outcome: PassResult, *, wait: bool) -> None:
    """Add up what is done, in the order of the file, so that sums don't depend on which worker was quicker."""
    while pending and (wait or pending[0].done()):
        for number, measure in pending.pop(0).result():
            outcome.measures[number].add(measure)


def _placed(
    tensors: Iterable[tuple[int, Stored]], size: int, outcome: PassResult
) -> Iterator[tuple[int, Stored, Meter]]:
    """The tensors that can be measured; of others the reason is noted."""
    for number, stored in tensors:
        if stored.note:
            outcome.unread[number] = stored.note
            continue
        try:
            meter = Meter(stored.datatype, stored.shape, big_endian=stored.big_endian)
        except ValueError:
            outcome.unread[number] = say("values of type {datatype} are not worked out", datatype=stored.datatype)
            continue
        end = stored.offset + (stored.packed or stored.size)
        if end > size or stored.size % meter.unit[1]:
            outcome.unread[number] = say("its bytes are not all there")
        elif stored.big_endian and meter.unit[0] > 1:
            outcome.unread[number] = say("blocks of the other byte order are not worked out")
        elif stored.size:
            yield number, stored, meter


def _apart(tensors: Iterable[tuple[int, Stored, Meter]], outcome: PassResult) -> Iterator[tuple[int, Stored, Meter]]:
    """Tensors that share no bytes with the one before; the others are damage, and not read many times over."""
    end = 0
    for number, stored, meter in tensors:
        if stored.offset < end:
            outcome.unread[number] = say("it shares bytes with another tensor")
            continue
        end = stored.offset + stored.size
        yield number, stored, meter
