"""The rows that two models are judged on: arrays of inputs and what is right, from a `.npz` file."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from airworthy.core.errors import AirworthyError, ExtraMissing
from airworthy.core.messages import say
from airworthy.core.model import TensorSpec
from airworthy.flows.files import read

if TYPE_CHECKING:
    from numpy.typing import NDArray

LABELS = ("labels", "label", "y", "targets", "target")
"""Names under which right answers are looked for."""
MAX_DATA_BYTES = 8 << 30
"""Bytes of data that are read."""
FEWEST_ROWS = 2
"""Rows without which nothing can be compared."""


class DataUnfit(AirworthyError):
    """Data that a comparison can't be made with."""

    code = "data-unfit"
    message = "{path} cannot be used: {problem}"
    hint = (
        "write it with numpy.savez: an array for each input of the model by its name, rows first, and the right answers"
        " as `labels`"
    )


class GateData(NamedTuple):
    """Rows and right answers."""

    inputs: dict[str, NDArray[Any]]
    """An array for each input, rows first."""
    truth: NDArray[Any]
    """What is right, rows first."""


def read_data(path: str | Path, inputs: Iterable[TensorSpec], labels: str = "") -> GateData:
    """Read the rows.

    Args:
        path: a `.npz` file.
        inputs: what the models take.
        labels: the name of the right answers' array; the first of `LABELS` that is there by default.

    Raises:
        InputNotFound: there is no such file.
        DataUnfit: it is no such file, or its arrays don't suit the models.
        ExtraMissing: NumPy is not installed.
    """
    arrays = _arrays(path)
    name = labels or next((each for each in LABELS if each in arrays), "")
    if name not in arrays:
        wanted = labels or say("one of {names}", names=LABELS)
        raise DataUnfit(path=path, problem=say("the right answers, {wanted}, are missing", wanted=wanted))
    truth = arrays.pop(name)
    specs = tuple(inputs)
    for spec in specs:
        if spec.name not in arrays:
            problem = say("the input {name!r} is missing; it holds {held}", name=spec.name, held=tuple(arrays))
            raise DataUnfit(path=path, problem=problem)
    taken = {spec.name: _as_declared(path, arrays[spec.name], spec) for spec in specs}
    _check_rows(path, taken, truth)
    return GateData(taken, truth)


def _arrays(path: str | Path) -> dict[str, NDArray[Any]]:
    try:
        import numpy as np
    except ImportError:
        raise ExtraMissing(job=say("reading arrays"), library="numpy", extra="onnx") from None
    import zipfile
    import zlib

    data = read(str(path), MAX_DATA_BYTES)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            if not hasattr(stored, "files"):
                raise DataUnfit(path=path, problem=say("it holds one array without a name"))
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        python = "pickle" in str(error)
        reason = say("it holds Python objects, which are not loaded") if python else str(error)
        problem = say("it is no .npz file of plain arrays ({reason})", reason=reason)
        raise DataUnfit(path=path, problem=problem) from None


def _as_declared(path: str | Path, array: NDArray[Any], spec: TensorSpec) -> NDArray[Any]:
    """The array with the element type that the model takes, where nothing is lost by it."""
    import numpy as np

    from airworthy.engines.datatypes import NUMPY

    wanted = NUMPY.get(spec.datatype, "")
    if not wanted or array.dtype.name == wanted:
        return array
    if array.dtype.kind not in "biuf" or wanted == "object":
        problem = say(
            "{name!r} holds {given}, the model takes {wanted}", name=spec.name, given=array.dtype, wanted=wanted
        )
        raise DataUnfit(path=path, problem=problem)
    changed = array.astype(wanted)
    floats = array.dtype.kind == "f" and np.dtype(wanted).kind == "f"
    if not floats and not np.array_equal(changed, array):
        problem = say("{name!r} holds numbers that {wanted} has not", name=spec.name, wanted=wanted)
        raise DataUnfit(path=path, problem=problem)
    return changed


def _check_rows(path: str | Path, inputs: Mapping[str, NDArray[Any]], truth: NDArray[Any]) -> None:
    import numpy as np

    lengths = {name: len(array) if array.ndim else 0 for name, array in {**inputs, "right answers": truth}.items()}
    if len(set(lengths.values())) != 1 or min(lengths.values()) < FEWEST_ROWS:
        told = ", ".join(f"{name}: {count}" for name, count in lengths.items())
        template = "its arrays need as many rows each, and {least} at least; they have {told}"
        problem = say(template, least=FEWEST_ROWS, told=told)
        raise DataUnfit(path=path, problem=problem)
    for name, array in {**inputs, "right answers": truth}.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DataUnfit(path=path, problem=say("{name} hold NaN or infinity", name=name))
