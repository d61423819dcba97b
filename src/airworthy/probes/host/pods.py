"""What a cluster reports about a pod, through `kubectl`: its description, its state, its events and what it printed."""

from __future__ import annotations

from typing import NamedTuple

from airworthy.core.messages import say
from airworthy.probes.seam.host import Host, HostError

TIME_LIMIT = 20.0
"""Seconds that each question to the cluster may take."""
MOST_LINES = 20_000
"""Lines of a container's output that are requested."""


class PodText(NamedTuple):
    """One answer of the cluster."""

    source: str
    """The command that gave it."""
    text: str
    """What it printed."""


def read_pod(host: Host, name: str, *, namespace: str = "", context: str = "") -> tuple[tuple[PodText, ...], str]:
    """Ask about a pod: what could be had, and why the rest could not be.

    The state and the description come first, then what the containers printed, the run before this one first.
    """
    where = (*(("--context", context) if context else ()), *(("--namespace", namespace) if namespace else ()))
    questions = (
        ("kubectl", *where, "describe", "pod", name),
        ("kubectl", *where, "logs", name, "--all-containers", "--previous", f"--tail={MOST_LINES}"),
        ("kubectl", *where, "logs", name, "--all-containers", f"--tail={MOST_LINES}"),
    )
    answers: list[PodText] = []
    problem = ""
    for argv in questions:
        try:
            done = host.run(*argv, timeout=TIME_LIMIT)
        except HostError as error:
            problem = problem or str(error)
            continue
        if done.status != 0 and not done.output.strip():
            # A pod that never restarted has no run before this one, and one that never started has printed nothing.
            problem = problem or say("{command}: {reason}", command=" ".join(argv), reason=done.errors.strip()[:300])
            continue
        answers.append(PodText(" ".join(argv), done.output))
    return tuple(answers), problem
