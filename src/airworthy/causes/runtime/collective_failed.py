"""A collective operation between workers failed or timed out.

## What happens

Workers that share a model stop in NCCL, Gloo or HCCL: `Watchdog caught collective operation timeout`, `unhandled
system error`, `Gloo connectFullMesh failed`, `Connection refused` between ranks. Before that they often hang for ten
minutes without a word.

## Why

In a collective every rank waits for all others. One that crashed, is still loading, took another branch or can't be
reached stops them all, and the others report it. So the cause stands in the log of the rank that says nothing of
collectives. When all ranks are alive, it is the path between them: a firewall, the wrong network interface
(`network-interface-misconfigured`), peer-to-peer copies that hang in a virtual machine, too little shared memory
(`shm-too-small`).

## How to end it

Read the logs of all ranks and look for the first error. If there is none, run with `NCCL_DEBUG=INFO`, then switch
off what may hang: `NCCL_P2P_DISABLE=1`, `NCCL_IB_DISABLE=1`, one at a time.

## How to prevent it

Test the path with `all_reduce_perf` of nccl-tests on the very machines, and name the interface explicitly.

## Example

```
[rank0]:[E ProcessGroupNCCL.cpp:629] [Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=9, OpType=ALLREDUCE, NumelIn=1, NumelOut=1, Timeout(ms)=600000) ran for 600042 milliseconds before timing out.
```

## References

- https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html
- https://docs.vllm.ai/en/latest/usage/troubleshooting/
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="collective-failed",
    severity=Severity.ERROR,
    message="rank {rank} waited {milliseconds} ms for the others in {operation}",
    unpredictable="it depends on the other workers and the path to them",
    signatures=(
        Signature(
            "Watchdog caught collective operation timeout",
            r"\[Rank (?P<rank>\d+)\].{0,40}collective operation timeout: .{0,60}OpType=(?P<operation>\w+).{0,200}ran "
            r"for "
            r"(?P<milliseconds>\d+) milliseconds",
            weight=0.74,
        ),
        Signature("Watchdog caught collective operation timeout", weight=0.74),
        Signature("Some NCCL operations have failed or timed out", weight=0.7),
        Signature("collective operation timeout", weight=0.7),
        Signature("connectFullMesh failed", weight=0.74),
        Signature("gloo::IoException", weight=0.7),
        Signature("third_party/gloo", r"gloo/transport/tcp/\w+\.cc:\d+\]", weight=0.68),
        Signature("ncclRemoteError", weight=0.72),
        Signature("ncclSystemError", weight=0.66),
        Signature("ncclUnhandledCudaError", weight=0.6),
        Signature("ncclInternalError", weight=0.66),
        Signature("ncclInvalidUsage", weight=0.66),
        Signature("NCCL error", r"NCCL error(?: in)?:? .{0,200}(?:unhandled|invalid|internal|remote)", weight=0.66),
        Signature("NCCL error", r"(?:torch\.distributed\.DistBackendError|RuntimeError): NCCL error", weight=0.66),
        Signature(
            "NCCL WARN",
            r"NCCL WARN (?:\S+ )?(?:Connect to|Call to connect|socketStartConnect|Timeout waiting|"
            r"Connection closed by|NET/IB.{0,40}(?:failed|error)|Proxy Call|Net : Connection closed)",
            weight=0.7,
        ),
        Signature("Connection closed by remote peer", weight=0.66),
        Signature("is setting up NCCL communicator and retr", weight=0.72),
        Signature("NCCL communicator was aborted", weight=0.7),
        Signature("NCCL operation", r"NCCL operation .{0,80}(?:failed|timed out)", weight=0.68),
        Signature("wait timeout after", r"wait timeout after \d+ms, keys", weight=0.68),
        Signature("Timed out initializing process group", weight=0.7),
        Signature("Timed out after", r"Timed out after \d+ seconds waiting for clients", weight=0.72),
        Signature("client socket has timed out after", weight=0.72),
        Signature("client socket has failed to connect to any network address", weight=0.72),
        Signature("TCPStore", r"TCPStore.{0,160}(?:timed? ?out|failed|reset|refused|Broken pipe)", weight=0.66),
        Signature("DistStoreError", weight=0.66),
        Signature("DistNetworkError", weight=0.6),
        Signature("RendezvousTimeoutError", weight=0.7),
        Signature("RendezvousConnectionError", weight=0.7),
        Signature(
            "monitoredBarrier",
            r"Rank \d+ (?:successfully|failed to pass) .{0,40}monitoredBarrier|"
            r"failed to pass monitoredBarrier",
            weight=0.72,
        ),
        Signature("Application timeout caused pair closure", weight=0.72),
        Signature("HCCL function error", weight=0.66),
        Signature("EI0002", weight=0.72),
        Signature("EI0006", weight=0.72),
        Signature("EJ0001", r"EJ0001", weight=0.6),
        Signature("oneCCL", r"(?i)oneccl.{0,80}(?:error|failed|exception)", weight=0.66),
        Signature("Custom allreduce", r"custom_all_reduce\.cuh?:\d+", weight=0.6),
        Signature("MPI_ABORT was invoked", weight=0.3),
        Signature("Timed out waiting", r"Timed out waiting \d+ms for (?:recv|send) operation to complete", weight=0.72),
        Signature(
            "Connection reset by peer", r"(?:gloo|NCCL|TCPStore|c10d).{0,200}Connection reset by peer", weight=0.66
        ),
        Signature("Waiting for creation of placement group", weight=0.3),
        Signature("NCCL timeout", weight=0.66),
        Signature("peer access is not supported between these two devices", weight=0.7),
        Signature("DIST call hccl api failed", weight=0.7),
        Signature("NCCL WARN Cuda failure", weight=0.6),
    ),
    related=(
        "network-interface-misconfigured",
        "shm-too-small",
        "worker-died",
        "permission-denied",
        "gpu-hardware-fault",
    ),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The rank that said nothing, then the path."""
    yield Remedy(
        why=say("Read the logs of all ranks for the first error; the one that waits only reports it."), safe=True
    )
    yield Remedy(
        why=say("Let NCCL say what it does and which interface it takes."),
        commands=("export NCCL_DEBUG=INFO",),
        safe=True,
    )
    yield Remedy(
        why=say("If it hangs with all ranks alive, go without direct copies between devices, which fail in many VMs."),
        commands=("export NCCL_P2P_DISABLE=1",),
        safe=True,
    )
