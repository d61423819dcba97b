"""The rooms of a package and the arrows between them: which of its parts import which.

    python tools/rooms.py [airworthy.serve …]

Counts what import-linter's contracts count: imports inside of functions, not those for type checking.
"""

from __future__ import annotations

import sys

import grimp


def arrows(package: str) -> tuple[set[str], set[tuple[str, str]]]:
    """The parts of a package, and the pairs of them of which the first imports the second."""
    graph = grimp.build_graph("airworthy", exclude_type_checking_imports=True)
    rooms = graph.find_children(package)
    pairs = {
        (importer, imported)
        for importer in rooms
        for imported in rooms
        if importer != imported and graph.direct_import_exists(importer=importer, imported=imported, as_packages=True)
    }
    return rooms, pairs


def main(packages: list[str]) -> None:
    """Print them."""
    for package in packages or ["airworthy.serve", "airworthy.artifacts"]:
        rooms, pairs = arrows(package)
        print(f"{package}: {len(rooms)} rooms, {len(pairs)} arrows")
        for room in sorted(rooms):
            targets = sorted(imported.rpartition(".")[2] for importer, imported in pairs if importer == room)
            print(f"  {room.rpartition('.')[2]:12} → {', '.join(targets) or '—'}")


if __name__ == "__main__":
    main(sys.argv[1:])
