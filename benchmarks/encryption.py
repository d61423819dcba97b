"""Encrypting and decrypting a model in the page cache, beside a copy and programs that do the like.

The program `age` reads the same file; OpenSSL's AES-256-CTR proves nothing.
`SIZE` in the environment sets the bytes; 256 MiB unless told. Everything runs on one core; what is written by
airworthy is on the disk when it ends, what the others write need not be.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

SIZE = int(os.environ.get("SIZE", "268435456"))
"""Bytes of the file."""
ROUNDS = 5
_ALONE = r"""
import re, sys
from pathlib import Path
from airworthy.flows.encrypt import decrypt, encrypt
if sys.argv[1] == "encrypt":
    encrypt(sys.argv[2], [sys.argv[3]], output=sys.argv[4], force=True)
else:
    decrypt(sys.argv[2], sys.argv[3], output=sys.argv[4], force=True)
# Not `ru_maxrss`: across a fork and exec it keeps what the parent had.
print(int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024)
"""


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    """Measure, taking turns, and print."""
    from airworthy.artifacts.encryption.models import AgeModel
    from airworthy.flows.encrypt import decrypt, encrypt, keygen

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        plain, sealed, again = root / "weights.bin", root / "weights.tar.age", root / "again.bin"
        block = os.urandom(16 * 1024 * 1024)
        with plain.open("wb") as stream:
            for _ in range(max(1, SIZE // len(block))):
                stream.write(block)
        size = plain.stat().st_size
        key = keygen(root / "model.key")
        public, private = str(key.public), str(key.private)
        encrypt(plain, [public], output=sealed)

        def in_memory() -> None:
            AgeModel(sealed, private).read(("weights.bin",), whole=True)

        def openssl() -> None:
            command = ["openssl", "enc", "-aes-256-ctr", "-K", "00" * 32, "-iv", "00" * 16, "-in", plain, "-out", again]
            subprocess.run(command, check=True)

        works: dict[str, Callable[[], object]] = {
            "copy": lambda: shutil.copyfile(plain, again),
            "encrypt": lambda: encrypt(plain, [public], output=root / "more.tar.age", force=True),
            "decrypt": lambda: decrypt(sealed, private, output=again, force=True),
            "decrypt to memory": in_memory,
        }
        if shutil.which("openssl"):
            works["openssl enc"] = openssl
        if shutil.which("age"):
            command = ["age", "-d", "-i", private, "-o", str(root / "archive"), str(sealed)]
            works["age -d"] = lambda: subprocess.run(command, check=True)
        seconds: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(ROUNDS):
            for name, work in works.items():
                seconds[name].append(timed(work))
        print(f"{size / 1e9:.2f} GB, median of {ROUNDS}")
        for name, values in seconds.items():
            print(f"  {name:18} {size / statistics.median(values) / 1e9:6.2f} GB/s")
        for verb, source, which in (("encrypt", plain, public), ("decrypt", sealed, private)):
            command = [sys.executable, "-c", _ALONE, verb, source, which, root / f"peak-{verb}"]
            peak = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            print(f"  peak memory of {verb}: {peak / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
