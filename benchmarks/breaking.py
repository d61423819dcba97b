"""Python environments that are broken for real, one way each, and a healthy one; made with pip and by hand.

All begin as copies of one environment with PyTorch, ONNX Runtime, transformers and airworthy. The copies are hard
links, so that they take no room; what a fault changes is replaced and never written into.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BASE = ("torch==2.13.0", "onnxruntime==1.31.1", "transformers==5.23.0", "numpy==2.4.6")
"""What all have. Where the index has a GPU build of torch under this number, it draws gigabytes; see `--pip`."""
READY = "ready"
"""The file written last, with the checkout that the environment runs: one without it, or of another checkout, is made
anew."""


class Environment:
    """One environment on disk."""

    def __init__(self, path: Path, wheels: Path, pip: tuple[str, ...]) -> None:
        self.path = path
        self.work = path / "work"
        """The working directory in which everything is run."""
        self._wheels = wheels
        self._pip = pip

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.path / "bin" / "python"

    @property
    def packages(self) -> Path:
        """Its site-packages."""
        return next((self.path / "lib").glob("python*")) / "site-packages"

    @property
    def ready(self) -> bool:
        """Whether it was made to its end, and for this checkout."""
        file = self.path / READY
        return file.exists() and file.read_text() == str(ROOT)

    def install(self, *words: str) -> None:
        """`pip install`."""
        run([self.python, "-m", "pip", "install", "--quiet", *self._pip, *words])

    def download(self, requirement: str, *words: str) -> Path:
        """A wheel from the index, kept for the next time."""
        folder = self._wheels / "-".join([requirement, *(word.strip("-") for word in words)]).replace(":", "")
        if not (folder / READY).exists():
            shutil.rmtree(folder, ignore_errors=True)
            command = [self.python, "-m", "pip", "download", "--quiet", *self._pip, "--no-deps"]
            run([*command, "--only-binary=:all:", *words, "--dest", folder, requirement])
            (folder / READY).touch()
        return next(folder.glob("*.whl"))

    def remove(self, pattern: str) -> None:
        """Delete files or folders of site-packages; at least one."""
        found = list(self.packages.glob(pattern))
        if not found:
            raise RuntimeError(f"nothing to remove by {pattern}")
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def rewrite(self, pattern: str, change: Callable[[bytes], bytes]) -> None:
        """Replace a file by what a function makes of its bytes; other environments keep theirs."""
        (path,) = self.packages.glob(pattern)
        before, mode = path.read_bytes(), path.stat().st_mode
        data = change(before)
        if data == before:
            raise RuntimeError(f"{path} has nothing to change")
        path.unlink()
        path.write_bytes(data)
        path.chmod(mode)


def run(command: list[object]) -> None:
    """Run a command of ours that must end well."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stderr[-2000:]}")


class Fault(NamedTuple):
    """A way to break an environment."""

    name: str
    """What it is called in the table."""
    title: str
    """What happened to it, in a line."""
    proof: str
    """Python that fails in it, and runs in the healthy one."""
    named: str
    """A regular expression that a line of a tool's output matches if it names the fault. One rule for all tools; lines
    that the same tool prints for the healthy environment as well don't count."""
    make: Callable[[Environment], None]
    """Breaks it."""


def _numpy_1_extension(env: Environment) -> None:
    env.install("--no-deps", "onnxruntime==1.17.3")


def _library_deleted(env: Environment) -> None:
    env.remove("numpy.libs/libscipy_openblas*")


def _two_onnxruntimes(env: Environment) -> None:
    env.install("--no-deps", "onnxruntime-openvino==1.24.1")
    env.install("--no-deps", "--force-reinstall", "onnxruntime==1.31.1")


def _renamed_wheel(env: Environment) -> None:
    other = "3.10" if sys.version_info[:2] != (3, 10) else "3.11"
    wheel = env.download("regex", f"--python-version={other}")
    tag, ours = f"cp{other.replace('.', '')}", f"cp{sys.version_info[0]}{sys.version_info[1]}"
    renamed = env.path / wheel.name.replace(tag, ours)
    shutil.copy(wheel, renamed)
    env.install("--no-deps", "--force-reinstall", str(renamed))


def _half_installed(env: Environment) -> None:
    env.remove("safetensors")


def _other_architecture(env: Environment) -> None:
    machine = "aarch64" if os.uname().machine == "x86_64" else "x86_64"
    wheel = env.download("tokenizers", f"--platform=manylinux2014_{machine}", f"--platform=manylinux_2_28_{machine}")
    env.remove("tokenizers*")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(env.packages)


def _empty_metadata(env: Environment) -> None:
    env.rewrite("tqdm-*.dist-info/METADATA", lambda _: b"")


def _hidden_module(env: Environment) -> None:
    (env.work / "random.py").write_text("seed = 7\n")


def _versions_apart(env: Environment) -> None:
    env.install("huggingface_hub==0.36.0")


def _torchvision_mismatch(env: Environment) -> None:
    env.install("--no-deps", "torchvision==0.23.0", "pillow")


def _cut_short(env: Environment) -> None:
    env.rewrite("onnxruntime/capi/onnxruntime_pybind11_state*.so", lambda data: data[: len(data) * 6 // 10])


def _glibc_too_new(env: Environment) -> None:
    # What a build on a newer distribution asks for, written into a wheel: no index serves such a one to this system.
    env.rewrite("safetensors/_safetensors_rust*.so", _ask_for_newer_glibc)


def _ask_for_newer_glibc(data: bytes) -> bytes:
    newest = max(re.findall(rb"GLIBC_2\.\d\d(?=\0)", data))
    return data.replace(newest + b"\0", b"GLIBC_2.98\0")


HEALTHY = "healthy"
FAULTS = (
    Fault(
        "numpy-1-extension",
        "ONNX Runtime built for NumPy 1 beside NumPy 2",
        "import onnxruntime",
        r"(?i)onnxruntime.*(compiled|built).*NumPy 1|compiled using NumPy 1",
        _numpy_1_extension,
    ),
    Fault(
        "library-deleted",
        "a library that NumPy brought is deleted",
        "import numpy",
        r"libscipy_openblas",
        _library_deleted,
    ),
    Fault(
        "two-onnxruntimes",
        "onnxruntime installed over onnxruntime-openvino",
        "import importlib.metadata as m, onnxruntime as o; names = {each.name for each in m.distributions()}; "
        "providers = o.get_available_providers(); "
        "assert 'onnxruntime-openvino' not in names or 'OpenVINOExecutionProvider' in providers, providers",
        r"onnxruntime-openvino.* onnxruntime\b|onnxruntime\b.* onnxruntime-openvino",
        _two_onnxruntimes,
    ),
    Fault(
        "renamed-wheel",
        "a wheel for another Python, renamed and installed",
        "import regex",
        r"regex .*(compiled for|not supported|Python 3)|No module named 'regex",
        _renamed_wheel,
    ),
    Fault(
        "half-installed",
        "safetensors has its description and none of its files",
        "import safetensors",
        r"safetensors .*(none of its files|not installed)|No module named 'safetensors",
        _half_installed,
    ),
    Fault(
        "other-architecture",
        "tokenizers with a library for another architecture",
        "import tokenizers",
        r"tokenizers .*(aarch64|x86_64|not supported)|tokenizers.*cannot open",
        _other_architecture,
    ),
    Fault(
        "empty-metadata",
        "the description of tqdm is an empty file",
        "import transformers",
        r"tqdm.*(does not name|not installed|METADATA|invalid|None)",
        _empty_metadata,
    ),
    Fault(
        "hidden-module",
        "a random.py in the working directory",
        "import torch",
        r"random\.py",
        _hidden_module,
    ),
    Fault(
        "versions-apart",
        "transformers 5 with a huggingface_hub of before",
        "import transformers",
        r"transformers .*(asks for|requires?|requirement).*huggingface[-_]hub",
        _versions_apart,
    ),
    Fault(
        "torchvision-mismatch",
        "a torchvision that was built for another torch",
        "import importlib.util; importlib.util.find_spec('torchvision') and __import__('torchvision')",
        r"torchvision.*(built for torch|requirement torch|does not exist)",
        _torchvision_mismatch,
    ),
    Fault(
        "cut-short",
        "a library of ONNX Runtime of which the end is missing",
        "import onnxruntime",
        r"onnxruntime_pybind11_state.*(cut short|too short|past end)",
        _cut_short,
    ),
    Fault(
        "glibc-too-new",
        "an extension that asks for a newer glibc",
        "import safetensors; from safetensors import safe_open",
        r"GLIBC_2\.98|glibc 2\.98",
        _glibc_too_new,
    ),
)


def build(cache: Path, pip: tuple[str, ...] = (), names: tuple[str, ...] = ()) -> dict[str, Environment]:
    """The healthy environment and the broken ones, each made once and then taken as it is.

    Args:
        cache: the folder that holds them.
        pip: options for every `pip install` and `pip download`, such as an index.
        names: the faults that are wanted; all of them when empty.
    """
    wheels = cache / "wheels"
    base = Environment(cache / "base", wheels, pip)
    if not base.ready:
        shutil.rmtree(base.path, ignore_errors=True)
        run([sys.executable, "-m", "venv", base.path])
        base.install("--upgrade", "pip")
        base.install(*BASE)
        base.install("--editable", str(ROOT))
        (base.path / READY).write_text(str(ROOT))
    made = {HEALTHY: _copy(base, cache / HEALTHY, wheels, pip, lambda _: None)}
    for fault in FAULTS:
        if not names or fault.name in names:
            made[fault.name] = _copy(base, cache / fault.name, wheels, pip, fault.make)
    return made


def _copy(
    base: Environment, path: Path, wheels: Path, pip: tuple[str, ...], make: Callable[[Environment], None]
) -> Environment:
    env = Environment(path, wheels, pip)
    if env.ready:
        return env
    shutil.rmtree(path, ignore_errors=True)
    run([base.python, "-m", "venv", "--without-pip", path])
    shutil.rmtree(env.packages)
    shutil.copytree(base.packages, env.packages, copy_function=os.link)
    for script in ("pip", "airworthy"):
        text = (base.path / "bin" / script).read_text().replace(str(base.path), str(path))
        (path / "bin" / script).write_text(text)
        (path / "bin" / script).chmod(0o755)
    env.work.mkdir()
    make(env)
    (path / READY).write_text(str(ROOT))
    return env
