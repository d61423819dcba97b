"""Whether the numbers in a model's files are sound: one pass over all tensors, and what is remarkable in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from airworthy.artifacts.encodings.elements import FLOATS, SCALES
from airworthy.artifacts.formats.registry import FORMATS, STORED
from airworthy.artifacts.formats.stored import Stored
from airworthy.artifacts.weights.measure import Measure
from airworthy.artifacts.weights.streaming import BLOCK, Digest, PassResult, WeightStream
from airworthy.core.messages import say
from airworthy.core.model import ModelInfo
from airworthy.core.progress import SILENT, Progress
from airworthy.core.values import WeightFault

MOST_FAULTS = 200
"""Faults of one kind that are reported."""
LARGEST_HALF = 65_504.0
"""The largest 16-bit float: what is beyond becomes infinite when a model is run in it."""
WIDEST = 100.0
"""A standard deviation that no trained weight comes near."""
SUBNORMAL_SHARE = 0.1
"""The share of subnormal numbers from which they are reported: they are slow, or taken for zero."""
ROWS_SHARE = 0.005
"""The share of rows of one value from which they are reported; a few belong to tokens that were never seen."""
MASK_SHARE = 0.1
"""The share of infinite numbers from which a tensor of otherwise one number is taken for a mask."""
LEAST_TELLING = 256
"""Elements from which one single value is reported: small tensors are often meant so."""
LEAST_TWIN = 1024
"""Elements from which two tensors with the same numbers are reported: short ones are alike by chance."""
_ALL_IN_ENTRY = ("gguf", "onnx", "openvino")


class TensorHealth(msgspec.Struct, frozen=True, omit_defaults=True):
    """The figures of one tensor."""

    name: str
    """Its name in the file."""
    datatype: str
    """Element type, as `ModelInfo.datatypes` names it."""
    shape: tuple[int, ...]
    """Its sizes."""
    mean: float | None = None
    """Mean of its finite numbers; None where there are none, or where it was not read."""
    deviation: float | None = None
    """Their standard deviation."""
    low: int | float | None = None
    """The smallest one; exact for whole numbers."""
    high: int | float | None = None
    """The largest one; likewise."""
    nans: int = 0
    """NaN."""
    infinities: int = 0
    """Numbers that are infinite."""
    subnormal: int = 0
    """Numbers below the smallest normal one of its type; of 16-bit types worked out from every sixteenth."""
    constant_rows: int = 0
    """Rows of one single value."""
    histogram: tuple[int, ...] = ()
    """Some 16 000 evenly spread elements, counted in 16 equal steps from `low` to `high`."""
    note: str = ""
    """What was not inspected, and why: `scales only`, or the reason why it was not read."""


class Health(msgspec.Struct, frozen=True):
    """The answer of a pass."""

    tensors: tuple[TensorHealth, ...]
    """All tensors in the order of their files."""
    faults: tuple[WeightFault, ...]
    """What is remarkable."""
    bytes: int
    """Bytes that were read."""


def stored_in(model: ModelInfo) -> list[Stored]:
    """Where all tensors of a model lie, of whatever formats its files are."""
    entry = Path(model.entry)
    if not FORMATS.get(model.format).folder:
        return list(_of(model.format, entry))
    folder = Path(model.path)
    found: list[Stored] = []
    entry_format = model.entry_format
    for file in model.files:
        if file.format in _ALL_IN_ENTRY or file.format not in STORED.names():
            continue
        found += _of(file.format, folder / file.path)
    return list(_of(entry_format, entry)) if entry_format in _ALL_IN_ENTRY else found


def _of(format_: str, path: Path) -> Iterator[Stored]:
    if format_ in STORED.names():
        yield from STORED.get(format_)(path)


def look(
    stored: Sequence[Stored],
    files: Sequence[Path],
    digests: Callable[[Path], Sequence[Digest]],
    progress: Progress = SILENT,
) -> Health:
    """Measure tensors and hash files in one pass.

    Args:
        stored: the tensors; none to only hash.
        files: the files that are hashed.
        digests: the hashes that a file's bytes are given to.
        progress: receives the bytes.

    Raises:
        OSError: a file can't be read.
    """
    outcome = PassResult(len(stored))
    by_file: dict[Path, list[tuple[int, Stored]]] = {path: [] for path in files}
    for number, each in enumerate(stored):
        by_file.setdefault(each.path, []).append((number, each))
    with WeightStream() as stream:
        for path, within in by_file.items():
            stream.read(path, within, outcome, digests(path) if path in files else (), progress)
    tensors = tuple(
        _told(each, outcome.measures[number], outcome.unread.get(number, "")) for number, each in enumerate(stored)
    )
    return Health(tensors, tuple(_faults(stored, outcome)), outcome.bytes)


def _told(stored: Stored, measure: Measure, note: str) -> TensorHealth:
    if note or not measure.elements:
        return TensorHealth(stored.name, stored.datatype, stored.shape, note=note or say("it is empty"))
    known = bool(measure.finite)
    number = int if stored.datatype in _INTEGERS else float
    return TensorHealth(
        stored.name,
        stored.datatype,
        stored.shape,
        mean=measure.exact_mean if known else None,
        deviation=measure.deviation if known else None,
        low=number(measure.low) if known else None,
        high=number(measure.high) if known else None,
        nans=measure.nans,
        infinities=measure.infinities,
        subnormal=measure.subnormal,
        constant_rows=measure.constant_rows,
        histogram=measure.histogram() if known else (),
        note=say("scales only") if stored.datatype in SCALES else "",
    )


def _faults(stored: Sequence[Stored], outcome: PassResult) -> Iterator[WeightFault]:
    counts: dict[str, int] = {}
    twins = _twins(stored, outcome)
    for number, each in enumerate(stored):
        if number in outcome.unread:
            continue
        for kind, detail in _remarkable(each, outcome.measures[number], twins.get(number)):
            counts[kind] = counts.get(kind, 0) + 1
            if counts[kind] <= MOST_FAULTS:
                yield WeightFault(member=each.path.name, tensor=each.name[:500], kind=kind, detail=detail)


def _remarkable(stored: Stored, measure: Measure, twin: Stored | None) -> Iterator[tuple[str, str]]:
    count = measure.elements
    if measure.nans:
        yield "nan", say("{found} of {count} numbers are none (NaN)", found=measure.nans, count=count)
    if measure.infinities and not _is_mask(measure):
        yield "infinite", say("{found} of {count} numbers are infinite", found=measure.infinities, count=count)
    weights = len([size for size in stored.shape if size > 1]) > 1 and stored.datatype not in SCALES
    counted = stored.datatype in FLOATS or stored.datatype not in _INTEGERS
    if not measure.finite or not weights or not counted or count < LEAST_TELLING:
        return
    if measure.low == measure.high and not (measure.nans or measure.infinities):
        kind = "zero" if measure.low == 0 else "constant"
        yield kind, say("all of its {count} numbers are {value:g}", count=count, value=measure.low)
        return
    if measure.constant_rows > max(1, ROWS_SHARE * measure.rows):
        found = say("{found} of {rows} rows are of one value", found=measure.constant_rows, rows=measure.rows)
        yield "constant-rows", found
    largest = max(abs(measure.low), abs(measure.high))
    if largest > LARGEST_HALF or measure.deviation > WIDEST:
        template = "its numbers reach {largest:.3g}, with a standard deviation of {deviation:.3g}"
        yield "scale", say(template, largest=largest, deviation=measure.deviation)
    if measure.subnormal > SUBNORMAL_SHARE * count:
        yield "subnormal", say("{share:.0%} of its numbers are subnormal", share=measure.subnormal / count)
    if twin is not None:
        yield "duplicate", say("it holds the same numbers as {other}", other=twin.name[:200])


def _is_mask(measure: Measure) -> bool:
    """Whether infinities are meant: the start of a search for a maximum, or what keeps positions from being seen.

    Such a tensor is infinite in good part, and otherwise of one number; a broken weight has others beside them.
    """
    alike = not measure.finite or measure.low == measure.high
    return alike and not measure.nans and measure.infinities >= MASK_SHARE * measure.elements


_INTEGERS = frozenset({"BOOL"} | {f"{sign}INT{bits}" for sign in ("", "U") for bits in (1, 2, 4, 8, 16, 32, 64)})


def _twins(stored: Sequence[Stored], outcome: PassResult) -> dict[int, Stored]:
    """Tensors whose bytes are those of an earlier one: alike by their figures, then compared byte by byte."""
    first: dict[tuple[object, ...], int] = {}
    twins: dict[int, Stored] = {}
    for number, each in enumerate(stored):
        measure = outcome.measures[number]
        # NaN is no key: it equals nothing.
        if measure.elements < LEAST_TWIN or measure.low == measure.high or each.packed or measure.nans:
            continue
        key = (each.datatype, each.shape, measure.low, measure.high, measure.mean, measure.deviation)
        other = first.setdefault(key, number)
        if other != number and _same_bytes(stored[other], each):
            twins[number] = stored[other]
    return twins


def _same_bytes(one: Stored, other: Stored) -> bool:
    if (one.path, one.offset) == (other.path, other.offset):
        return False
    try:
        with one.path.open("rb", buffering=0) as first, other.path.open("rb", buffering=0) as second:
            for at in range(0, one.size, BLOCK):
                size = min(BLOCK, one.size - at)
                first.seek(one.offset + at)
                second.seek(other.offset + at)
                if first.read(size) != second.read(size):
                    return False
    except OSError:
        return False
    return True
