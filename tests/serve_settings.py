"""Settings of the service for a test, by the names that they have in `airworthy.toml`."""

from __future__ import annotations

from typing import Any

from airworthy.core.settings import ServeSettings, resolve


def serve_settings(**given: Any) -> ServeSettings:
    """`[serve]` with some of its settings; a table is a dictionary: `serve_settings(batching={"max_rows": 1})`."""
    return resolve({"serve": given}).serve
