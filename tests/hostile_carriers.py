"""More pickles that act: calls in every container that a loader opens, arrays whose type hides objects, cut frames.

Made here and never loaded but by the confined reader of `random_pickles`; each, were it run, would only print.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

import hostile
import models

NAMES = (
    *("os.system", "posix.system", "builtins.eval", "builtins.exec", "subprocess.Popen", "runpy._run_code"),
    *("importlib.import_module", "shutil.rmtree", "socket.create_connection", "ctypes.CDLL", "pty.spawn"),
    *("webbrowser.open", "marshal.loads", "torch.load", "operator.attrgetter", "numpy.load", "site.addsitedir"),
)


def samples() -> Iterator[hostile.Sample]:
    """All samples, of classes beyond those of `hostile`."""
    yield from _frames()
    yield from _arrays()
    yield from _carriers()


# --- 15: frames ---------------------------------------------------------------------------------------------------


def frame(length: int) -> bytes:
    """A FRAME opcode."""
    return b"\x95" + struct.pack("<Q", length)


def hidden(name: str = "os.system") -> bytes:
    """A call that C's unpickler makes, and that lies within bytes for a reader that goes on where the frame ends.

    The frame ends one byte into a text of a hundred. C's unpickler drops that byte and reads a hundred behind the
    frame; read on, the text ends one byte earlier, and `CN` are not text and NONE but bytes of which there are 78.
    """
    module, _, function = name.rpartition(".")
    payload = f"0c{module}\n{function}\n(S'echo hostile'\ntR.".encode()
    return b"\x80\x04" + frame(6) + b"X\x64\0\0\0a" + b"x" * 99 + b"CN" + payload.ljust(ord("N"), b"x") + b"."


def _frames() -> Iterator[hostile.Sample]:
    for suffix in ("pkl", "joblib", "bin", "pt", "pth", "ckpt", "npy", "dill"):
        yield "15", f"a frame that hides a call, .{suffix}", suffix, hidden()
    for name in NAMES:
        yield "15", f"a frame that hides {name}", "pkl", hidden(name)
    call = hostile.call("os.system")
    for title, length in (("short", 5), ("long", len(call) + 1), ("empty", 0), ("far too long", 1 << 40)):
        yield "15", f"a call in a frame that is {title}", "pkl", b"\x80\x04" + frame(length) + call
    inner = frame(len(call)) + call
    yield "15", "a call in a frame in a frame", "pkl", b"\x80\x04" + frame(len(inner)) + inner


# --- 16: arrays ---------------------------------------------------------------------------------------------------

PAYLOAD = b"cbuiltins\nexec\n(S'import airworthy_hostile'\ntR."
RECORD = np.dtype([("a", "O"), ("b", "i8")])


def wrapped(kind: Any, sizes: Any, raw: bytes, **state: object) -> bytes:
    """A pickle of joblib's with one array whose bytes are given."""
    from joblib.numpy_pickle import NumpyArrayWrapper

    wrapper = NumpyArrayWrapper(np.ndarray, sizes, "C", kind, allow_mmap=True)
    wrapper.numpy_array_alignment_bytes = None
    wrapper.__dict__.update(state)
    return pickle.dumps(wrapper, protocol=2)[:-1] + raw + b"."


class _Forged:
    """A type as NumPy pickles it, with another state."""

    def __init__(self, code: object, *state: object) -> None:
        self.code, self.state = code, state

    def __reduce__(self) -> tuple[Any, ...]:
        made = (np.dtype, (self.code, False, True))
        return (*made, self.state) if self.state else made


def _fields(kind: object) -> dict[str, tuple[object, int]]:
    return {"a": (kind, 0), "b": (np.dtype("i8"), 8)}


_OBJECT, _NUMBER = np.dtype("O"), np.dtype("i8")
FORGED: dict[str, tuple[Any, tuple[int, ...]]] = {
    "a record of objects": (RECORD, (3,)),
    "fields of objects, flags of none": (_Forged("V16", 3, "|", None, ("a", "b"), _fields(_OBJECT), 16, 1, 0), (3,)),
    "fields of none, flags of objects": (_Forged("V16", 3, "|", None, ("a", "b"), _fields(_NUMBER), 16, 1, 63), (3,)),
    "flags alone": (_Forged("V16", 3, "|", None, None, None, 16, 1, 1), (3,)),
    "a number with flags": (_Forged("i8", 3, "<", None, None, None, -1, -1, 63), (6,)),
    "an old state": (_Forged("V16", 2, "|", None, ("a", "b"), _fields(_OBJECT), 16, 1), (3,)),
    "another width": (_Forged("V16", 3, "|", None, None, None, 8, 1, 0), (3,)),
    "an array of objects": (_Forged("V16", 3, "|", (_OBJECT, (2,)), None, None, 16, 1, 63), (3,)),
    "a comma": (_Forged("i8,O"), (3,)),
    "a word": (_Forged("object"), (3,)),
    "a list": (_Forged([("a", "O"), ("b", "i8")]), (3,)),
    "a class": (_Forged(object), (3,)),
}


class Runs:
    """An object that runs something when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("import airworthy_hostile",)


def after_numbers(data: bytes) -> bytes:
    """A pickle behind an array of numbers with the byte 0xFF, which ends whoever takes it for opcodes."""
    return wrapped(np.dtype("u1"), (1,), b"\xff")[:-1] + b"0" + data[2:]


def _arrays() -> Iterator[hostile.Sample]:
    for name, (kind, shape) in FORGED.items():
        data = wrapped(kind, shape, PAYLOAD.ljust(48, b"x"))
        yield "16", f"joblib, {name}", "joblib", data
        yield "16", f"joblib, behind numbers, {name}", "joblib", after_numbers(data)
    for title, kind in (("objects", "O"), ("records", RECORD), ("arrays in records", [("a", "O", (2,)), ("b", "i8")])):
        array = np.zeros(2, dtype=kind)
        target = array if array.dtype.names is None else array["a"]
        target.flat[0] = Runs()
        file = io.BytesIO()
        np.save(file, array, allow_pickle=True)
        yield "16", f"npy of acting {title}", "npy", file.getvalue()
        yield "16", f"npy of {title}, as .pkl", "pkl", pickle.dumps(array)
        file = io.BytesIO()
        np.savez_compressed(file, plain=np.ones(3), hidden=array)
        yield "16", f"npz of {title}", "npz", file.getvalue()
    for spelling in ("'O'", "'object'", "'O8'", "'i8,O'", "('O', (1,))", "[('a', 'O')]", "[('a', ('O', (1,)))]"):
        text = f"{{'descr': {spelling}, 'fortran_order': False, 'shape': (1,), }}".encode().ljust(117) + b"\n"
        head = b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text
        yield "16", f"npy, spelt {spelling}", "npy", head + hostile.call("os.system")


# --- 17: carriers -------------------------------------------------------------------------------------------------


def _legacy(call: bytes) -> bytes:
    parts = [pickle.dumps(value, protocol=2) for value in (0x1950A86A20F9469CFC6C, 1001, {})]
    return b"".join(parts) + call + pickle.dumps([], protocol=2)


def _object_array(call: bytes) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([None], dtype=object), allow_pickle=True)
    whole = file.getvalue()
    return whole[: whole.index(b"\n") + 1] + call


def _npz(call: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", _object_array(call))
    return file.getvalue()


def _old_joblib(call: bytes) -> bytes:
    return b"ZF" + hex(len(call)).encode().ljust(19) + zlib.compress(call)


def _lz4(call: bytes) -> bytes:
    return b"\x04\x22\x4d\x18\x40\x40\xc0" + struct.pack("<I", len(call) | 1 << 31) + call + bytes(4)


def _package(call: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("p/.data/extern_modules", "os\n")
        archive.writestr("p/.data/version", "6\n")
        archive.writestr("p/model/model.pkl", call)
    return file.getvalue()


def _checkpoint(call: bytes) -> bytes:
    value = {"w": models.Call("torch.Size", (1, 2))}
    body = models.torch_pickle(value)[:-1]
    return hostile.zipped(body + b"0" + call[2:] if call.startswith(b"\x80") else body + b"0" + call)


def _nested(call: bytes) -> bytes:
    return b"\x80\x04]\x94(K\x01}\x94\x8c\x01a" + call.removesuffix(b".") + b"se."


_CONTAINERS = (
    ("zlib", "joblib", zlib.compress),
    ("gzip", "pkl", gzip.compress),
    ("bz2", "pkl", bz2.compress),
    ("xz", "pkl", lzma.compress),
    ("lz4", "joblib", _lz4),
    ("old joblib", "joblib", _old_joblib),
    ("npy", "npy", _object_array),
    ("npz", "npz", _npz),
    ("zip of PyTorch", "pt", hostile.zipped),
    ("checkpoint of PyTorch", "ckpt", _checkpoint),
    ("old PyTorch", "pth", _legacy),
    ("torch.package", "pt", _package),
    ("a list in a table", "pkl", _nested),
    ("a model of no suffix", "dat", lambda call: b"\x80\x04" + call),
)


def _ways(name: str) -> Iterator[tuple[str, bytes]]:
    module, _, function = name.rpartition(".")
    argument = hostile.ARGUMENT
    names = f"{module}\n{function}\n".encode()
    yield "REDUCE", b"c" + names + b"(" + argument + b"tR."
    yield "INST", b"(" + argument + b"i" + names + b"."
    yield "OBJ", b"(c" + names + argument + b"o."
    yield "NEWOBJ", b"c" + names + b"(" + argument + b"t\x81."
    texts = b"".join(b"\x8c" + bytes((len(each),)) + each.encode() for each in (module, function))
    yield "STACK_GLOBAL", texts + b"\x93(" + argument + b"tR."
    lines = f"V{module}\nV{function}\n".encode()
    yield "UNICODE", lines + b"\x93(" + argument + b"tR."


def _carriers() -> Iterator[hostile.Sample]:
    for number, name in enumerate(NAMES):
        for index, (way, call) in enumerate(_ways(name)):
            yield "17", f"{name} by {way}", "pkl", b"\x80\x04" + call
            # Each name goes into each container, by another opcode each time.
            for title, suffix, pack in _CONTAINERS[index :: len(list(_ways(name)))]:
                yield "17", f"{name} by {way} in {title} {number}", suffix, pack(call)


def at_random(count: int, python: str) -> Iterator[hostile.Sample]:
    """Pickles at random of which C's unpickler asks for a function that acts, as the confined reader says."""
    import random_pickles

    made = random_pickles.pickles(random.Random(154848))
    found = 0
    while found < count:
        batch = [next(made) for _ in range(2000)]
        for data, names in zip(batch, random_pickles.asked(python, batch), strict=True):
            if found < count and {("os", "system"), ("builtins", "eval")} & set(names):
                found += 1
                yield "18", f"at random {found}", "pkl", data
