"""What a pickle would do if it were loaded: its opcodes are followed without importing or calling anything.

Names are judged by an allow-list, never by a list of bad ones. Whatever can't be followed to the end counts as not
allowed: an unpickler runs all that comes before the place where it fails.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from airworthy.core.values import PickleImport
from airworthy.core.words import say

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of pickles that are followed in one file."""
MOST_OPCODES = 1_000_000
"""Opcodes that are followed in one file."""
MOST_NAMES = 500
"""Different names of one member that are told."""
PROOF = 8
"""Opcodes after the mark of a protocol that make a pickle of a file, whatever follows them."""

_DEVICES = ("torch", "torch.cuda")
_ELEMENTS = ("BFloat16", "Bool", "Byte", "Char", "Double", "Float", "Half", "Int", "Long", "Short")
_DTYPES = (
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64)),
    *("bool", "bfloat16", "float16", "float32", "float64", "complex32", "complex64", "complex128"),
    *(f"float8_{kind}" for kind in ("e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz", "e8m0fnu")),
    *("float4_e2m1fn_x2", "bits1x8", "bits2x4", "bits4x2", "bits8", "bits16"),
    *("qint8", "qint32", "quint8", "quint2x4", "quint4x2"),
    *("per_tensor_affine", "per_tensor_symmetric", "per_channel_affine", "per_channel_symmetric"),
    "per_channel_affine_float_qparams",
)
_REBUILDERS = (
    *("tensor", "tensor_v2", "tensor_v3", "parameter", "parameter_with_state", "qtensor", "sparse_tensor"),
    *("nested_tensor", "wrapper_subclass", "meta_tensor_no_storage"),
    *("device_tensor_from_cpu_tensor", "device_tensor_from_numpy"),
)

ALLOWED = frozenset(
    {f"{device}.{element}{kind}" for device in _DEVICES for element in _ELEMENTS for kind in ("Storage", "Tensor")}
    | {f"torch{part}.sparse.{element}Tensor" for part in ("", ".cuda") for element in _ELEMENTS if element != "Bool"}
    | {f"torch.{name}Storage" for name in ("QInt8", "QUInt8", "QInt32", "QUInt4x2", "QUInt2x4")}
    | {f"{device}.Complex{size}Storage" for device in _DEVICES for size in ("Float", "Double")}
    | {f"torch.{dtype}" for dtype in _DTYPES}
    | {f"torch._utils._rebuild_{name}" for name in _REBUILDERS}
    | {f"{module}.{name}" for module in ("builtins", "__builtin__") for name in ("bytearray", "complex", "set")}
    | {
        "_codecs.encode",
        "collections.Counter",
        "collections.OrderedDict",
        "torch.Size",
        "torch.Tensor",
        "torch._tensor._rebuild_from_type_v2",
        "torch.device",
        "torch.nn.parameter.Parameter",
        "torch.serialization._get_layout",
        "torch.storage.TypedStorage",
        "torch.storage.UntypedStorage",
    }
)
"""What `torch.load(weights_only=True)` of PyTorch 2.13 takes: containers of tensors, and nothing that acts."""


class Readable(Protocol):
    """The part of a binary file that is needed here."""

    def read(self, count: int, /) -> bytes:
        """The next bytes."""

    def readline(self, limit: int, /) -> bytes:
        """The next bytes up to a line end."""

    def tell(self) -> int:
        """The place in the file."""


class Storage(NamedTuple):
    """A run of elements that a PyTorch pickle refers to by key."""

    kind: str
    """Its class, `torch.FloatStorage`."""
    key: str
    """The name under which its bytes are found."""
    elements: int
    """How many elements it has."""


class Scan(NamedTuple):
    """What one pickle would do."""

    imports: tuple[PickleImport, ...]
    """The names it imports; the last one tells why it could not be followed, where that is so."""
    storages: tuple[Storage, ...]
    """The storages it refers to, each once."""
    value: Any
    """What it makes, where that is a number or a text; otherwise something opaque."""
    broken: str
    """Why it could not be followed to its end; empty when it could."""
    damaged: bool
    """Whether no unpickler could load it; false for one that only goes where we don't follow."""
    end: int
    """Where it ends in the file."""


class Unfollowable(Exception):
    """A pickle does what a tensor file never does, or more than is followed."""


class Impossible(Exception):
    """A pickle that no unpickler could load."""


class Bounded:
    """A file whose reading is limited, in bytes and in opcodes, over all pickles in it."""

    def __init__(self, file: Readable, most: int = MOST_BYTES) -> None:
        self._file = file
        self._bytes = most
        self.opcodes = MOST_OPCODES

    def read(self, count: int) -> bytes:
        """The next bytes."""
        if count > self._bytes:
            raise Unfollowable(say("it is longer than {limit:bytes}", limit=MOST_BYTES))
        self._bytes -= count
        return self._file.read(count)

    def readline(self) -> bytes:
        """The next line."""
        line = self._file.readline(self._bytes + 1)
        if len(line) > self._bytes:
            raise Unfollowable(say("it is longer than {limit:bytes}", limit=MOST_BYTES))
        self._bytes -= len(line)
        return line

    def tell(self) -> int:
        """The place in the file."""
        return self._file.tell()


class _Global(NamedTuple):
    name: str


class _Opaque:
    """A value that nothing depends on."""


_OPAQUE = _Opaque()
_MARK = _Opaque()


def scan(file: Bounded, member: str) -> Scan:
    """Follow the pickle that starts where the file stands. Never raises for any bytes."""
    machine = _Machine()
    broken = ""
    damaged = False
    try:
        for opcode, argument, _ in pickletools.genops(file):  # type: ignore[arg-type]
            file.opcodes -= 1
            if file.opcodes < 0:
                raise Unfollowable(say("it has more than {count} steps", count=MOST_OPCODES))
            machine.step(opcode.name, argument)
    except Exception as error:  # noqa: BLE001 - pickletools and our machine fail in many ways on hostile bytes
        damaged = not isinstance(error, Unfollowable)
        text = str(error) or type(error).__name__
        broken = say("not followed to its end: {problem}", problem=" ".join(text.split())[:200])
    imports = [PickleImport(member=member, name=name, allowed=name in ALLOWED) for name in machine.names]
    if machine.more:
        told = say("more than {count} names", count=MOST_NAMES)
        imports.append(PickleImport(member=member, name=told, allowed=False))
    if broken:
        imports.append(PickleImport(member=member, name=broken, allowed=False))
    return Scan(tuple(imports), tuple(machine.storages.values()), machine.value, broken, damaged, file.tell())


def is_pickle(file: Bounded, size: int) -> bool:
    """Whether bytes begin as a pickle does: opcode after opcode, without one that does not exist.

    Args:
        file: stands at the beginning.
        size: how many bytes there are; running out of them is no proof against it.
    """
    names = set()
    steps = 0
    try:
        for opcode, argument, place in pickletools.genops(file):  # type: ignore[arg-type]
            if place == 0 and opcode.name == "PROTO" and argument not in range(6):
                return False
            names.add(opcode.name)
            steps += 1
            if place is not None and place > 4096:
                break
    except Exception:  # noqa: BLE001 - pickletools fails in many ways
        if file.tell() < size and not ("PROTO" in names and steps >= PROOF):
            return False
    # Without the mark of protocol 2 and later, a text of a few letters could pass: it must build or import something.
    return "PROTO" in names or (len(names) > 1 and not names.isdisjoint(_TELLING))


_TELLING = {"GLOBAL", "INST", "MARK", "EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "BINUNICODE", "REDUCE"}


class _Machine:
    """The unpickler's stack and memo, with names in the place of objects."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.names: dict[str, None] = {}
        self.more = False
        self.storages: dict[tuple[str, str], Storage] = {}
        self.value: Any = _OPAQUE

    def step(self, name: str, argument: Any) -> None:
        if name in _PUSH_ARGUMENT:
            self.stack.append(argument)
        elif name in _PUSH_OPAQUE:
            self.stack.append(_OPAQUE)
        elif name in _POPS:
            self.pop(_POPS[name])
            self.peek()  # what it is added to
        elif name in _CLOSES:
            self.to_mark()
            self.stack.append(_OPAQUE)
        elif name in _EXTENDS:
            self.to_mark()
            self.peek()
        elif name in _TUPLES:
            self.stack.append(tuple(self.pop(_TUPLES[name])))
        elif name in _PUTS:
            self.memo[argument] = self.peek()
        elif name in _GETS:
            self.stack.append(self.memo[argument])
        elif name in _CALLS:
            self.called(self.pop(_CALLS[name])[0])
        elif name in _STEPS:
            _STEPS[name](self, argument)
        elif name not in _NOTHING:
            raise Unfollowable(say("opcode {name}", name=name))

    def pop(self, count: int) -> list[Any]:
        if count == 0:
            return []
        if len(self.stack) < count or _MARK in self.stack[-count:]:
            raise Impossible(say("it takes more from its stack than is there"))
        values = self.stack[-count:]
        del self.stack[-count:]
        return values

    def peek(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise Impossible(say("it takes more from its stack than is there"))
        return self.stack[-1]

    def to_mark(self) -> list[Any]:
        values: list[Any] = []
        while self.stack:
            value = self.stack.pop()
            if value is _MARK:
                return values[::-1]
            values.append(value)
        raise Impossible(say("it looks for a mark that is not there"))

    def found(self, name: str) -> None:
        if len(self.names) < MOST_NAMES:
            self.names.setdefault(name[:300])
        elif name not in self.names:
            self.more = True
        self.stack.append(_Global(name))

    def stop(self, _: Any) -> None:
        self.value = self.peek()

    def mark(self, _: Any) -> None:
        self.stack.append(_MARK)

    def drop(self, _: Any) -> None:
        if not self.stack:
            raise Impossible(say("it takes more from its stack than is there"))
        self.stack.pop()

    def drop_to_mark(self, _: Any) -> None:
        self.to_mark()

    def tuple_(self, _: Any) -> None:
        self.stack.append(tuple(self.to_mark()))

    def duplicate(self, _: Any) -> None:
        self.stack.append(self.peek())

    def memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.peek()

    def global_(self, argument: str) -> None:
        # pickletools joins module and name by a space; more than one of them leaves open which is which.
        self.found(argument.replace(" ", ".", 1) if argument.count(" ") == 1 else repr(argument))

    def stack_global(self, _: Any) -> None:
        module, name = self.pop(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise Unfollowable(say("it imports a name that it works out first"))
        self.found(f"{module}.{name}")

    def inst(self, argument: str) -> None:
        self.to_mark()
        self.global_(argument)
        self.stack[-1] = _OPAQUE

    def obj(self, _: Any) -> None:
        values = self.to_mark()
        self.called(values[0] if values else None)

    def called(self, target: Any) -> None:
        if not isinstance(target, _Global):
            raise Unfollowable(say("it calls something that is no name"))
        self.stack.append(_OPAQUE)

    def build(self, _: Any) -> None:
        self.pop(1)
        if isinstance(self.peek(), _Global):
            raise Unfollowable(say("it changes a class or a function"))

    def extension(self, argument: Any) -> None:
        self.found(say("copyreg extension {code}", code=argument))

    def persistent(self, _: Any) -> None:
        (value,) = self.pop(1)
        storage = _storage(value)
        if storage is not None:
            self.storages[storage.kind, storage.key] = storage
        # An older PyTorch file wraps the class of a module so, to keep its source beside it.
        module = isinstance(value, tuple) and len(value) > 1 and isinstance(value[0], str) and value[0] == "module"
        self.stack.append(value[1] if module else _OPAQUE)

    def persistent_text(self, _: Any) -> None:
        self.stack.append(_OPAQUE)


def _storage(value: Any) -> Storage | None:
    """The storage that a persistent id `("storage", class, key, device, elements, …)` stands for."""
    if not isinstance(value, tuple) or len(value) < 5 or not isinstance(value[0], str) or value[0] != "storage":
        return None
    _, kind, key, _, elements = value[:5]
    if not isinstance(kind, _Global) or not isinstance(key, str) or not isinstance(elements, int):
        return None
    return Storage(kind.name, key, elements) if 0 <= elements < 1 << 60 else None


_PUSH_ARGUMENT = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINUNICODE"),
}
_PUSH_OPAQUE = {
    *("FLOAT", "BINFLOAT", "NONE", "NEWTRUE", "NEWFALSE", "BINBYTES", "BINBYTES8", "SHORT_BINBYTES", "BYTEARRAY8"),
    *("EMPTY_LIST", "EMPTY_DICT", "EMPTY_SET", "NEXT_BUFFER"),
}
_POPS = {"APPEND": 1, "SETITEM": 2, "READONLY_BUFFER": 0}
_CLOSES = frozenset(("LIST", "DICT", "FROZENSET"))
_EXTENDS = frozenset(("APPENDS", "SETITEMS", "ADDITEMS"))
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUTS = frozenset(("PUT", "BINPUT", "LONG_BINPUT"))
_GETS = frozenset(("GET", "BINGET", "LONG_BINGET"))
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "STOP": _Machine.stop,
    "MARK": _Machine.mark,
    "POP": _Machine.drop,
    "POP_MARK": _Machine.drop_to_mark,
    "DUP": _Machine.duplicate,
    "MEMOIZE": _Machine.memoize,
    "TUPLE": _Machine.tuple_,
    "GLOBAL": _Machine.global_,
    "STACK_GLOBAL": _Machine.stack_global,
    "INST": _Machine.inst,
    "OBJ": _Machine.obj,
    "BUILD": _Machine.build,
    "EXT1": _Machine.extension,
    "EXT2": _Machine.extension,
    "EXT4": _Machine.extension,
    "PERSID": _Machine.persistent_text,
    "BINPERSID": _Machine.persistent,
}
_CALLS = {"REDUCE": 2, "NEWOBJ": 2, "NEWOBJ_EX": 3}
_NOTHING = frozenset(("PROTO", "FRAME"))
