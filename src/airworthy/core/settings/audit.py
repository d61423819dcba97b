"""`[audit]`: what packages are compared with."""

from __future__ import annotations

from airworthy.core.settings.section import NotNegative, Section


class AuditSettings(Section, frozen=True):
    """`[audit]`: what `airworthy audit-deps` compares packages with."""

    snapshot: str = ""
    """Advisories on disk: OSV's `all.zip` of PyPI, or a folder of such files. Empty asks a service."""
    max_age_days: NotNegative = 7
    """Days after which a snapshot is too old to say that nothing is known."""
    licenses_allowed: tuple[str, ...] = ()
    """Licences that are allowed, by SPDX identifier; empty allows all that are not denied."""
    licenses_denied: tuple[str, ...] = ()
    """Licences that are not."""
    unmaintained_days: NotNegative = 0
    """Days without a release after which a package counts as unmaintained; 0 does not ask. Needs `--service pypi`."""
    suppress: tuple[str, ...] = ()
    """Advisories that are accepted: `GHSA-xxxx-xxxx-xxxx@package until 2027-01-31: reason`."""
