"""Compiles the .proto files of the gRPC interface to the descriptors that the service loads.

python tools/proto.py            write
python tools/proto.py --check    compare; exit status 1 where a file has drifted
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "src/airworthy/serve/protocols/open_inference/proto"
TARGET = FOLDER / "descriptors.binpb"


def compiled() -> bytes:
    """The descriptors of all files of the folder, without the source's positions."""
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "descriptors"
        names = sorted(path.name for path in FOLDER.glob("*.proto"))
        status = protoc.main(["protoc", f"--proto_path={FOLDER}", f"--descriptor_set_out={target}", *names])
        if status:
            raise SystemExit(status)
        return target.read_bytes()


def main(arguments: list[str]) -> int:
    """Write or compare; the exit status."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    made = compiled()
    if not arguments:
        TARGET.write_bytes(made)
        return 0
    if TARGET.read_bytes() != made:
        print(f"{TARGET.name} differs from the .proto files: run `python tools/proto.py`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
