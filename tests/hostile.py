"""Pickles that act, by the fourteen classes of tricks by which scanners were passed; made here, and never loaded.

Each sample is a file of its own, whose payload, were it run, would only print.
"""

from __future__ import annotations

import io
import pickle
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import models

Sample = tuple[str, str, str, bytes]
"""Class, a name for the sample, its suffix, its bytes."""

ARGUMENT = b"S'echo hostile'\n"


def call(name: str, argument: bytes = ARGUMENT, *, protocol: bytes = b"") -> bytes:
    """A pickle that calls a function of a module with one argument."""
    module, _, function = name.rpartition(".")
    return protocol + f"c{module}\n{function}\n".encode() + b"(" + argument + b"tR."


def stacked(module: str, name: str) -> bytes:
    """A name looked up by STACK_GLOBAL, then called."""
    texts = b"".join(b"\x8c" + bytes((len(text),)) + text.encode() + b"\x94" for text in (module, name))
    return b"\x80\x04" + texts + b"\x93(" + ARGUMENT + b"tR."


def zipped(pickled: bytes, *, member: str = "archive/data.pkl", compression: int = zipfile.ZIP_STORED) -> bytes:
    """A PyTorch archive around a pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr(member, pickled)
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/data/0", b"\0" * 16)
    return file.getvalue()


DIRECT = (
    *("timeit.timeit", "cProfile.run", "cProfile.runctx", "profile.run", "trace.Trace.run", "doctest.debug_script"),
    *("code.InteractiveInterpreter.runcode", "bdb.Bdb.run", "pdb.run", "runpy._run_code", "pty.spawn", "venv.create"),
    *("idlelib.autocomplete.AutoComplete.get_entity", "idlelib.calltip.get_entity", "idlelib.run.Executive.runcode"),
    *("idlelib.debugobj.ObjectTreeItem.SetText", "idlelib.pyshell.ModifiedInterpreter.runcode"),
    *("lib2to3.pgen2.grammar.Grammar.loads", "lib2to3.pgen2.pgen.ParserGenerator.make_label", "ensurepip._run_pip"),
    *("pip.main", "pydoc.pipepager", "os.system", "builtins.eval", "builtins.exec", "subprocess.Popen"),
)
PRIVATE = (
    *("_operator.attrgetter", "_io.FileIO", "_osx_support._read_output", "_aix_support._read_cmd_output"),
    *("_pyrepl.pager.pipe_pager", "uuid._get_command_stdout", "nt.system", "posix.system", "imp.load_source"),
    *("asyncio.unix_events._UnixSubprocessTransport._start", "pipes.Template", "_posixsubprocess.fork_exec"),
)
LIBRARIES = (
    *("torch.utils.bottleneck.__main__.run_cprofile", "torch._dynamo.guards.GuardBuilder.get"),
    *("torch.fx.experimental.symbolic_shapes.ShapeEnv.evaluate_guards_expression", "torch.utils.collect_env.run"),
    *("torch.jit.unsupported_tensor_ops.execWrapper", "torch._inductor.codecache.compile_file"),
    *("numpy.f2py.crackfortran.getlincoef", "numpy.testing._private.utils.runstring", "torch.hub.load"),
    *("numpy.testing._private.utils.rundocs", "torch.utils.cpp_extension.load_inline"),
)
SECOND = (
    *("pickle.loads", "_pickle.loads", "torch.load", "torch.storage._load_from_bytes", "joblib.load", "numpy.load"),
    *("torch.utils._config_module.ConfigModule.load_config", "pandas.read_pickle", "dill.loads", "cloudpickle.loads"),
    *("torch.utils.data.datapipes.utils.decoder.basichandlers", "functools.partial", "marshal.loads"),
)
OTHER_HARM = (
    *("distutils.file_util.write_file", "logging.FileHandler", "io.FileIO", "io.open", "urllib.request.urlopen"),
    *("ssl.get_server_certificate", "imaplib.IMAP4_stream", "ctypes.CDLL", "shutil.rmtree", "socket.create_connection"),
    *("webbrowser.open", "smtplib.SMTP", "http.client.HTTPSConnection", "sqlite3.connect", "pathlib.Path"),
)


def samples() -> Iterator[Sample]:
    """All samples."""
    for number, names in (("1", DIRECT), ("2", PRIVATE), ("3", LIBRARIES), ("4", SECOND), ("12", OTHER_HARM)):
        for name in names:
            yield number, name, "pkl", call(name)
    inner = pickle.dumps(call("os.system"), protocol=0)[:-1]
    yield "4", "pickle in a pickle", "pkl", call("pickle.loads", inner)
    yield "4", "in an archive", "pt", zipped(call("torch.storage._load_from_bytes"))
    yield from _indirect()
    yield from _code_objects()
    yield from _memo()
    yield from _opcodes()
    yield from _breaks()
    yield from _legacy()
    yield from _containers()
    yield from _sabotage()
    yield "14", "the unpickler of C", "pkl", call("_pickle.Unpickler", b"N")
    yield "14", "the unpickler of Python", "pkl", call("pickle._Unpickler", b"N")
    yield "14", "a loader's own", "pkl", call("torch.serialization._legacy_load", b"N")
    yield "14", "a subclass of it", "pkl", call("torch._weights_only_unpickler.Unpickler", b"N")


def _indirect() -> Iterator[Sample]:
    yield "5", "pkgutil.resolve_name", "pkl", call("pkgutil.resolve_name", b"S'os:system'\n")
    yield "5", "pydoc.locate", "pkl", call("pydoc.locate", b"S'os.system'\n")
    yield "5", "operator.methodcaller", "pkl", call("operator.methodcaller", b"S'system'\nS'echo'\n")
    yield "5", "operator.attrgetter", "pkl", call("operator.attrgetter", b"S'system'\n")
    yield "5", "importlib.import_module", "pkl", call("importlib.import_module", b"S'os'\n")
    yield "5", "builtins.getattr", "pkl", call("builtins.getattr", b"cos\nsystem\nS'x'\n")
    yield "5", "dotted name", "pkl", stacked("torch", "serialization.os.system")
    yield "5", "dotted name of an allowed class", "pkl", stacked("collections", "OrderedDict.__reduce_ex__")
    yield "5", "dotted name in a module", "pkl", stacked("numpy", "testing._private.utils.runstring")
    yield "5", "looked up and called", "pkl", b"cpkgutil\nresolve_name\n(S'os:system'\ntR(S'echo'\ntR."
    yield "5", "bound to a call", "pkl", b"cfunctools\npartial\n(cos\nsystem\nS'echo'\ntR)R."


def _code_objects() -> Iterator[Sample]:
    yield "6", "types.CodeType", "pkl", b"ctypes\nCodeType\n(I0\nI0\nI0\ntR."
    yield "6", "types.FunctionType", "pkl", b"ctypes\nFunctionType\n(ctypes\nCodeType\n(I0\ntR}tR)R."
    for name in ("_make_function", "_builtin_type", "_make_skel_func", "_make_empty_cell"):
        yield "6", f"cloudpickle {name}", "pkl", call(f"cloudpickle.cloudpickle.{name}", b"S'CodeType'\n")
    yield "6", "marshal", "pkl", call("marshal.loads", b"S'c'\n")
    yield "6", "dill", "pkl", call("dill._dill._create_function", b"N")


def _memo() -> Iterator[Sample]:
    system = b"\x8c\x06system"
    # PUT at 0, then MEMOIZE lands at 1: a scanner that counts MEMOIZE from 0 reads the harmless pair.
    yield (
        "7",
        "put and memoize mixed",
        "pkl",
        (b"\x80\x04\x8c\x02osq\x000" + system + b"\x940\x8c\x0bcollectionsq\x050h\x00h\x01\x93(" + ARGUMENT + b"tR."),
    )
    yield (
        "7",
        "an index out of order",
        "pkl",
        (b"\x80\x04\x8c\x02osr\xff\xff\x00\x000" + system + b"q\x070j\xff\xff\x00\x00h\x07\x93(" + ARGUMENT + b"tR."),
    )
    yield (
        "7",
        "an entry written twice",
        "pkl",
        (b"\x80\x04\x8c\x0bcollectionsq\x000\x8c\x02osq\x000" + system + b"q\x010h\x00h\x01\x93(" + ARGUMENT + b"tR."),
    )
    yield "7", "a missing entry", "pkl", b"\x80\x04h\x63" + call("os.system")
    yield "7", "a payload before a missing entry", "pkl", call("os.system")[:-1] + b"h\x63."
    yield "7", "a value that is no text", "pkl", b"\x80\x04K\x01q\x000" + system + b"q\x010h\x00h\x01\x93."
    yield (
        "7",
        "a name made by a call",
        "pkl",
        (b"\x80\x04cbuiltins\nstr\n(S'os'\ntRq\x000" + system + b"q\x010h\x00h\x01\x93(" + ARGUMENT + b"tR."),
    )
    yield (
        "7",
        "a class changed, then used",
        "pkl",
        (b"\x80\x04ccollections\nOrderedDict\nN}\x8c\x06updatecos\nsystem\ns\x86b(" + ARGUMENT + b"tR."),
    )
    yield "7", "an attribute of a module", "pkl", b"\x80\x02ctorch\nTensor\n}U\x01xcos\nsystem\nsb."


def _opcodes() -> Iterator[Sample]:
    yield "8", "INST", "pkl", b"(" + ARGUMENT + b"ios\nsystem\n."
    yield "8", "OBJ", "pkl", b"(cos\nsystem\n" + ARGUMENT + b"o."
    yield "8", "STRING", "pkl", b"\x80\x04S'os'\nS'system'\n\x93(" + ARGUMENT + b"tR."
    yield "8", "BINSTRING", "pkl", b"\x80\x04T\x02\0\0\0osT\x06\0\0\0system\x93(" + ARGUMENT + b"tR."
    yield "8", "UNICODE", "pkl", b"\x80\x04Vos\nVsystem\n\x93(" + ARGUMENT + b"tR."
    yield (
        "8",
        "BINUNICODE8",
        "pkl",
        (
            b"\x80\x04\x8d"
            + struct.pack("<Q", 2)
            + b"os\x8d"
            + struct.pack("<Q", 6)
            + b"system\x93("
            + ARGUMENT
            + b"tR."
        ),
    )
    yield "8", "PROTO twice", "pkl", b"\x80\x04\x80\x02" + call("os.system")
    yield "8", "PROTO in the middle", "pkl", b"cos\nsystem\n\x80\x04(" + ARGUMENT + b"tR."
    yield "8", "NEWOBJ", "pkl", b"\x80\x04csubprocess\nPopen\n(" + ARGUMENT + b"t\x81."
    yield "8", "NEWOBJ_EX", "pkl", b"\x80\x04csubprocess\nPopen\n(" + ARGUMENT + b"t}\x92."
    yield "8", "EXT1", "pkl", b"\x80\x02\x82\x01(" + ARGUMENT + b"tR."
    yield "8", "FRAME of a wrong length", "pkl", b"\x80\x04\x95" + struct.pack("<Q", 3) + call("os.system")
    yield "8", "persistent id", "pkl", b"\x80\x02cos\nsystem\nQ(" + ARGUMENT + b"tR."


def _breaks() -> Iterator[Sample]:
    yield "9", "a broken tail", "pkl", call("os.system")[:-1] + b"\xff\xff"
    yield "9", "cut before its end", "pkl", call("os.system")[:-1]
    yield "9", "bytes that are no UTF-8", "pkl", b"\x80\x02c\xff\xfe\nsystem\n0" + call("os.system")
    yield "9", "a number that is none", "pkl", call("os.system")[:-1] + b"Ix\n."
    for count in range(1, 5):
        yield "9", f"pickle {count + 1} of the file", "pkl", pickle.dumps([1]) * count + call("os.system")
    yield "9", "after the end of an archive's pickle", "pt", zipped(pickle.dumps({}) + call("os.system"))


def _legacy() -> Iterator[Sample]:
    magic = b"cbuiltins\neval\n(S'0x1950a86a20f9469cfc6c'\ntR."
    rest = b"".join(pickle.dumps(value, protocol=2) for value in (1001, {}, {}, []))
    yield "10", "a magic number that is computed", "pt", magic + rest
    yield "10", "the same with a protocol", "pth", b"\x80\x02" + magic + rest
    true = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)
    yield "10", "in the second pickle", "pt", true + call("os.system") + rest
    yield "10", "in the fourth pickle", "pt", true + rest[: len(rest) // 2] + call("os.system")


def _containers() -> Iterator[Sample]:
    whole = zipped(call("os.system"))
    central = whole.index(b"PK\x01\x02")
    for flag in (0x1, 0x20, 0x40):
        for places in ((6, central + 8), (central + 8,), (6,)):
            broken = bytearray(whole)
            for place in places:
                broken[place] |= flag
            yield "11", f"flag {flag:#x} at {len(places)} of {places[0]}", "pt", bytes(broken)
    broken = bytearray(whole)
    broken[14] ^= 0xFF
    broken[central + 16] ^= 0xFF
    yield "11", "a wrong checksum", "pt", bytes(broken)
    yield "11", "two names", "pt", whole.replace(b"archive/data.pkl", b"archive/data.txt", 1)
    yield (
        "11",
        "a member's other suffix",
        "pt",
        _second_member(),
    )
    yield "11", "under another suffix", "bin", whole
    yield "11", "under no model's suffix", "txt", call("os.system", protocol=b"\x80\x04")
    yield "11", "deflated", "pt", zipped(call("os.system"), compression=zipfile.ZIP_DEFLATED)
    yield "11", "a packed member without a telling name", "pt", _hidden_member()
    yield "11", "7-Zip", "pt", b"7z\xbc\xaf\x27\x1c\x00\x04" + call("os.system")
    yield "11", "packed by zlib", "joblib", zlib.compress(b"\x80\x04" + call("os.system"))
    array = io.BytesIO()
    np.save(array, np.array([_Printing()], dtype=object), allow_pickle=True)
    yield "11", "an array of objects", "npy", array.getvalue()
    arrays = io.BytesIO()
    np.savez(arrays, a=np.ones(3), b=np.array([_Printing()], dtype=object))
    yield "11", "an array of objects in an archive", "npz", arrays.getvalue()
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
        archive.writestr("archive/data/sample_inputs/model.pt", whole)
    yield "11", "an archive in the archive", "pt", outer.getvalue()


def _second_member() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
        archive.writestr("archive/config.dat", call("os.system"))
    return file.getvalue()


def _hidden_member() -> bytes:
    """A deflated member without a telling name, whose packed tables are longer than a short look."""
    chance = random.Random(1)
    parts = [bytes(chance.choices(range(256), weights=[n % 97 + 1 for n in range(256)], k=250)) for _ in range(60)]
    noise = b"".join(b"C" + bytes((len(part),)) + part + b"0" for part in parts)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
        archive.writestr("archive/extra", b"\x80\x04" + noise + call("os.system"))
    return file.getvalue()


class _Printing:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("hostile",)


def _sabotage() -> Iterator[Sample]:
    for name in ("picklescan.scanner.main", "fickling.hook.remove_hook", "modelscan.cli.main", "airworthy.inspect"):
        yield "13", f"imports {name}", "pkl", call(name)
    laughs = b"\x80\x02(K\x01tq\x00" + b"".join(b"0(" + b"h\x00" * 9 + b"tq\x00" for _ in range(40)) + b"."
    yield "13", "laughs of tuples", "pkl", laughs
    layers = b"".join(b"0]q" + bytes((n,)) + b"(" + (b"h" + bytes((n - 1,))) * 10 + b"e" for n in range(1, 40))
    yield "13", "laughs of lists", "pkl", b"\x80\x02]q\x00K\x01a" + layers + b"."
    # Filled from the outside in: no list is large when it is put into the next.
    empty = b"".join(b"]q" + bytes((n,)) + b"0" for n in range(40))
    filled = b"".join(b"h" + bytes((n,)) + b"(" + (b"h" + bytes((n - 1,))) * 10 + b"e0" for n in range(39, 0, -1))
    yield "13", "laughs filled from the outside", "pkl", b"\x80\x02" + empty + filled + b"h\x27."
    yield "13", "a number of a billion digits", "pkl", b"\x80\x02\x8b\xff\xff\xff\x7f" + call("os.system")
    yield "13", "memory asked for", "pkl", b"\x80\x02cbuiltins\nbytearray\n(I10000000000000\ntR."


def write(sample: Sample, folder: Path) -> Path:
    """Write a sample to a file of its own."""
    number, name, suffix, content = sample
    safe = "".join(each if each.isalnum() else "-" for each in f"{number}-{name}")
    path = folder / f"{safe}.{suffix}"
    path.write_bytes(content)
    return path


# --- what has to pass -----------------------------------------------------------------------------------------------


def _tensor(key: str, *shape: int) -> models.Call:
    count = int(np.prod(shape))
    hooks = models.Call("collections.OrderedDict")
    strides = tuple(int(np.prod(shape[axis + 1 :])) for axis in range(len(shape)))
    return models.Call("torch._utils._rebuild_tensor_v2", models.Stored(key, count), 0, shape, strides, False, hooks)


def _torch(value: object, *storages: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", models.torch_pickle(value))
        for key, count in enumerate(storages):
            archive.writestr(f"archive/data/{key}", np.linspace(-1, 1, count, dtype=np.float32).tobytes())
        archive.writestr("archive/version", "3\n")
    return file.getvalue()


def benign() -> Iterator[Sample]:
    """Checkpoints as trainers, arrays and libraries write them: fifty that hold nothing but data."""
    import argparse
    import datetime as dt
    import decimal
    import fractions
    import pathlib
    import types
    import uuid
    from collections import Counter, OrderedDict, defaultdict, deque

    weight, bias = _tensor("0", 2, 3), _tensor("1", 3)
    state = {"layer.weight": weight, "layer.bias": bias}
    yield "benign", "state dict", "pt", _torch(state, 6, 3)
    yield "benign", "state dict as pytorch_model.bin", "bin", _torch(state, 6, 3)
    yield "benign", "tied tensors", "pt", _torch({"embed.weight": weight, "head.weight": weight}, 6, 3)
    yield "benign", "nested state", "ckpt", _torch({"state_dict": state, "epoch": 3, "global_step": 10_000}, 6, 3)
    yield "benign", "list of tensors", "pt", _torch([weight, bias], 6, 3)
    yield "benign", "tuple of tensors", "pt", _torch((weight, bias), 6, 3)
    yield (
        "benign",
        "parameters",
        "pt",
        _torch(
            {"w": models.Call("torch._utils._rebuild_parameter", weight, True, models.Call("collections.OrderedDict"))},
            6,
        ),
    )
    adam = {"step": 10, "exp_avg": weight, "exp_avg_sq": weight}
    group = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01, "amsgrad": False, "params": [0, 1]}
    yield "benign", "Adam", "pt", _torch({"state": {0: adam, 1: adam}, "param_groups": [group]}, 6)
    sgd = {"momentum_buffer": bias}
    yield "benign", "SGD", "pt", _torch({"state": {0: sgd}, "param_groups": [{"lr": 0.1, "params": [0]}]}, 6, 3)
    yield (
        "benign",
        "model, optimizer and scheduler",
        "pth",
        _torch(
            {
                "model": state,
                "optimizer": {"state": {0: adam}, "param_groups": [group]},
                "scheduler": {"last_epoch": 3},
            },
            6,
            3,
        ),
    )
    yield (
        "benign",
        "Lightning",
        "ckpt",
        _torch(
            {
                "pytorch-lightning_version": "2.1.0",
                "state_dict": state,
                "loops": {"fit": None},
                "callbacks": {},
                "epoch": 1,
            },
            6,
            3,
        ),
    )
    yield "benign", "with a size", "pt", _torch({"w": weight, "size": models.Call("torch.Size", (2, 3))}, 6)
    yield (
        "benign",
        "with a device and a type",
        "pt",
        _torch({"d": models.Call("torch.device", "cpu"), "t": models.Name("torch.float16"), "w": weight}, 6),
    )
    scalar = models.Call("numpy.core.multiarray.scalar", models.Call("numpy.dtype", "f8", False, True), "x" * 8)
    yield "benign", "NumPy scalar of an old release", "pt", _torch({"best": scalar, "model": state}, 6, 3)
    scalar = models.Call("numpy._core.multiarray.scalar", models.Call("numpy.dtype", "i8", False, True), "x" * 8)
    yield "benign", "NumPy scalar of a new release", "pt", _torch({"step": scalar, "model": state}, 6, 3)
    yield "benign", "random state", "pt", _torch({"rng": _tensor("0", 16), "python": (3, tuple(range(625)), None)}, 16)
    yield "benign", "many layers", "pt", _torch({f"h.{n}.w": _tensor(str(n), 2) for n in range(200)}, *([2] * 200))
    yield (
        "benign",
        "sparse and quantised",
        "pt",
        _torch({"q": models.Name("torch.qint8"), "s": models.Name("torch.per_tensor_affine"), "w": weight}, 6),
    )
    for protocol in range(6):
        value = {"a": [1, -5, 2**70, 1.5, None, True], "b": (1, "x", b"y"), "c": {1, 2}, "e": bytearray(b"z")}
        yield "benign", f"plain values, protocol {protocol}", "pkl", pickle.dumps(value, protocol=protocol)
    arrays = {"w": np.ones((4, 4), np.float32), "i": np.arange(5), "s": np.float64(0.5), "t": np.array(["a", "b"])}
    for protocol in (2, 4, 5):
        yield "benign", f"arrays, protocol {protocol}", "pkl", pickle.dumps(arrays, protocol=protocol)
    yield "benign", "array of objects", "pkl", pickle.dumps(np.array([1, "x", None], dtype=object))
    yield "benign", "structured array", "pkl", pickle.dumps(np.zeros(3, dtype=[("a", "f4"), ("b", "i2")]))
    yield "benign", "dates in an array", "pkl", pickle.dumps(np.array(["2024-01-01"], dtype="M8[D]"))
    yield "benign", "random generator", "pkl", pickle.dumps(np.random.default_rng(1))
    yield "benign", "random state of NumPy", "pkl", pickle.dumps(np.random.RandomState(1))
    yield "benign", "scalars", "pkl", pickle.dumps([np.float32(1), np.int64(2), np.bool_(True), np.float16(3)])
    yield "benign", "types", "pkl", pickle.dumps([np.dtype("f4"), np.float32, np.dtype([("a", "f4")])])
    yield "benign", "ordered", "pkl", pickle.dumps(OrderedDict(a=1, b=OrderedDict(c=2)))
    yield "benign", "counter", "pkl", pickle.dumps(Counter("hello world"))
    yield "benign", "default table", "pkl", pickle.dumps(defaultdict(list, {"a": [1]}))
    yield "benign", "queue", "pkl", pickle.dumps(deque([1, 2, 3], maxlen=5))
    yield "benign", "arguments", "pkl", pickle.dumps(argparse.Namespace(lr=0.1, name="x"))
    yield "benign", "simple namespace", "pkl", pickle.dumps(types.SimpleNamespace(lr=0.1))
    now = dt.datetime(2024, 1, 2, tzinfo=dt.timezone.utc)
    yield "benign", "dates", "pkl", pickle.dumps([now, now.date(), dt.timedelta(1)])
    yield "benign", "paths", "pkl", pickle.dumps(pathlib.PurePosixPath("/data/x"))
    yield (
        "benign",
        "numbers of other kinds",
        "pkl",
        pickle.dumps([decimal.Decimal("1.5"), fractions.Fraction(1, 3), 1j]),
    )
    yield "benign", "identifier", "pkl", pickle.dumps(uuid.UUID(int=5))
    yield "benign", "slices and sets", "pkl", pickle.dumps([slice(1, 2), frozenset({1}), ...][:2])
    yield "benign", "shared many times", "pkl", pickle.dumps([["x"] * 100] * 1000)
    ring: list[object] = [1]
    ring.append(ring)
    yield "benign", "a ring", "pkl", pickle.dumps(ring)
    yield "benign", "training log", "pkl", pickle.dumps([{"loss": n / 7, "step": n} for n in range(2000)])
    yield "benign", "vocabulary", "pkl", pickle.dumps({f"w{n}": n for n in range(5000)})
    yield "benign", "two pickles", "pkl", pickle.dumps({"a": 1}) + pickle.dumps({"b": 2})
    file = io.BytesIO()
    np.save(file, np.array([{"a": np.ones(2)}], dtype=object), allow_pickle=True)
    yield "benign", "npy of objects", "npy", file.getvalue()
    yield "benign", "joblib", "joblib", _joblib(0)
    yield "benign", "joblib, packed", "joblib", _joblib(3)


def _joblib(packed: int) -> bytes:
    import joblib

    file = io.BytesIO()
    joblib.dump({"w": np.linspace(0, 1, 100), "n": [1, 2]}, file, compress=packed)
    return file.getvalue()
