"""All of `airworthy.toml`: its tables, and those that belong to no larger part."""

from __future__ import annotations

from airworthy.core.finding import Severity
from airworthy.core.settings.audit import AuditSettings
from airworthy.core.settings.machine import PolicySettings, RequirementSettings
from airworthy.core.settings.release import ReleaseSettings
from airworthy.core.settings.section import Section
from airworthy.core.settings.serve import ServeSettings


class CheckSettings(Section, frozen=True):
    """`[check]`: how findings are judged."""

    fail_on: Severity = Severity.ERROR
    """The least severity that makes the exit status 1."""
    strict: bool = False
    """Whether a skipped check makes the exit status 4."""
    ignore: tuple[str, ...] = ()
    """Causes that are not checked, by slug."""


class StateSettings(Section, frozen=True):
    """`[state]`: what is kept between runs."""

    directory: str = ""
    """The directory that holds it; empty for `airworthy` in the user's state directory (`XDG_STATE_HOME`)."""


class Settings(Section, frozen=True):
    """All of `airworthy.toml`."""

    check: CheckSettings = CheckSettings()
    """`[check]`."""
    serve: ServeSettings = ServeSettings()
    """`[serve]`."""
    requirements: RequirementSettings = RequirementSettings()
    """`[requirements]`."""
    policy: PolicySettings = PolicySettings()
    """`[policy]`."""
    audit: AuditSettings = AuditSettings()
    """`[audit]`."""
    state: StateSettings = StateSettings()
    """`[state]`."""
    release: ReleaseSettings = ReleaseSettings()
    """`[release]`."""
