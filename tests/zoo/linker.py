"""Shared objects that do not load, compiled here so that they do not."""

from __future__ import annotations

import ctypes
import struct
from pathlib import Path

import pytest

from zoo.exhibit import Room
from zoo.workshop import PYTHON, Workshop, without_core

ROOM = Room("gcc")

USE = "int used(void); int call(void) { return used(); }"
GIVE = "int used(void) { return 1; }"
OFTEN_MISSING = (
    "libGL.so.1",
    "libsndfile.so.1",
    "libmpi.so.40",
    "libaio.so.1",
    "libtcmalloc.so.4",
    "libportaudio.so.2",
)
MODULE = """
#include <Python.h>
{before}
static struct PyModuleDef module = {{PyModuleDef_HEAD_INIT, "{name}", 0, -1, 0}};
PyMODINIT_FUNC PyInit_{name}(void) {{ {inside} return PyModule_Create(&module); }}
"""


def load(shop: Workshop, path: Path, **environment: str) -> str:
    return shop.python(f"import ctypes\nctypes.CDLL({str(path)!r})\n", env=environment)


def without(shop: Workshop, soname: str) -> str:
    """What the loader says of a library that needs another, which was there for the link only."""
    other = shop.compile(f"gone/{soname}", GIVE, f"-Wl,-soname,{soname}")
    user = shop.compile("libuser.so", USE, other)
    other.unlink()
    return load(shop, user)


def versioned(shop: Workshop, soname: str, version: str) -> str:
    """What the loader says of a library that needs a version of a system library that does not exist."""
    script = shop.write("versions.map", version + " { global: used; local: *; };\n")
    flags = ("-nostdlib", f"-Wl,-soname,{soname}", f"-Wl,--version-script={script}")
    other = shop.compile(f"stub/{soname}", GIVE, *flags)
    user = shop.compile("libuser.so", USE, "-nostdlib", other)
    other.unlink()
    return load(shop, user)


@ROOM.exhibit("system-library-missing")
def library_of_the_system_missing(shop: Workshop) -> str:
    """A library linked against one of the system's libraries that this machine does not have."""
    soname = next((name for name in OFTEN_MISSING if not _there(name)), "")
    if not soname:
        pytest.skip("this machine has all the libraries that are often missing")
    return without(shop, soname)


def _there(soname: str) -> bool:
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


@ROOM.exhibit("cuda-library-missing")
def cuda_runtime_missing(shop: Workshop) -> str:
    """A library linked against a libcudart.so of a series that nobody has."""
    return without(shop, "libcudart.so.99")


@ROOM.exhibit("extension-abi-mismatch", needs=("headers",))
def extension_of_another_torch(shop: Workshop) -> str:
    """An extension that needs a C++ function of PyTorch which the loaded one does not have."""
    symbol = "_ZN3c1017RegisterOperatorsD1Ev"
    source = MODULE.format(name="zoo_ops", before=f"extern int {symbol}(void);", inside=f"{symbol}();")
    shop.extension("zoo_ops", source, "-Wl,-z,now")
    return shop.python("import zoo_ops\n")


@ROOM.exhibit("cuda-symbol-mismatch", "loader-path-shadowing")
def cusparse_with_an_older_nvjitlink(shop: Workshop) -> str:
    """A libcusparse that needs a versioned symbol of libnvJitLink, beside a libnvJitLink without it."""
    name = "libnvJitLink.so.12"
    script = shop.write("versions.map", f"{name} {{ global: __nvJitLinkComplete_12_4; local: *; }};\n")
    flags = (f"-Wl,-soname,{name}", f"-Wl,--version-script={script}")
    newer = shop.compile(f"newer/{name}", "int __nvJitLinkComplete_12_4(void) { return 1; }", *flags)
    use = "int __nvJitLinkComplete_12_4(void); int call(void) { return __nvJitLinkComplete_12_4(); }"
    sparse = shop.compile("nvidia/libcusparse.so.12", use, newer, "-Wl,-z,now")
    script.write_text(f"{name} {{ global: older; }};\n")
    shop.compile(f"older/{name}", "int older(void) { return 1; }", *flags)
    return load(shop, sparse, LD_LIBRARY_PATH=str(shop.folder / "older"))


@ROOM.exhibit("glibc-too-old")
def glibc_of_the_future(shop: Workshop) -> str:
    """A library that needs GLIBC_2.99 of libc.so.6."""
    return versioned(shop, "libc.so.6", "GLIBC_2.99")


@ROOM.exhibit("libstdcxx-too-old", needs=("file:/usr/lib/x86_64-linux-gnu/libstdc++.so.6",))
def libstdcxx_of_the_future(shop: Workshop) -> str:
    """A library that needs GLIBCXX_3.4.99 of libstdc++.so.6."""
    return versioned(shop, "libstdc++.so.6", "GLIBCXX_3.4.99")


@ROOM.exhibit("wrong-architecture")
def library_of_another_word_size(shop: Workshop) -> str:
    """A library whose ELF header says that it is for 32 bit."""
    path = shop.compile("libother.so", GIVE)
    data = bytearray(path.read_bytes())
    data[4] = 1  # EI_CLASS: ELFCLASS32
    path.write_bytes(data)
    return load(shop, path)


@ROOM.exhibit("wrong-architecture")
def program_of_another_architecture(shop: Workshop) -> str:
    """A program whose ELF header says that it is for another processor, started by the shell."""
    shop.write("main.c", "int main(void) { return 0; }")
    shop.run("gcc", "-o", "server", "main.c", fails=False)
    path = shop.folder / "server"
    data = bytearray(path.read_bytes())
    data[18:20] = struct.pack("<H", 0xF3)  # EM_RISCV
    path.write_bytes(data)
    return shop.shell("./server")


@ROOM.exhibit("wrong-architecture")
def program_of_another_architecture_from_python(shop: Workshop) -> str:
    """The same, started by Python's subprocess."""
    program_of_another_architecture(shop)
    return shop.python("import subprocess\nsubprocess.run(['./server'], check=True)\n")


@ROOM.exhibit("numpy-abi", needs=("headers", "module:numpy"))
def extension_of_numpy_1(shop: Workshop) -> str:
    """An extension that fetches NumPy's C interface as those compiled with NumPy 1 do, under NumPy 2."""
    inside = """
    PyObject *numpy = PyImport_ImportModule("numpy.core._multiarray_umath");
    if (numpy == NULL) { return NULL; }
    PyObject *table = PyObject_GetAttrString(numpy, "_ARRAY_API");
    if (table == NULL) { PyErr_SetString(PyExc_ImportError, "numpy.core.multiarray failed to import"); return NULL; }
    """
    shop.extension("zoo_old", MODULE.format(name="zoo_old", before="", inside=inside))
    return shop.python("import numpy\nimport zoo_old\n", options=("-W", "ignore::DeprecationWarning"))


@ROOM.exhibit("numpy-abi", needs=("headers", "module:numpy"))
def extension_of_a_newer_numpy(shop: Workshop) -> str:
    """An extension whose headers are of a later C interface than the installed NumPy has."""
    include = shop.run(PYTHON, "-c", "import numpy; print(numpy.get_include())", fails=False).strip()
    before = """
    #include <numpy/numpyconfig.h>
    #undef NPY_FEATURE_VERSION
    #define NPY_FEATURE_VERSION 0x000000ff
    #include <numpy/arrayobject.h>
    """
    shop.extension("zoo_new", MODULE.format(name="zoo_new", before=before, inside="import_array();"), f"-I{include}")
    return shop.python("import zoo_new\n")


@ROOM.exhibit("cpu-instruction-missing")
def instruction_that_no_processor_has(shop: Workshop) -> str:
    """A program that runs into an undefined instruction, as one built for a newer processor does."""
    shop.write("main.c", 'int main(void) { __asm__("ud2"); return 0; }')
    shop.run("gcc", "-o", "server", "main.c", fails=False)
    return shop.shell("ulimit -c 0; ./server; status=$?; echo server exited with code $status; exit $status")


@ROOM.exhibit("cpu-instruction-missing")
def instruction_inside_python(shop: Workshop) -> str:
    """The same in a library that Python calls, with faulthandler on."""
    path = shop.compile("libfast.so", 'void fast(void) { __asm__("ud2"); }')
    code = f"import ctypes\nctypes.CDLL({str(path)!r}).fast()\n"
    return shop.python(code, options=("-X", "faulthandler"), before=without_core)


@ROOM.exhibit("illegal-memory-access")
def segmentation_fault(shop: Workshop) -> str:
    """A library that writes to address 0, called from Python with faulthandler on."""
    path = shop.compile("libkernel.so", "void launch(void) { *(volatile int *)0 = 1; }")
    code = f"import ctypes\nctypes.CDLL({str(path)!r}).launch()\n"
    return shop.python(code, options=("-X", "faulthandler"), before=without_core)


@ROOM.exhibit("build-toolchain-missing")
def headers_missing(shop: Workshop) -> str:
    """gcc on an extension's source without Python's headers on its path."""
    shop.write("ops.c", "#include <Python.h>\n")
    return shop.run("gcc", "-c", "ops.c")
