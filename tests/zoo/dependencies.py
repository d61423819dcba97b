"""Python packages that do not install, or do not fit each other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from zoo.exhibit import Room
from zoo.servers import Answer, answering, certificate, closed_port
from zoo.workshop import PYTHON, Workshop

ROOM = Room("module:pip")


def install(shop: Workshop, *words: str | Path) -> str:
    """What `pip install` says with the wheels at hand and no index."""
    return shop.pip("install", "--no-index", "--find-links", shop.path("wheels"), "--target", shop.path("lib"), *words)


@ROOM.exhibit("resolution-impossible")
def requirements_that_contradict_each_other(shop: Workshop) -> str:
    """Two packages want different releases of a third."""
    shop.wheel("zoo_core", "1.0")
    shop.wheel("zoo_core", "2.0")
    shop.wheel("zoo_old", "1.0", requires=("zoo_core<2",))
    shop.wheel("zoo_new", "1.0", requires=("zoo_core>=2",))
    return install(shop, "zoo_old", "zoo_new")


@ROOM.exhibit("resolution-impossible", slow=True)
def installed_packages_that_contradict_each_other(shop: Workshop) -> str:
    """`pip check` in an environment into which one package was forced."""
    core = shop.wheel("zoo_core", "2.0")
    old = shop.wheel("zoo_old", "1.0", requires=("zoo_core<2",))
    shop.pip("install", "--no-deps", "--target", shop.path("lib"), core, old, fails=False)
    return shop.run(PYTHON, "-m", "pip", "--python", PYTHON, "check", env={"PYTHONPATH": str(shop.folder / "lib")})


@ROOM.exhibit("no-matching-distribution")
def release_that_does_not_exist(shop: Workshop) -> str:
    """A release is asked for that nobody made."""
    shop.wheel("zoo_core", "1.0")
    return install(shop, "zoo_core==9.9")


@ROOM.exhibit("wrong-architecture", "no-matching-distribution")
def wheel_of_another_platform(shop: Workshop) -> str:
    """A wheel for another processor is installed by its path."""
    return install(shop, shop.wheel("zoo_core", "1.0", tag="cp39-cp39-manylinux2014_s390x"))


@ROOM.exhibit("hash-mismatch")
def wheel_with_another_hash(shop: Workshop) -> str:
    """The lock records another digest than the wheel has."""
    shop.wheel("zoo_core", "1.0")
    lock = shop.write("requirements.txt", f"zoo_core==1.0 --hash=sha256:{'0' * 64}\n")
    return install(shop, "--require-hashes", "-r", lock)


@ROOM.exhibit("python-version-unsupported")
def wheel_of_another_python(shop: Workshop) -> str:
    """A wheel that requires a Python of the future is installed by its path."""
    return install(shop, shop.wheel("zoo_core", "1.0", python=">=3.99"))


@ROOM.exhibit("externally-managed", needs=("program:/usr/bin/python3",))
def python_of_the_system(shop: Workshop) -> str:
    """pip is asked to install into the system's own Python, which its distribution manages."""
    stdlib = shop.run("/usr/bin/python3", "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))", fails=False)
    if not (Path(stdlib.strip()) / "EXTERNALLY-MANAGED").exists():
        pytest.skip("the system's Python is not managed by its distribution")
    pip = shop.run(PYTHON, "-c", "import pip; print(pip.__path__[0])", fails=False).strip()
    shutil.copytree(pip, shop.path("site/pip"))
    wheel = shop.wheel("zoo_core", "1.0")
    environment = {"PYTHONPATH": str(shop.folder / "site")}
    return shop.run("/usr/bin/python3", "-m", "pip", "install", "--no-index", wheel, env=environment)


@ROOM.exhibit("package-index-unreachable", slow=True)
def index_that_nobody_answers(shop: Workshop) -> str:
    """The index is a port of this machine at which nobody listens."""
    url = f"http://127.0.0.1:{closed_port()}/simple"
    return shop.pip("download", "--retries", "1", "--index-url", url, "--no-deps", "zoo-core")


@ROOM.exhibit("package-index-unreachable", "tls-failure", needs=("program:openssl",))
def index_with_an_unknown_certificate(shop: Workshop) -> str:
    """The index shows a certificate that signs itself."""
    with answering(Answer(200, "<html></html>"), tls=certificate(shop)) as port:
        url = f"https://localhost:{port}/simple"
        return shop.pip("download", "--retries", "0", "--index-url", url, "--no-deps", "zoo-core")


@ROOM.exhibit("package-missing")
def package_that_nobody_installed(shop: Workshop) -> str:
    """A module of a package that is not installed is imported."""
    return shop.python("import zoo_flash_attn\n")


@ROOM.exhibit("api-removed", needs=("module:numpy",))
def attribute_that_numpy_removed(shop: Workshop) -> str:
    """An alias that NumPy 2 no longer has."""
    return shop.python("import numpy as np\nnp.array([1.0], dtype=np.float_)\n")


@ROOM.exhibit("api-removed", needs=("module:huggingface_hub",))
def function_that_the_hub_library_removed(shop: Workshop) -> str:
    """A function that huggingface_hub had until 0.26."""
    return shop.python("from huggingface_hub import cached_download\n")


@ROOM.exhibit("protobuf-mismatch", needs=("module:google.protobuf",))
def generated_code_newer_than_its_runtime(shop: Workshop) -> str:
    """The first lines of code that a protoc of the future generates."""
    return shop.python(
        """
        from google.protobuf import runtime_version as _runtime_version
        _runtime_version.ValidateProtobufRuntimeVersion(
            _runtime_version.Domain.PUBLIC, 99, 0, 0, '', 'onnx/onnx-ml.proto')
        """
    )


@ROOM.exhibit("protobuf-mismatch", needs=("module:google.protobuf",))
def generated_code_older_than_its_runtime(shop: Workshop) -> str:
    """A descriptor is made in the way of protoc before 3.19."""
    return shop.python(
        """
        from google.protobuf import descriptor as _descriptor
        _descriptor.EnumValueDescriptor(name='UNDEFINED', index=0, number=0, options=None, type=None)
        """
    )


SETUP = (
    "from setuptools import Extension, setup\nsetup(name='zoo_ops', ext_modules=[Extension('zoo_ops', ['ops.c'])])\n"
)


@ROOM.exhibit("build-toolchain-missing", needs=("module:setuptools", "linux"))
def build_without_a_compiler(shop: Workshop) -> str:
    """An extension is built from source, and the compiler that is set does not exist."""
    shop.write("setup.py", SETUP)
    shop.write("ops.c", "int used;\n")
    return shop.run(PYTHON, "setup.py", "build_ext", env={"CC": "/nonexistent/x86_64-linux-gnu-gcc"})
