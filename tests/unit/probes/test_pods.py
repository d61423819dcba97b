"""What a cluster tells about a pod, through a recorded `kubectl`."""

from __future__ import annotations

from airworthy.probes.host.pods import read_pod
from airworthy.probes.seam.fake import FakeHost
from airworthy.probes.seam.host import Completed, HostError

LOGS = "kubectl logs web --all-containers"


def test_all_answers_in_order() -> None:
    host = FakeHost(
        commands={
            "kubectl describe pod web": Completed(0, "Reason: OOMKilled\n", ""),
            f"{LOGS} --previous --tail=20000": Completed(0, "before\n", ""),
            f"{LOGS} --tail=20000": Completed(0, "now\n", ""),
        }
    )
    answers, problem = read_pod(host, "web")
    assert [each.text for each in answers] == ["Reason: OOMKilled\n", "before\n", "now\n"]
    assert problem == ""


def test_what_could_not_be_had_is_said() -> None:
    host = FakeHost(
        commands={
            "kubectl --context c --namespace n describe pod web": Completed(0, "Status: Pending\n", ""),
            "kubectl --context c --namespace n logs web --all-containers --previous --tail=20000": Completed(
                1, "", "Error from server: previous terminated container not found"
            ),
            "kubectl --context c --namespace n logs web --all-containers --tail=20000": HostError("too slow"),
        }
    )
    answers, problem = read_pod(host, "web", namespace="n", context="c")
    assert len(answers) == 1
    assert "not found" in problem


def test_without_kubectl() -> None:
    answers, problem = read_pod(FakeHost(), "web")
    assert answers == ()
    assert "kubectl is not installed" in problem
