"""`python -m airworthy` is the command line."""

from __future__ import annotations

from airworthy.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
