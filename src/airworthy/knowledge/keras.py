"""What a Keras configuration may name: harmless classes and functions, acting layers, arguments that are files."""

from __future__ import annotations

import functools

from airworthy.knowledge.tables import Row, rows

_TABLE = "keras"


class Objects(Row, frozen=True):
    """Classes that only compute."""

    packages: tuple[str, ...]
    """First parts of the modules that hold them."""
    modules: tuple[str, ...]
    """The part after the package, or after `src`; `*` for any, an empty text for the package itself."""
    names: tuple[str, ...]
    """Names of classes; `*` for any that begins with a capital."""


class Functions(Row, frozen=True):
    """Modules whose functions only compute."""

    packages: tuple[str, ...]
    """First parts of the modules."""
    modules: tuple[str, ...]
    """The part after the package, or after `src`."""


class Acting(Row, frozen=True):
    """Classes that run what their configuration holds or names."""

    names: tuple[str, ...]
    """Names of classes, of whatever module."""
    kind: str
    """The kind of embedded code that they are."""


class KerasNames(Row, frozen=True):
    """A list of names."""

    names: tuple[str, ...]
    """The names."""


def computes(module: str, name: str) -> bool:
    """Whether a class of a module is on the list of those that only compute."""
    package, area = _parts(module)
    found = _classes()
    anywhere = (package, "*", "*") in found and name[:1].isupper()
    return anywhere or (package, area, name) in found or (package, "*", name) in found


def is_function_module(module: str) -> bool:
    """Whether the functions of a module only compute."""
    package, area = _parts(module)
    return any(package in row.packages and area in row.modules for row in rows(_TABLE, "functions", Functions))


def is_package(name: str) -> bool:
    """Whether classes of a package are on the list, so that a name registered under it is expected."""
    return any(name in row.packages for row in rows(_TABLE, "objects", Objects))


def acting(name: str) -> str:
    """The kind of code that a class of this name runs; empty for none."""
    return next((row.kind for row in rows(_TABLE, "acting", Acting) if name in row.names), "")


@functools.cache
def file_arguments() -> frozenset[str]:
    """Names of arguments whose text is a file or an address."""
    return frozenset(name for row in rows(_TABLE, "file_arguments", KerasNames) for name in row.names)


def tensorflow_computes(function: str) -> bool:
    """Whether a function of TensorFlow's public interface only computes."""
    for row in rows(_TABLE, "tensorflow_functions", KerasNames):
        for name in row.names:
            if function == name or (name.endswith((".", "_")) and function.startswith(name)):
                return True
    return False


def _parts(module: str) -> tuple[str, str]:
    package, _, rest = module.partition(".")
    return package, rest.removeprefix("src.").removeprefix("api.").partition(".")[0]


@functools.cache
def _classes() -> frozenset[tuple[str, str, str]]:
    found = set()
    for row in rows(_TABLE, "objects", Objects):
        for package in row.packages:
            found |= {(package, area, name) for area in row.modules for name in row.names}
    return frozenset(found)
