"""How long a person waits for the command line."""

from __future__ import annotations

import sys

from timing import table, take_turns, wall

ROUNDS = 15


def main() -> None:
    """Measure and print."""
    ours = [sys.executable, "-m", "airworthy"]
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "airworthy --version": [*ours, "--version"],
        "airworthy --help": [*ours, "--help"],
        "airworthy check": [*ours, "check"],
    }
    # A check that finds something has done its work as well.
    medians = take_turns({name: lambda c=command: wall(c, (0, 1)) for name, command in commands.items()}, ROUNDS)
    bare = medians["python -c pass"]
    rows = [(name, f"{seconds:.3f}", f"{seconds / bare:.1f}") for name, seconds in medians.items()]
    table(f"Start-up, whole processes, median of {ROUNDS}", ("command", "seconds", "times the interpreter"), rows)


if __name__ == "__main__":
    main()
