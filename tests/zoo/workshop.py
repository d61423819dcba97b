"""Where exhibits are made: a folder of their own, an environment without this user's settings, bounded runs."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

PYTHON = os.environ.get("AIRWORTHY_ZOO_PYTHON", sys.executable)
"""The interpreter that exhibits run; another environment than the tests' own may hold PyTorch."""
LIMIT = 100.0
"""Seconds that one program gets."""
NOBODY = "import os\nif os.geteuid() == 0:\n    os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
"""Makes a script run without root's rights."""


class Workshop:
    """The tools with which a failure is made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "TMPDIR": str(folder),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INPUT": "1",
            "PIP_NO_COLOR": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
            "HF_HOME": str(folder / "hf"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def path(self, name: str) -> Path:
        """A path in the folder, whose parent exists."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name: str, content: str | bytes) -> Path:
        """A file in the folder."""
        path = self.path(name)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(textwrap.dedent(content), encoding="utf-8")
        return path

    def run(
        self,
        *command: str | Path,
        env: Mapping[str, str] | None = None,
        before: Callable[[], None] | None = None,
        fails: bool = True,
    ) -> str:
        """What a program prints, both streams as they come. It has to end with an error unless told otherwise."""
        done = subprocess.run(
            [str(word) for word in command],
            cwd=self.folder,
            env={**self.environment, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=LIMIT,
            check=False,
            preexec_fn=before,
        )
        output = done.stdout.decode("utf-8", "replace")
        assert (done.returncode != 0) == fails, f"it ended with {done.returncode}:\n{output}"
        return output

    def python(
        self,
        code: str,
        *,
        env: Mapping[str, str] | None = None,
        before: Callable[[], None] | None = None,
        fails: bool = True,
        options: tuple[str, ...] = (),
    ) -> str:
        """What a script prints."""
        return self.run(PYTHON, *options, self.write("main.py", code), env=env, before=before, fails=fails)

    def shell(self, line: str, *, fails: bool = True, env: Mapping[str, str] | None = None) -> str:
        """What a line of shell prints, and the shell about it."""
        return self.run("bash", "-c", line, fails=fails, env=env)

    def pip(self, *words: str | Path, fails: bool = True) -> str:
        """What pip prints; it installs into a folder that is thrown away, and reaches no index unless told to."""
        return self.run(PYTHON, "-m", "pip", *words, fails=fails)

    def compile(self, name: str, source: str, *flags: str | Path) -> Path:
        """A shared object of C source."""
        code = self.write(f"{name}.c", source)
        target = self.path(name)
        self.run("gcc", "-shared", "-fPIC", "-O0", "-w", "-o", target, code, *flags, fails=False)
        return target

    def extension(self, module: str, source: str, *flags: str | Path) -> Path:
        """A Python extension of C source."""
        include = self.run(PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('include'))", fails=False).strip()
        return self.compile(f"{module}.so", source, f"-I{include}", *flags)

    def wheel(
        self, name: str, version: str, *, tag: str = "py3-none-any", requires: tuple[str, ...] = (), python: str = ""
    ) -> Path:
        """A wheel that holds one empty module."""
        info = f"{name}-{version}.dist-info"
        metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
        metadata += [f"Requires-Dist: {each}" for each in requires]
        metadata += [f"Requires-Python: {python}"] if python else []
        files = {
            f"{name}.py": "",
            f"{info}/METADATA": "\n".join(metadata) + "\n",
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: zoo\nRoot-Is-Purelib: true\nTag: {tag}\n",
        }
        record = "".join(f"{path},{_digest(text)},{len(text)}\n" for path, text in files.items())
        target = self.path(f"wheels/{name}-{version}-{tag}.whl")
        with zipfile.ZipFile(target, "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
            archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
        return target


def _digest(text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    return f"sha256={digest}"


def memory_of(size: int) -> Callable[[], None]:
    """Limits a program's address space to so many bytes."""
    return lambda: _limit("RLIMIT_AS", size)


def files_of(count: int) -> Callable[[], None]:
    """Limits a program's open files."""
    return lambda: _limit("RLIMIT_NOFILE", count)


def without_core() -> None:
    """Keeps a program that dies by a signal from leaving a core file."""
    _limit("RLIMIT_CORE", 0)


def _limit(name: str, value: int) -> None:
    import resource  # not on Windows

    resource.setrlimit(getattr(resource, name), (value, value))
