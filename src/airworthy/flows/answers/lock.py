"""The answers of `lock` and `sync`."""

from __future__ import annotations

from typing import Literal, Optional

from airworthy.core.report import VerbAnswer
from airworthy.environment.drift import Drift
from airworthy.environment.lockfile import Coverage, LockChange
from airworthy.environment.proof import Proof
from airworthy.environment.relaxations import Contradiction


class LockAnswer(VerbAnswer, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `lock`: a lock that was made, or why there is none."""

    verdict: Literal["locked", "no-solution"]
    """Whether there is a lock; nothing was written otherwise."""
    path: str
    """The folder of the lock."""
    source: str
    """What it was made from."""
    packages: int = 0
    """How many packages it names."""
    platforms: tuple[Coverage, ...] = ()
    """What it holds for each platform and version of Python."""
    changes: tuple[LockChange, ...] = ()
    """What differs from the lock that was there."""
    accelerator: str = ""
    """The accelerator that wheels were chosen for."""
    contradiction: Optional[Contradiction] = None
    """Why there is no solution."""
    wheelhouse: str = ""
    """The folder that was filled, with `--wheelhouse`."""
    files: int = 0
    """Files in it."""
    fetched: int = 0
    """Those of them that were fetched now."""


class LockCheck(VerbAnswer, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `lock --check`: where an environment is not what its lock says."""

    verdict: Literal["same", "drifted"]
    """Whether they are the same."""
    lock: str
    """The folder of the lock."""
    environment: str
    """The environment."""
    compared: int
    """Packages of the lock that belong on this platform."""
    files: int
    """Files that were compared with their records."""
    drifts: tuple[Drift, ...] = ()
    """Each difference."""
    stale: str = ""
    """Why the lock is older than what it was made from; empty where it is not."""


class LockDifference(VerbAnswer, frozen=True, kw_only=True):
    """The answer of `lock --diff`: what differs between two locks."""

    old: str
    """The first lock."""
    new: str
    """The second lock."""
    differences: tuple[LockChange, ...]
    """What differs, by package."""


class SyncAnswer(VerbAnswer, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `sync`: an environment that is what its lock says."""

    verdict: Literal["restored"]
    """That it was proven before it was put in place."""
    lock: str
    """The folder of the lock."""
    environment: str
    """The environment."""
    packages: int
    """Packages that were installed."""
    files: int
    """Files that were compared with their records."""
    recovered: bool = False
    """Whether the remains of an interrupted restoration were taken away first."""
    proof: Optional[Proof] = None
    """What the wheels of a wheelhouse prove, file by file."""
