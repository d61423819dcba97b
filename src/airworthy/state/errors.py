"""Errors of what is kept between runs: each names the file and the way out."""

from __future__ import annotations

from airworthy.core.errors import AirworthyError


class StateUnusable(AirworthyError):
    """The state directory or its database can't be used."""

    code = "state-unusable"
    message = "{path}: {reason}"
    hint = "choose a directory with [state] directory in airworthy.toml, or AIRWORTHY_STATE_DIRECTORY"


class NoHome(StateUnusable):
    """The state directory would lie in the home directory of a user without one."""

    code = "no-home"
    message = "{directory} would lie in a home directory, and this user has none: HOME is not set"
    hint = "name another with [state] directory in airworthy.toml, or AIRWORTHY_STATE_DIRECTORY"


class StateTooNew(StateUnusable):
    """The database was written by a newer release."""

    code = "state-too-new"
    message = "{path} was written by a newer airworthy: its schema is {found}, this release reads up to {known}"
    hint = "upgrade airworthy, or choose another directory with [state] directory or AIRWORTHY_STATE_DIRECTORY"


class StateCorrupted(StateUnusable):
    """The database is damaged, or no database."""

    code = "state-corrupted"
    message = "{path} is damaged: {reason}"
    hint = "restore it from a backup, or move it aside with the files of the same name that end in -wal and -shm: the \
next run begins a new one"


class StateBusy(StateUnusable):
    """Another process held the database for longer than the time limit."""

    code = "state-busy"
    message = "{path} is in use by another process and stayed so for {seconds:seconds}"
    hint = "try again; `fuser {path}` names the process"


class MigrationFailed(StateUnusable):
    """A step of the schema could not be taken; the database is as it was before that step."""

    code = "state-migration-failed"
    message = "{path} could not be brought from schema {before} to {after}: {reason}"
    hint = "the database is unchanged and the release that wrote it still reads it; please report this"
