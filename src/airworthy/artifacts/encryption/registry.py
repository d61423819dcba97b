"""The list of key services; airworthy brings none, other packages join by entry point."""

from __future__ import annotations

from airworthy.artifacts.encryption.interface import KeyService
from airworthy.core.registry import Registry

KEY_SERVICES: Registry[KeyService] = Registry("key service", {}, group="airworthy.keys")
"""All key services by name."""
