"""The packages of an environment as their metadata describes them, and the graph of what they require."""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class InstalledPackage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One installed package, by the files that its installer left."""

    name: str
    """Its normalised name, `onnxruntime-gpu`."""
    version: str
    """Its version as written."""
    title: str = ""
    """Its name as it writes it, `PyYAML`."""
    location: str = ""
    """The directory that holds it."""
    info: str = ""
    """Its `.dist-info` or `.egg-info`."""
    requires: tuple[str, ...] = ()
    """Its requirements as written, those of extras among them."""
    extras: tuple[str, ...] = ()
    """The extras that it offers, normalised."""
    requires_python: str = ""
    """The Python versions that it is made for, `>=3.9`; empty where it does not say."""
    installer: str = ""
    """What installed it, `pip`, `uv`, `conda`, `debian`; empty where nothing says so."""
    requested: bool = False
    """Whether a user asked for it by name, where the installer records that (PEP 376)."""
    url: str = ""
    """Where it was installed from, for one that came from an address and not from an index (PEP 610)."""
    editable: bool = False
    """Whether it is installed from a source tree that is imported in place."""
    license: str = ""
    """Its licence as the metadata names it: an SPDX expression, a text, or classifiers."""


class UnreadPackage(NamedTuple):
    """A description that could not be read."""

    path: str
    """Its folder or file."""
    reason: str
    """Why."""


class InstalledSet(NamedTuple):
    """All that is installed in an environment."""

    packages: tuple[InstalledPackage, ...]
    """The packages that are imported: of two by one name, the first on the import path."""
    hidden: tuple[InstalledPackage, ...]
    """Further descriptions by a name that is taken, in the order of the import path."""
    unread: tuple[UnreadPackage, ...]
    """Descriptions that could not be read."""
    paths: tuple[str, ...]
    """The directories that were read."""
    python: str
    """The interpreter's version, `3.11.9`."""
    executable: str
    """The interpreter."""
    prefix: str
    """The environment's directory."""
    system: str
    """The kernel's name, `Linux`."""
    release: str
    """Its release."""
    machine: str
    """The architecture, `x86_64`."""


class Library(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One native library that a package needs or brings, and where it comes from."""

    by: str
    """The package whose files ask for it, or that brings it."""
    soname: str
    """The name under which it is requested, `libcudart.so.12`."""
    provider: str
    """`package`, `system`, `driver` or `missing`."""
    found: bool = True
    """Whether the loader finds it by itself; not where a package holds it outside of the loader's paths, and must be
    loaded by its path before."""
    owner: str = ""
    """The Python package, or the package of the system, that brings it; empty where that is not known."""
    path: str = ""
    """The file; empty for a missing one."""
    evidence: str = "elf"
    """What says so: `sbom` for a package's own list of what it bundles (PEP 770), `elf` for headers of files."""
    component: str = ""
    """The package URL in that list, `pkg:rpm/almalinux/libgomp@8.5.0`."""


class RecordFault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file that is not as the record of its package says."""

    package: str
    """The package."""
    kind: str
    """`changed`, `missing`, `shared` (another package lists it as well), `no-record`, `bad-record` or `unreadable`."""
    path: str
    """The file, or the record."""
    detail: str = ""
    """What differs: sizes, the other package, the reason."""
    later: bool = False
    """For `changed`: whether the file was written after the package's record, so after it was installed. If not, the
    wheel came so, or its publisher's record is wrong."""


class RecordsChecked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of comparing the files of an environment with the records of its packages."""

    packages: int
    """Packages with a record."""
    files: int
    """Files that were compared by their hashes."""
    unhashed: int
    """Files that a record lists without a hash."""
    faults: tuple[RecordFault, ...]
    """What is not as recorded."""
