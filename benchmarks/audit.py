"""Thirty planted advisories before `airworthy audit-deps`, pip-audit and `uv audit`.

    python benchmarks/audit.py [--pip-audit PROGRAM]

A service on loopback speaks OSV's interface, well or in one of five broken ways. Twenty of the advisories are about a
locked release, ten are about its neighbours: a release that was just fixed, an epoch, a range that begins later. A tool
is right about the service that answers if it names the twenty and no other; about one that fails, if its exit status
is not 0. pip-audit and uv send the version along, and the service leaves out what is not about it, as OSV's does;
airworthy asks for all advisories about a package and decides itself.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from timing import table

from advisory_server import WAYS, advisory, service
from airworthy.environment.uv import write_stub
from environments import environment, package

Planted = tuple[str, str, dict[str, Any], bool]


def planted() -> list[Planted]:
    """Name, version, advisory, and whether the advisory is about that version."""
    zero = ("introduced", "0")
    rows: list[tuple[str, list[tuple[str, str]], list[str], bool]] = [
        ("1.0", [zero, ("fixed", "1.1")], [], True),
        ("1.1", [zero, ("fixed", "1.1")], [], False),
        ("1.0.post1", [zero, ("fixed", "1.1")], [], True),
        ("1.1rc1", [zero, ("fixed", "1.1")], [], True),
        ("2.10", [zero, ("fixed", "2.9")], [], False),
        ("2.9", [zero, ("fixed", "2.10")], [], True),
        ("1.5", [("introduced", "2.0"), ("fixed", "2.5")], [], False),
        ("2.0", [("introduced", "2.0"), ("fixed", "2.5")], [], True),
        ("2.5", [("introduced", "2.0"), ("last_affected", "2.5")], [], True),
        ("2.5.1", [("introduced", "2.0"), ("last_affected", "2.5")], [], False),
        ("3.1", [zero, ("fixed", "2.5"), ("introduced", "3.0"), ("fixed", "3.2")], [], True),
        ("2.7", [zero, ("fixed", "2.5"), ("introduced", "3.0"), ("fixed", "3.2")], [], False),
        ("2.7", [("introduced", "3.0"), ("fixed", "3.2"), zero, ("fixed", "2.8")], [], True),
        ("9.0", [zero], [], True),
        ("1.0", [], ["1.0"], True),
        ("1.0", [], ["1.0.0"], True),
        ("1.0", [], ["1.0.1", "0.9"], False),
        ("2024.1.1", [zero, ("fixed", "2024.2.2")], [], True),
        ("1.0.dev3", [zero, ("fixed", "1.0")], [], True),
        ("1.0a1", [("introduced", "1.0"), ("fixed", "1.2")], [], False),
        ("0.9.9", [zero, ("fixed", "1.0rc1")], [], True),
        ("1.0", [zero, ("fixed", "1.0rc1")], [], False),
        ("4.2", [("introduced", "4.0"), ("fixed", "4.2.1"), ("introduced", "5.0")], [], True),
        ("4.3", [("introduced", "4.0"), ("fixed", "4.2.1"), ("introduced", "5.0")], [], False),
        ("5.1", [("introduced", "4.0"), ("fixed", "4.2.1"), ("introduced", "5.0")], [], True),
        ("1.10.0", [zero, ("fixed", "1.9.0")], ["1.10.0"], True),
        ("1.0", [zero, ("fixed", "1.0.1")], [], True),
        ("1!1.0", [zero, ("fixed", "2.0")], [], False),
        ("6.0", [zero, ("last_affected", "6.0")], [], True),
        ("7.0", [zero, ("fixed", "7.0.0.1")], [], True),
    ]
    return [
        (
            f"planted-{number}",
            version,
            advisory(f"GHSA-{number:04}", f"planted-{number}", *events, versions=versions),
            hit,
        )
        for number, (version, events, versions, hit) in enumerate(rows)
    ]


def run(command: list[str], cwd: Path) -> tuple[int, str]:
    """A tool's exit status and what it printed."""
    variables = {key: value for key, value in os.environ.items() if key not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300, env=variables)
    return done.returncode, done.stdout + done.stderr


def main() -> None:
    """Plant, serve, ask, compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pip-audit", default=shutil.which("pip-audit"), metavar="PROGRAM")
    options = parser.parse_args()
    rows_planted = planted()
    documents = [document for _, _, document, _ in rows_planted]
    about = {document["id"] for _, _, document, hit in rows_planted if hit}
    bin_ = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        packages = [package(name, version) for name, version, _, _ in rows_planted]
        environment(root / "site", packages)
        (root / "index").mkdir()
        for each in packages:
            write_stub(root / "index", each)
        pins = [f"{each.name}=={each.version}" for each in packages]
        (root / "requirements.txt").write_text("\n".join(pins) + "\n")
        listed = ", ".join(f'"{pin}"' for pin in pins)
        (root / "pyproject.toml").write_text(
            f'[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = [{listed}]\n'
        )
        uv = str(bin_ / "uv")
        status, said = run([uv, "lock", "--no-index", "--find-links", "index"], root)
        if status:
            raise SystemExit(said)
        rows = []
        for way in WAYS:
            with service(documents, way) as url:
                ours = [str(bin_ / "python"), "-m", "airworthy", "audit-deps", "--python", "site", "--service", "osv"]
                commands = {
                    "airworthy audit-deps": [*ours, "--service-url", url, "-v"],
                    "uv audit": [uv, "audit", "--frozen", "--no-index", "--find-links", "index", "--service-url", url],
                }
                if options.pip_audit:
                    plain = [options.pip_audit, "-r", "requirements.txt", "--no-deps", "--disable-pip", "-s", "osv"]
                    commands["pip-audit"] = [*plain, "--osv-url", f"{url}/v1/query"]
                row = [way]
                for command in commands.values():
                    status, said = run(command, root)
                    named = set(re.findall(r"GHSA-\d{4}", said))
                    if way == "answering":
                        row.append(f"{len(named & about)} of {len(about)}, {len(named - about)} wrong, status {status}")
                    else:
                        row.append(f"status {status}{', **clean**' if status == 0 else ''}")
                rows.append(row)
    table("Thirty planted advisories", ("the service is", *commands), rows)


if __name__ == "__main__":
    main()
