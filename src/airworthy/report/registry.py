"""The list of output formats."""

from __future__ import annotations

from airworthy.core.registry import Registry
from airworthy.report.interface import Renderer

FORMAT_NAMES = ("text", "json", "sarif", "junit", "github", "markdown")
"""The formats that come with airworthy, as `--help` lists them."""

FORMATS: Registry[Renderer] = Registry(
    "output format",
    {name: f"airworthy.report.{name}:render" for name in FORMAT_NAMES},
    group="airworthy.report",
)
"""All output formats by name."""
