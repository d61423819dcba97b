"""What following a pickle makes in the place of objects: names, groups, calls; and the tensors among them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

MOST_PARTS = 100_000_000
"""Parts that the value may unfold to; more is an attack on the code that hashes, compares or prints it."""


# Each takes a storage, an offset, sizes and strides first.
_REBUILDERS = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_qtensor")


class TorchStorage(NamedTuple):
    """A run of elements that a PyTorch pickle refers to by key."""

    kind: str
    """Its class, `torch.FloatStorage`."""
    key: str
    """The name under which its bytes are found."""
    elements: int
    """How many elements it has."""


class TensorRef(NamedTuple):
    """A tensor that a PyTorch pickle makes of a storage."""

    name: str
    """Where it stands in the value, `model.encoder.weight`."""
    storage: TorchStorage
    """What it is made of."""
    offset: int
    """Elements of the storage before its first."""
    shape: tuple[int, ...]
    """Its sizes."""
    stride: tuple[int, ...]
    """Elements between neighbours along each axis."""
    dtype: str = ""
    """Its type where the storage has none of its own, `torch.float8_e4m3fn`."""


def is_contiguous(tensor: TensorRef) -> bool:
    """Whether a tensor's elements follow one another without gaps, the last axis fastest."""
    step = 1
    for size, stride in zip(reversed(tensor.shape), reversed(tensor.stride), strict=False):
        if size != 1 and stride != step:
            return False
        step *= size
    return len(tensor.shape) == len(tensor.stride)


def last_element(tensor: TensorRef) -> int:
    """The element of the storage that is a tensor's last one; -1 for a tensor without elements."""
    if not all(tensor.shape):
        return -1
    steps = zip(tensor.shape, tensor.stride, strict=False)
    return tensor.offset + sum((size - 1) * stride for size, stride in steps)


class Global(NamedTuple):
    """A name that a pickle imports."""

    name: str
    """`module.name` as the pickle spells it."""


class Group:
    """A list, a set or a table: what was put into it, in order."""

    __slots__ = ("keyed", "parts")

    def __init__(self, parts: list[Any], *, keyed: bool = False) -> None:
        self.parts = parts
        self.keyed = keyed

    def items(self) -> dict[str, Any]:
        """A table's entries under texts."""
        pairs = zip(self.parts[::2], self.parts[1::2], strict=False) if self.keyed else ()
        return {key: value for key, value in pairs if isinstance(key, str)}


class Made:
    """What a call made: of which name, with which arguments and state."""

    __slots__ = ("args", "builds", "name", "parts", "state")

    def __init__(self, name: str, args: Any) -> None:
        self.name = name
        self.args = args if isinstance(args, tuple) else ()
        self.state: Any = None
        self.builds = 0
        self.parts: list[Any] = []


def parts_of(value: Any) -> Any:
    """What a value holds."""
    if isinstance(value, (Global, TorchStorage)):
        return ()
    if isinstance(value, tuple):
        return value
    if isinstance(value, Group):
        return value.parts
    if isinstance(value, Made):
        return (*value.args, value.state, *value.parts)
    return ()


def unfolded(root: Any) -> int:
    """How many parts a value has when each is counted as often as it is met on a walk; shared ones many times."""
    sizes: dict[int, int] = {}
    pending = [(root, False)]
    while pending:
        value, done = pending.pop()
        held = parts_of(value)
        if not held or (not done and id(value) in sizes):
            continue
        if done:
            sizes[id(value)] = min(1 + sum(sizes.get(id(part), 1) for part in held), MOST_PARTS + 1)
        else:
            sizes[id(value)] = 1  # met again before it is done: it holds itself
            pending.append((value, True))
            pending += [(part, False) for part in held]
    return sizes.get(id(root), 1)


def tensors_in(root: Any) -> Iterator[TensorRef]:
    """The tensors in a value, by where they stand in its tables and lists."""
    pending: list[tuple[str, Any]] = [("", root)]
    seen: set[int] = set()
    while pending:
        name, value = pending.pop()
        if isinstance(value, Made) and value.name.startswith("torch._utils._rebuild_"):
            yield from _rebuilt(name, value)
            if value.name.rpartition(".")[2] in ("_rebuild_parameter", "_rebuild_parameter_with_state"):
                pending += [(name, part) for part in value.args[:1]]
            continue
        if not parts_of(value) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Made) and value.name == "torch._tensor._rebuild_from_type_v2" and len(value.args) > 2:
            inner = value.args[2]
            if isinstance(value.args[0], Global) and isinstance(inner, tuple):
                pending.append((name, Made(value.args[0].name, inner)))
            continue
        entries: list[tuple[str, Any]] = []
        if (isinstance(value, Group) and value.keyed) or (isinstance(value, Made) and value.parts):
            pairs = zip(value.parts[::2], value.parts[1::2], strict=False)
            entries = [(str(key), part) for key, part in pairs if isinstance(key, (str, int))]
        if isinstance(value, Made):
            entries += [("", value.state)] if value.state is not None else []
            entries += [("", part) for part in value.args]
        elif not isinstance(value, Group) or not value.keyed:
            entries = [(str(index), part) for index, part in enumerate(parts_of(value))]
        pending += [(f"{name}.{key}" if name and key else name or key, part) for key, part in reversed(entries)]


def _rebuilt(name: str, made: Made) -> Iterator[TensorRef]:
    if made.name.rpartition(".")[2] not in _REBUILDERS:
        return
    storage, offset, shape, stride = (*made.args[:4], *(None,) * 4)[:4]
    if isinstance(storage, TorchStorage) and isinstance(offset, int) and are_sizes(shape) and _are_steps(stride):
        last = made.args[6] if made.name.endswith("_v3") and len(made.args) > 6 else None
        dtype = last.name if isinstance(last, Global) else ""
        yield TensorRef(name[:500], storage, offset, tuple(shape), tuple(stride), dtype)


def are_sizes(value: Any) -> bool:
    """Whether a value is a shape: whole numbers, none below zero."""
    return isinstance(value, tuple) and all(type(each) is int and 0 <= each < 1 << 60 for each in value)


def _are_steps(value: Any) -> bool:
    return isinstance(value, tuple) and all(type(each) is int and abs(each) < 1 << 60 for each in value)


def storage_of(value: Any) -> TorchStorage | None:
    """The storage that a persistent id `("storage", class, key, device, elements, …)` stands for."""
    if not isinstance(value, tuple) or len(value) < 5 or not isinstance(value[0], str) or value[0] != "storage":
        return None
    _, kind, key, _, elements = value[:5]
    # `torch.package` counts its storages, the others name them.
    if not isinstance(kind, Global) or not (isinstance(key, str) or type(key) is int) or not isinstance(elements, int):
        return None
    return TorchStorage(kind.name, str(key), elements) if 0 <= elements < 1 << 60 else None
