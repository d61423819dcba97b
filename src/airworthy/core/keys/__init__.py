"""Every fact that exists: its name, its type, what it means. The reference page of facts is made from this package.

A module for each subject; the order in which they are imported is that of `KEYS`.
"""

# ruff: noqa: F403, F405 - each module holds keys and nothing else

from __future__ import annotations

from airworthy.core.keys.key import *  # isort: skip
from airworthy.core.keys.host import *  # isort: skip
from airworthy.core.keys.accelerators import *  # isort: skip
from airworthy.core.keys.environment import *  # isort: skip
from airworthy.core.keys.model import *  # isort: skip
from airworthy.core.keys.plan import *  # isort: skip
from airworthy.core.values import Device
from airworthy.core.version import Version

DEVICES: tuple[Key[tuple[Device, ...]], ...] = tuple(k for k in KEYS.values() if k.type == tuple[Device, ...])
"""The accelerators of every maker."""
DRIVERS: tuple[Key[Version], ...] = tuple(k for k in KEYS.values() if k.name.endswith(".driver"))
"""The drivers of every maker."""
