"""Errors of releases."""

from __future__ import annotations

from airworthy.core.errors import AirworthyError, Exit


class ReleaseError(AirworthyError):
    """A release can't be made, found or used."""


class BadReleaseName(ReleaseError):
    """A text that names no release."""

    code = "bad-release-name"
    message = "{name!r} is no name of a release: {reason}"
    hint = "write NAME, NAME@VERSION or NAME@ALIAS, with letters, digits, `.`, `_` and `-`"


class UnknownRelease(ReleaseError):
    """A release that is not kept here."""

    code = "unknown-release"
    message = "there is no release {name}"
    hint = "{suggestion}"


class SourceChanged(ReleaseError):
    """A file that was written to while it was read."""

    code = "source-changed"
    message = "{path} changed while it was read"
    hint = "wait until the program that writes it has ended, then add the release again"


class SourceUnusable(ReleaseError):
    """A model that can't become a release."""

    code = "source-unusable"
    message = "{path}: {reason}"
    hint = "give a model file, or a folder of regular files"


class ReleaseDamaged(ReleaseError):
    """Files of a release that are not what was added."""

    code = "release-damaged"
    message = "{name} is not what was added: {problem}"
    hint = (
        "restore it from a backup, or add the model again as a new version; `airworthy release show {name} --verify` \
lists every file"
    )
    exit = Exit.FINDINGS


class ReleaseBusy(ReleaseError):
    """Another rollout of the same name is under way."""

    code = "release-busy"
    message = "{principal} began to {kind} {name}@{version} at {at}, and that has not ended"
    hint = "wait for it, or end it with `airworthy release abort {name}`"
    exit = Exit.FINDINGS


class ReleaseMoved(ReleaseError):
    """The version that is served changed since it was read."""

    code = "release-moved"
    message = "{name} serves version {active} now; {principal} changed it at {at}"
    hint = "read `airworthy release list {name}`, then decide again"
    exit = Exit.FINDINGS


class PolicyRefused(ReleaseError):
    """A release that does not meet the policy."""

    code = "release-policy"
    message = "{name} does not meet the policy: {reasons}"
    hint = "{way_out}"
    exit = Exit.FINDINGS


class NothingToRollBack(ReleaseError):
    """No version was served before the one that is."""

    code = "nothing-to-roll-back"
    message = "{name} has no version that was served before"
    hint = "promote one: `airworthy release list {name}` names them"
    exit = Exit.FINDINGS


class NothingUnderWay(ReleaseError):
    """No rollout of this name is under way."""

    code = "nothing-under-way"
    message = "no rollout of {name} is under way"
    hint = "`airworthy release show {name}` names the version that is served"
