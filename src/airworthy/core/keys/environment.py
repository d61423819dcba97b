"""Facts of the Python environment that is inspected."""

from __future__ import annotations

from airworthy.core.keys.key import Area, Key, T
from airworthy.core.values import (
    Binary,
    Damage,
    Distribution,
    FrameworkBuild,
    HiddenModule,
    LinkFault,
    NumpyUse,
    Shadow,
    SharedLibrary,
)
from airworthy.core.version import Version


def _environment(name: str, type_: type[T], doc: str) -> Key[T]:
    return Key(name, type_, Area.ENVIRONMENT, doc)


PYTHON_VERSION = _environment("python.version", Version, "Version of the inspected interpreter.")
PYTHON_EXECUTABLE = _environment("python.executable", str, "The interpreter's path.")
PYTHON_PREFIX = _environment("python.prefix", str, "The environment's directory.")
PYTHON_EXTERNALLY_MANAGED = _environment(
    "python.externally_managed", str, "The file by which this Python refuses installs; absent where it takes them."
)
DISTRIBUTIONS = _environment("distributions", tuple[Distribution, ...], "Installed Python packages.")
FRAMEWORKS = _environment(
    "frameworks", tuple[FrameworkBuild, ...], "Installed frameworks and what they were built for."
)
BINARIES = _environment(
    "binaries", tuple[Binary, ...], "Shared objects of installed packages: those with needs worth reporting."
)
LIBRARIES = _environment("libraries", tuple[SharedLibrary, ...], "CUDA and driver libraries as the loader finds them.")
LIBSTDCXX = _environment(
    "libstdcxx.glibcxx",
    Version,
    "The newest `GLIBCXX_x.y.z` of the C++ library that extensions get; absent without.",
)
LIBSTDCXX_ABI = _environment("libstdcxx.cxxabi", Version, "The newest `CXXABI_x.y.z` of that library.")
LOADER_SHADOWED = _environment(
    "loader.shadowed",
    tuple[Shadow, ...],
    "Libraries that the loader takes from elsewhere than their package.",
)
LINK_FAULTS = _environment(
    "loader.faults",
    tuple[LinkFault, ...],
    "Needs of installed shared objects that the loader does not meet.",
)
DISTRIBUTIONS_DAMAGED = _environment(
    "distributions.damaged", tuple[Damage, ...], "Installed packages that lack what their own records list."
)
HIDDEN_MODULES = _environment(
    "python.hidden_modules",
    tuple[HiddenModule, ...],
    "Modules in whose place the working directory has files by the same name.",
)
NUMPY_USES = _environment("numpy.uses", tuple[NumpyUse, ...], "Compiled extensions that use NumPy's C interface.")
