"""Whether a release may be served: what the policy demands of it, and what of that it lacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airworthy.core.messages import say
from airworthy.core.settings.release import ReleaseSettings
from airworthy.state.releases.errors import PolicyRefused
from airworthy.state.releases.manifest import ReleaseManifest

_WAYS_OUT = {
    "scanned": "`airworthy check` on its file names what to do; then add it again",
    "signed": "sign it with `airworthy sign`, name the publisher in serve.require_signature, then add it again",
    "gated": "add it again with --gate REPORT, a report whose verdict is passed",
    "licence": "add it again with --licence NAME, or allow that licence in release.licences",
}


def shortfalls(manifest: ReleaseManifest, settings: ReleaseSettings) -> dict[str, str]:
    """What a release lacks: the demand, and why it is not met. Whatever is unknown is not met."""
    return {demand: why for demand in settings.require if (why := _why(demand, manifest, settings))}


def _why(demand: str, manifest: ReleaseManifest, settings: ReleaseSettings) -> str:
    if demand == "scanned" and manifest.scan.verdict != "passed":
        found = manifest.scan.findings or manifest.scan.skipped
        return say("the checks of its file: {verdict} ({found})", verdict=manifest.scan.verdict, found=found)
    if demand == "signed" and manifest.signature.verdict != "valid":
        return say("its signature: {verdict}", verdict=manifest.signature.verdict)
    if demand == "gated" and manifest.gate.verdict != "passed":
        return say("its quality gate: {verdict}", verdict=manifest.gate.verdict)
    if demand == "licence":
        if not manifest.licence:
            return say("its licence is not known")
        allowed = {licence.casefold() for licence in settings.licences}
        if allowed and manifest.licence.casefold() not in allowed:
            return say("its licence {licence} is not allowed", licence=manifest.licence)
    return ""


def check_policy(manifest: ReleaseManifest, settings: ReleaseSettings, excepted: Sequence[str] = ()) -> tuple[str, ...]:
    """Refuse a release that lacks what the policy demands.

    Args:
        manifest: the release.
        settings: the policy.
        excepted: demands that are waived for this release.

    Returns:
        The demands that were waived and are not met.

    Raises:
        PolicyRefused: it lacks one that is not waived.
    """
    lacking = shortfalls(manifest, settings)
    reasons = tuple(why for demand, why in lacking.items() if demand not in excepted)
    if reasons:
        raise PolicyRefused(name=manifest.title, reasons="; ".join(reasons), way_out="; ".join(_ways_out(lacking)))
    return tuple(lacking)


def _ways_out(lacking: dict[str, str]) -> Iterator[str]:
    for demand in lacking:
        yield say(_WAYS_OUT[demand])
