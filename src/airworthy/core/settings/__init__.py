"""`airworthy.toml` and its environment: every setting with its type, bounds, default and meaning."""

from airworthy.core.settings.audit import AuditSettings
from airworthy.core.settings.generation import CACHE_TYPES, GenerationSettings
from airworthy.core.settings.layers import ENVIRONMENT, ENVIRONMENT_PREFIX, from_environment, parse, resolve
from airworthy.core.settings.machine import DRIVER, PolicySettings, RequirementSettings
from airworthy.core.settings.section import Section
from airworthy.core.settings.serve import (
    AdminSettings,
    BatchingSettings,
    CacheSettings,
    CallerSettings,
    DecryptionSettings,
    LimitSettings,
    ServeSettings,
    WorkerSettings,
)
from airworthy.core.settings.tables import CheckSettings, Settings, StateSettings
from airworthy.core.settings.upstreams import UpstreamSettings

__all__ = [
    "CACHE_TYPES",
    "DRIVER",
    "ENVIRONMENT",
    "ENVIRONMENT_PREFIX",
    "AdminSettings",
    "AuditSettings",
    "BatchingSettings",
    "CacheSettings",
    "CallerSettings",
    "CheckSettings",
    "DecryptionSettings",
    "GenerationSettings",
    "LimitSettings",
    "PolicySettings",
    "RequirementSettings",
    "Section",
    "ServeSettings",
    "Settings",
    "StateSettings",
    "UpstreamSettings",
    "WorkerSettings",
    "from_environment",
    "parse",
    "resolve",
]
