"""What a cluster prints, in each of its formats."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.recognition.events import plain

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "status": {
        "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"}
        ],
        "containerStatuses": [
            {"name": "server", "restartCount": 7, "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}
        ],
    },
}
EVENTS = {
    "kind": "List",
    "items": [
        {
            "kind": "Event",
            "type": "Warning",
            "reason": "Failed",
            "message": "Error: ErrImagePull",
            "source": {"component": "kubelet"},
        }
    ],
}
YAML = """apiVersion: v1
kind: Pod
status:
  conditions:
  - message: '0/1 nodes are available: 1 Insufficient nvidia.com/gpu. preemption: 0/1
      nodes are available: 1 No preemption victims found for incoming pod.'
    reason: Unschedulable
  containerStatuses:
  - lastState:
      terminated:
        exitCode: 137
        reason: OOMKilled
    restartCount: 7
"""


def test_a_pod_as_json() -> None:
    text = plain(json.dumps(POD))
    for line in ("Reason: OOMKilled", "Exit Code: 137", "State: Terminated", "Restart Count: 7"):
        assert line in text
    assert "PodScheduled  False  Unschedulable  0/1 nodes are available" in text


def test_events_as_json() -> None:
    assert "Warning  Failed  kubelet  Error: ErrImagePull" in plain(json.dumps(EVENTS))


def test_a_pod_as_yaml() -> None:
    text = plain(YAML)
    assert "Insufficient nvidia.com/gpu. preemption: 0/1 nodes are available: 1 No preemption" in text
    for line in ("Exit Code: 137", "Reason: OOMKilled", "Restart Count: 7"):
        assert line in text


@pytest.mark.parametrize("text", ["", "Name: x\nStatus: Running\n", "{not json", "LAST SEEN   TYPE   REASON\n"])
def test_anything_else_stays(text: str) -> None:
    assert plain(text) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
)


@given(JSON)
def test_any_document_can_be_told(data: object) -> None:
    plain(json.dumps(data))


@given(st.text(max_size=300))
def test_any_text_can_be_told(text: str) -> None:
    plain("apiVersion: v1\n" + text)
