"""The arrays that joblib keeps between the opcodes of a pickle: of which type they are, and how many bytes they take.

joblib unpickles an array where NumPy says that its type holds objects (`dtype.hasobject`). A pickled type says that
itself, in the flags of its state, whatever its code says: `V16` with fields of objects holds objects. Only types that
NumPy's own pickling writes are taken, and only where code, fields and flags agree.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from airworthy.artifacts.encodings.pickle_opcodes import Unfollowable
from airworthy.artifacts.encodings.pickle_values import Group, Made, are_sizes
from airworthy.core.messages import say

WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"
"""What joblib writes in the place of an array, whose bytes follow."""
_HAS_OBJECTS = 1
"""The flag of NumPy's that makes `dtype.hasobject`; the others are about how an element is copied."""
_STATE_VERSIONS = (3, 4)
"""Of a type's state; up to version 2 it had no flags."""
_PLAIN = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8, 10, 12, 16), "c": (8, 16, 20, 24, 32)}
_PLAIN |= {"M": (8,), "m": (8,)}
_EXTENDED = {"S": 1, "U": 4, "V": 1}
"""Codes whose width the state gives, with the bytes of one letter."""
_MOST_WIDTH = 1 << 31
_MOST_FIELDS = 32
_UNUSUAL = say("it holds an array of a type that NumPy does not write so")


class StoredArray(NamedTuple):
    """An array whose bytes follow its description."""

    shape: tuple[int, ...]
    """Its sizes."""
    objects: bool
    """Whether it is a pickle of its own."""
    width: int
    """Bytes of one element; 0 for objects."""
    aligned: bool
    """Whether a byte with the number of padding bytes, and these, come first."""


class Element(NamedTuple):
    """What a pickled NumPy type says of an element."""

    objects: bool
    """Whether it holds objects."""
    width: int
    """Its bytes."""


def stored_array(wrapper: Made) -> StoredArray:
    """The array that a wrapper describes.

    Raises:
        Unfollowable: it is described in a way that joblib does not write.
    """
    state = wrapper.state
    # Built twice, it keeps what the first state said and the second doesn't; arguments would set the same things.
    plain = not wrapper.args or (len(wrapper.args) == 3 and wrapper.args[0] == (WRAPPER,) and wrapper.args[2] is None)
    if wrapper.builds != 1 or not plain or not isinstance(state, Group) or not state.keyed:
        raise Unfollowable(_UNUSUAL)
    if len(state.parts) % 2 or not all(isinstance(key, str) for key in state.parts[::2]):
        raise Unfollowable(_UNUSUAL)
    entries = state.items()
    shape: Any = entries.get("shape")
    if not are_sizes(shape):
        raise Unfollowable(_UNUSUAL)
    element = element_of(entries.get("dtype"))
    width = 0 if element.objects else element.width
    if not element.objects and width * math.prod(shape) >= 1 << 62:
        raise Unfollowable(say("it holds an array of more bytes than any file"))
    return StoredArray(shape, element.objects, width, entries.get("numpy_array_alignment_bytes") is not None)


def element_of(dtype: Any, depth: int = 0) -> Element:
    """What a pickled type says of its elements.

    Raises:
        Unfollowable: it is written in a way that NumPy does not write, or contradicts itself.
    """
    if not isinstance(dtype, Made) or dtype.name != "numpy.dtype" or dtype.builds > 1 or depth > _MOST_FIELDS:
        raise Unfollowable(_UNUSUAL)
    code = dtype.args[0] if dtype.args else None
    if not isinstance(code, str) or not code or dtype.args[1:] not in ((), (0, 1), (False, True)):
        raise Unfollowable(_UNUSUAL)
    kind, digits = code[0], code[1:]
    if digits and not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise Unfollowable(_UNUSUAL)
    width = int(digits or 0)
    if kind == "O" and width in (0, 4, 8):
        stated = Element(objects=True, width=8)
    elif width in _PLAIN.get(kind, ()):
        stated = Element(objects=False, width=width)
    elif kind in _EXTENDED:
        stated = Element(objects=False, width=width * _EXTENDED[kind])
    else:
        raise Unfollowable(_UNUSUAL)
    return stated if dtype.state is None and not dtype.builds else _built(kind, stated, dtype.state, depth)


def hides_objects(dtype: Made, depth: int = 0) -> bool:
    """Whether a pickled type holds objects and its flags deny it: NumPy then takes bytes of the file for addresses."""
    state = dtype.state
    if not isinstance(state, tuple) or len(state) < 8 or type(state[7]) is not int or state[7] & _HAS_OBJECTS:
        return False
    return _names_objects(dtype, depth)


def _names_objects(dtype: Any, depth: int) -> bool:
    """Whether the code of a type, or of a part of it, is one of objects."""
    if not isinstance(dtype, Made) or depth > _MOST_FIELDS:
        return depth > _MOST_FIELDS
    if dtype.args and isinstance(dtype.args[0], str) and "O" in dtype.args[0]:
        return True
    parts: list[Any] = []
    if isinstance(dtype.state, tuple) and len(dtype.state) > 4:
        subarray, fields = dtype.state[2], dtype.state[4]
        parts += subarray[:1] if isinstance(subarray, tuple) else ()
        held = fields.parts[1::2] if isinstance(fields, (Group, Made)) else ()
        parts += [each[0] for each in held if isinstance(each, tuple) and each]
    return any(_names_objects(each, depth + 1) for each in parts)


def _built(kind: str, stated: Element, state: Any, depth: int) -> Element:
    """What a type says once its state was put into it."""
    if not isinstance(state, tuple) or len(state) not in (8, 9) or state[0] not in _STATE_VERSIONS:
        raise Unfollowable(_UNUSUAL)
    _, _, subarray, names, fields, width, _, flags = state[:8]
    if type(width) is not int or type(flags) is not int or width >= _MOST_WIDTH:
        raise Unfollowable(_UNUSUAL)
    if kind not in _EXTENDED:
        # NumPy takes the state's width for texts, bytes and records only.
        if width != -1 or (subarray, names, fields) != (None, None, None) or bool(flags & 1) != stated.objects:
            raise Unfollowable(_UNUSUAL)
        return stated
    if width != stated.width or (kind != "V" and (subarray, names, fields) != (None, None, None)):
        raise Unfollowable(_UNUSUAL)
    if (subarray is not None) and (fields is not None):
        raise Unfollowable(_UNUSUAL)
    objects = any(part.objects for part in _parts(subarray, fields, depth))
    if bool(flags & _HAS_OBJECTS) != objects:
        raise Unfollowable(say("it holds an array whose type says two things of whether it holds objects"))
    return Element(objects, width)


def _parts(subarray: Any, fields: Any, depth: int) -> list[Element]:
    """What a type is made of."""
    if subarray is not None:
        if not isinstance(subarray, tuple) or len(subarray) != 2:
            raise Unfollowable(_UNUSUAL)
        return [element_of(subarray[0], depth + 1)]
    if fields is None:
        return []
    if not isinstance(fields, (Group, Made)):
        raise Unfollowable(_UNUSUAL)
    found = []
    for field in fields.parts[1::2]:
        if not isinstance(field, tuple) or len(field) not in (2, 3):
            raise Unfollowable(_UNUSUAL)
        found.append(element_of(field[0], depth + 1))
    return found
