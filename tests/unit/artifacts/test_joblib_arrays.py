"""Arrays in pickles of joblib and in files of NumPy: whether they hold objects is what NumPy makes of their type."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airworthy.artifacts.encodings.damage import Damaged
from airworthy.artifacts.encodings.joblib_arrays import element_of
from airworthy.artifacts.encodings.pickle_machine import Machine
from airworthy.artifacts.encodings.pickle_opcodes import Bounded, Unfollowable
from airworthy.artifacts.encodings.pickles import scan
from airworthy.artifacts.formats.numpy_files import read_header
from hostile_carriers import FORGED, PAYLOAD, RECORD, Runs, after_numbers, wrapped

PLAIN = ("b", "B", "h", "<i4", ">i8", "f2", "f4", ">f8", "c8", "c16", "?", "S3", "U5", ">U2", "V7", "M8[ns]", "m8[D]")
OBJECTS = ("O", "|O")


def types() -> st.SearchStrategy[np.dtype]:
    """Types of NumPy: plain, records in records, arrays in fields, aligned, with titles and offsets of their own."""
    base = st.sampled_from((*PLAIN, *OBJECTS)).map(np.dtype)

    def records(inner: st.SearchStrategy[np.dtype]) -> st.SearchStrategy[np.dtype]:
        shapes = st.sampled_from(((), (2,), (2, 3), (1,)))
        fields = st.lists(st.tuples(inner, shapes), min_size=1, max_size=4)

        def made(parts: list[tuple[np.dtype, tuple[int, ...]]], aligned: bool, titled: bool) -> np.dtype:
            names = [(f"t{n}", f"f{n}") if titled else f"f{n}" for n in range(len(parts))]
            return np.dtype([(name, *part) for name, part in zip(names, parts, strict=True)], align=aligned)

        return st.builds(made, fields, st.booleans(), st.booleans())

    return st.recursive(base, records, max_leaves=6)


def followed(data: bytes) -> Any:
    machine = Machine()
    machine.run(Bounded(io.BytesIO(data)))
    return machine.root


@settings(max_examples=300, deadline=None)
@given(kind=types(), protocol=st.integers(0, 5))
def test_a_pickled_type_says_what_numpy_says(kind: np.dtype, protocol: int) -> None:
    found = element_of(followed(pickle.dumps(kind, protocol=protocol)))
    assert (found.objects, found.width) == (kind.hasobject, kind.itemsize)


@settings(max_examples=200, deadline=None)
@given(kind=types())
def test_a_header_says_what_numpy_says(kind: np.dtype) -> None:
    file = io.BytesIO()
    try:
        np.save(file, np.zeros(2, dtype=kind), allow_pickle=True)
    except ValueError:  # a type that no header can hold
        return
    whole = file.getvalue()
    header = read_header(whole, len(whole))
    read_back = np.lib.format.descr_to_dtype(np.lib.format.dtype_to_descr(kind))
    assert (header.needed is None) == read_back.hasobject == kind.hasobject
    assert header.needed in (None, 2 * read_back.itemsize)


SPELT = (
    *("object", "O8", "|O8", "=O8", "<O", "i4,O", "O,i4", "(2,)O", "2O", "f8, |O", "object_", "O4", "V8,(3,)O"),
    *("O,", ",O", " O", "O ", "i4, (2,2)O8", "|O,|O"),
    *([("a", "object")], [("a", "O8", (2,))], [("a", [("b", "<i4,O")])], [("a", ("O", (2,)))], ("O", (2,))),
)


@pytest.mark.parametrize("descr", SPELT, ids=repr)
def test_a_type_of_objects_is_one_however_it_is_spelt(descr: object) -> None:
    """Where NumPy builds a type that holds objects, the header is read as one of objects, or refused."""
    try:
        built = np.lib.format.descr_to_dtype(descr)
    except (TypeError, ValueError, SyntaxError):
        built = None
    text = repr({"descr": descr, "fortran_order": False, "shape": (2,)}).encode().ljust(117) + b"\n"
    whole = b"\x93NUMPY\x01\0" + len(text).to_bytes(2, "little") + text
    try:
        needed = read_header(whole, len(whole)).needed
    except Damaged:
        return
    assert built is None or (built.hasobject and needed is None)


def test_a_header_of_python_2_is_read() -> None:
    text = b"{'descr': '<f8', 'fortran_order': False, 'shape': (2L, 3L), }".ljust(117) + b"\n"
    header = read_header(b"\x93NUMPY\x01\0" + len(text).to_bytes(2, "little") + text, 300)
    assert (header.shape, header.needed) == ((2, 3), 48)


CLEAN = {
    "numbers": np.arange(5.0),
    "texts": np.array(["one", "two", "longer"]),
    "bytes": np.array([b"a", b"bc"]),
    "dates": np.array(["2024-01-01", "2025-02-03"], dtype="M8[ns]"),
    "spans": np.array([1, 2], dtype="m8[h]"),
    "records": np.zeros(3, dtype=[("a", "f4"), ("b", "i2", (2,))]),
    "aligned": np.zeros(3, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "objects": np.array([1, "x", None], dtype=object),
    "records of objects": np.array([(1, "x"), (2, None)], dtype=[("n", "i8"), ("o", "O")]),
    "nothing": np.zeros((0, 3)),
    "a scalar": np.array(1.5),
    "big endian": np.arange(3, dtype=">i4"),
    "by columns": np.asfortranarray(np.ones((2, 3))),
    "a matrix": np.ones((2, 2)).view(np.matrix),
}


def names(data: bytes) -> dict[str, bool]:
    return {each.name or each.reason: each.allowed for each in scan(Bounded(io.BytesIO(data)), "m").imports}


@pytest.mark.parametrize("name", CLEAN)
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_what_joblib_writes_is_followed(tmp_path: Path, name: str, protocol: int) -> None:
    joblib.dump({"first": CLEAN[name], "again": [CLEAN[name], 7]}, tmp_path / "m.joblib", protocol=protocol)
    found = scan(Bounded(io.BytesIO((tmp_path / "m.joblib").read_bytes())), "m")
    assert all(each.allowed for each in found.imports), found.imports
    assert found.broken == ""


@pytest.mark.parametrize("kind", [object, [("a", "O")], [("n", "i8"), ("o", "O", (2,))], [("x", [("y", "O")])]])
def test_a_call_in_an_array_of_objects_is_told(tmp_path: Path, kind: Any) -> None:
    array = np.zeros(1, dtype=kind)
    array.flat[0] = Runs() if kind is object else tuple([Runs()] if len(array.dtype) == 1 else (1, [Runs(), 0]))
    if array.dtype == np.dtype([("x", [("y", "O")])]):
        array["x"]["y"][0] = Runs()
    joblib.dump(array, tmp_path / "m.joblib")
    assert names((tmp_path / "m.joblib").read_bytes())["builtins.exec"] is False
    np.save(tmp_path / "m.npy", array, allow_pickle=True)
    assert b"exec" in (tmp_path / "m.npy").read_bytes()


@pytest.mark.parametrize("name", FORGED)
def test_a_call_among_the_bytes_of_an_array_is_never_stepped_over(name: str) -> None:
    """What joblib unpickles is followed, or the file refused."""
    kind, shape = FORGED[name]
    data = wrapped(kind, shape, PAYLOAD.ljust(48, b"x"))
    assert not all(names(data).values()), names(data)


def test_what_was_stepped_over_runs_in_joblib(tmp_path: Path) -> None:
    """The file that shows why, loaded by joblib in a process of its own in which the call is a harmless import."""
    path = tmp_path / "m.joblib"
    path.write_bytes(after_numbers(wrapped(RECORD, (3,), PAYLOAD.ljust(48, b"x"))))
    (tmp_path / "airworthy_hostile.py").write_text("import json, sys; json.dump(['ran'], sys.stdout)")
    code = "import joblib, sys\ntry: joblib.load(sys.argv[1])\nexcept Exception: pass"
    done = subprocess.run(
        [sys.executable, "-c", code, path], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(done.stdout) == ["ran"]
    assert names(path.read_bytes())["builtins.exec"] is False


STATES: dict[str, dict[str, object]] = {
    "a padding that is no number": {"numpy_array_alignment_bytes": "16"},
    "a padding": {"numpy_array_alignment_bytes": 16},
    "a shape as a list": {"shape": [48]},
    "no shape": {"shape": None},
}


@pytest.mark.parametrize("name", STATES)
def test_a_state_is_read_as_joblib_reads_it(name: str) -> None:
    """Behind a byte of padding's length and the padding comes the array: wherever it is, the call behind is seen."""
    raw = b"\x05" + b"." * 5 + bytes(48)
    found = names(wrapped(np.dtype("u1"), (48,), raw, **STATES[name])[:-1] + b"0" + PAYLOAD)
    assert not all(found.values()), found


def test_a_type_that_denies_its_objects_is_refused_in_any_pickle() -> None:
    """NumPy would take the bytes of an array, or of a single value, for addresses of objects."""
    forged, _ = FORGED["fields of objects, flags of none"]
    assert any("deny that it holds objects" in each for each in names(pickle.dumps([forged], protocol=2)))
    plain = b"cnumpy\ndtype\n(S'O8'\nI00\nI01\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntb."
    assert any("deny that it holds objects" in each for each in names(plain))


def test_a_type_or_a_wrapper_that_is_built_twice_is_refused() -> None:
    whole = pickle.dumps(RECORD, protocol=2)[:-1]
    again = pickle.dumps((3, "|", None, None, None, 16, 1, 0), protocol=2)[2:-1]
    with pytest.raises(Unfollowable):
        element_of(followed(whole + again + b"b."))
    twice = wrapped(np.dtype("u1"), (1,), b"\0")[:-1] + b"}b."
    assert any("does not write" in name for name in names(twice))
