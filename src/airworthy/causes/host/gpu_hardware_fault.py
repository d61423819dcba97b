"""The GPU, its link or its memory has failed.

## What happens

A GPU that worked disappears, or every program on it ends with an ECC error. The kernel's log has lines that begin
with `NVRM: Xid`; `nvidia-smi` says that a GPU is lost, does not list it, or does not end.

## Why

The driver gave the device up: it fell off the PCIe bus (power, heat, riser, a loose card: Xid 79), its memory has an
error that ECC could not correct (Xid 48, 63, 64, 94, 95), an NVLink failed (Xid 74), its own processor hangs (Xid 119,
120). Some Xids are a program's fault and not the card's: 13, 31 and 43 mean that a kernel touched memory it does not
own, see `illegal-memory-access`.

## How to end it

Save the kernel's log, drain the machine and restart it, with the power off for a while. If it comes back, run a
hardware test, reseat or replace the card. Keep the GPU out of service until then.

## How to prevent it

Watch Xids, ECC counters, temperatures and PCIe errors, and take a GPU out of scheduling at the first of the
severe ones.

## Example

```
[51022.642031] NVRM: Xid (PCI:0000:02:00): 79, GPU has fallen off the bus.
```

## References

- https://docs.nvidia.com/deploy/xid-errors/index.html
- https://docs.nvidia.com/deploy/a100-gpu-mem-error-mgmt/index.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Absent, Facts, Known, Unknown
from airworthy.core.finding import Confidence, Evidence, Finding, Remedy, Severity
from airworthy.core.keys import CONTAINER_ENGINE, NVIDIA_DEVICES, NVIDIA_HEALTH, NVIDIA_XIDS, PCI_DEVICES, Key
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

_XID = r"Xid \(PCI:[0-9A-Fa-f:.]{1,20}\): (?P<xid>\d{1,3})"

CAUSE = Cause(
    slug="gpu-hardware-fault",
    severity=Severity.ERROR,
    needs=(PCI_DEVICES,),
    uses=(NVIDIA_DEVICES, NVIDIA_HEALTH, NVIDIA_XIDS, CONTAINER_ENGINE),
    message="{problem}",
    signatures=(
        Signature("fallen off the bus"),
        Signature(
            "NVRM: Xid",
            r"Xid \(PCI:[0-9A-Fa-f:.]{1,20}\): (?P<xid>48|6[1-4]|74|79|92|9[45]|11[09]|12[0-9]|13[6-9]|14\d)\b",
            message="the driver reports a fault of the device, Xid {xid}",
        ),
        # The other numbers may be the program's own doing.
        Signature("NVRM: Xid", _XID, weight=0.75, message="the driver reports Xid {xid}"),
        Signature("uncorrectable ECC error"),
        Signature("CUDA_ERROR_ECC_UNCORRECTABLE"),
        Signature("cudaErrorECCUncorrectable"),
        Signature("Double Bit ECC Error"),
        Signature("uncorrectable NVLink error"),
        Signature("CUDA_ERROR_NVLINK_UNCORRECTABLE"),
        Signature("Unable to determine the device handle for"),
        Signature("GPU is lost"),
        Signature("GPU_IS_LOST"),
        Signature("NVMLError_GpuIsLost"),
        Signature("Reboot the system to recover this GPU"),
        Signature("RmInitAdapter failed"),
        Signature("GPU requires reset"),
        Signature("Row Remapping Failure", r"Row Remapping Failure\s*:\s*Yes"),
        Signature("cudaErrorHardwareStackError", weight=0.8),
        Signature("hardware stack error", weight=0.8),
        Signature("The NVIDIA probe routine failed for", weight=0.7),
        Signature("AER: Uncorrected (Fatal) error", weight=0.6),
    ),
    related=("gpu-not-visible", "illegal-memory-access", "driver-library-mismatch"),
)

_NVIDIA = "10de"
_COMPUTE = ("0300", "0302")
_LOST = re.compile(r"GPU is lost|GPU_IS_LOST|Unable to determine the device handle|fallen off the bus", re.IGNORECASE)
_SILENT = re.compile(r"nvidia-smi did not end within")


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """What the kernel's log and the device's counters say; the driver's silence; a GPU that it does not list."""
    yield from _logged(facts, known)
    yield from _counted(facts)
    there = [
        device
        for device in facts.value(PCI_DEVICES)
        if device.vendor == _NVIDIA and device.kind.startswith(_COMPUTE) and device.driver == "nvidia"
    ]
    if not there:
        return
    devices = facts.fact(NVIDIA_DEVICES)
    if isinstance(devices, Unknown):
        if _LOST.search(devices.reason):
            yield _finding(facts, devices.reason, Severity.ERROR, Confidence.HIGH)
        elif _SILENT.search(devices.reason):
            problem = say("nvidia-smi does not end, as when a GPU no longer answers")
            yield _finding(facts, problem, Severity.WARNING, Confidence.MEDIUM)
    elif isinstance(devices, Known) and isinstance(facts.fact(CONTAINER_ENGINE), Absent):
        # In a container the bus shows devices that were not given to it.
        listed = len(devices.value)
        if 0 < listed < len(there):
            template = "the PCI bus shows {there} NVIDIA GPUs and the driver lists {listed}"
            problem = say(template, there=len(there), listed=listed)
            yield _finding(facts, problem, Severity.WARNING, Confidence.MEDIUM)


def _logged(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Each kind of error of each device in the kernel's log, which is empty after a restart."""
    seen = set()
    for each in facts.get_value(NVIDIA_XIDS, ()):
        row = known.device_fault(each.number)
        if row is None or (each.address, each.number) in seen:
            continue
        seen.add((each.address, each.number))
        template = "the kernel's log has Xid {number} of the GPU at {address}: {meaning}"
        problem = say(template, number=row.number, address=each.address, meaning=row.meaning)
        evidence = (NVIDIA_XIDS, row.evidence("xids"))
        yield _finding(facts, problem, Severity.WARNING, Confidence.MEDIUM, each.address, evidence)


_HELD_DOWN = {"hw-thermal": "heat", "hw-power-brake": "the power supply"}
"""What holds clocks down and is no setting; a cap on power is, and is met under every full load."""


def _counted(facts: Facts) -> Iterator[Finding]:
    """Memory errors since the driver was loaded, and clocks that heat or power hold down now."""
    for each in facts.get_value(NVIDIA_HEALTH, ()):
        name = say("GPU {index}", index=each.index)
        if each.uncorrected:
            template = "{name} has met {count} memory errors since the driver was loaded that ECC could not correct"
            problem = say(template, name=name, count=each.uncorrected)
            yield _finding(facts, problem, Severity.WARNING, Confidence.HIGH, name, (NVIDIA_HEALTH,))
        held = [say(_HELD_DOWN[reason]) for reason in each.throttled if reason in _HELD_DOWN]
        if held:
            problem = say("{name} runs slower than it can: {reasons} holds its clocks down", name=name, reasons=held)
            yield _finding(facts, problem, Severity.WARNING, Confidence.MEDIUM, name, (NVIDIA_HEALTH,))


def _finding(
    facts: Facts,
    problem: str,
    severity: Severity,
    confidence: Confidence,
    subject: str = "NVIDIA GPU",
    evidence: tuple[Key[Any] | Evidence, ...] = (NVIDIA_DEVICES, PCI_DEVICES),
) -> Finding:
    return CAUSE.finding(
        facts,
        subject,
        evidence=evidence,
        severity=severity,
        confidence=confidence,
        problem=problem,
    )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Evidence first, then a restart, then the hardware."""
    yield Remedy(
        why=say("Save what the kernel and the driver say before anything is restarted."),
        commands=(
            "sudo dmesg -T | grep -E 'NVRM|Xid|AER' > gpu-fault.log",
            "nvidia-smi -q -d ECC,PAGE_RETIREMENT,ROW_REMAPPER",
            "sudo nvidia-bug-report.sh",
        ),
        safe=True,
    )
    yield Remedy(why=say("Restart the machine; a lost GPU does not come back otherwise."), commands=("sudo reboot",))
    yield Remedy(
        why=say("If it happens again, test the hardware and have the card, its power and its slot inspected."),
        commands=("dcgmi diag -r 3",),
    )
