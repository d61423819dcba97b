"""An Ascend call failed at run time: AI Core, AI CPU, runtime or driver report an error code.

## What happens

A model that had loaded stops in the middle: `NPU function error: …, error code is 507015`, `EZ9999: Inner Error!`,
`The aicore execution is abnormal`. The Python line that is blamed is where the program next waited for the device,
not where the fault is.

## Why

Operators run behind the program's back, so an error shows later, under the name of the call that waits. The code says
what kind it is: 107xxx a call with wrong arguments (107002 no context in this thread), 207xxx resources, 507xxx the
device itself: 507011 the model's execution, 507014 and 507034 a time-out of AI Core or vector core, 507015 and 507035
an exception in one, 507018 in an AI CPU kernel, 507033 the device does not start, 507899 the driver. Behind an
exception in a core there is mostly an index out of range or a shape that the kernel does not take; behind `Cannot find
bin of op` a kernels package that was not installed.

## How to end it

Run once with `ASCEND_LAUNCH_BLOCKING=1`, so that the line that is blamed is the right one, and read the device log
(`~/ascend/log/debug/plog`) for the operator's name. Then check that operator's inputs. Where nothing but restarting
helps, check the device's health and the versions of the stack.

## How to prevent it

Try a model with its real shapes and its longest input on the chip it is for before it is served, and install the
kernels package of that very chip with CANN.

## Example

```
RuntimeError: synchronize NPU function error: c10_npu::acl::AclrtSynchronizeStreamWithTimeout(stream()), error code
is 507015
[ERROR] 2026-03-25-06:14:02 (PID:17148, Device:6, RankID:-1) ERR00100 PTA call acl api failed
[Error]: The aicore execution is abnormal.
```

## References

- https://www.hiascend.com/document/detail/zh/CANNCommunityEdition/910/maintenref/troubleshooting/troubleshooting_0225.html
- https://github.com/Ascend/pytorch/issues/66
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.keys import ASCEND_CANN, ASCEND_DEVICES, ASCEND_DRIVER
from airworthy.core.messages import say

# Codes of exhausted memory (200000, 207001, 207005, 207018) and of communication (EI, EJ) are other causes.
_CODE = r"(?P<code>10[07]\d{3}|148\d{3}|20000[1-7]|20700[0234689]|2070(?!18)1\d|50[07]\d{3}|[35]61\d{3})\b"
_NAMED = "a call of the Ascend runtime failed with code {code}"

CAUSE = Cause(
    slug="ascend-runtime-error",
    severity=Severity.ERROR,
    uses=(ASCEND_DRIVER, ASCEND_CANN, ASCEND_DEVICES),
    message="a call of the Ascend runtime failed with code {code}",
    unpredictable="it depends on what a running model does on the device",
    signatures=(
        Signature("error code is ", r"(?i)(?:npu|acl|aicore|hccl).{0,200}error code is " + _CODE, message=_NAMED),
        Signature("error code is 507", r"error code is (?P<code>507\d{3})\b", message=_NAMED),
        Signature("error code is 107", r"error code is (?P<code>107\d{3})\b", message=_NAMED),
        Signature("failed: 507", r"failed: (?P<code>507\d{3})\b", message=_NAMED),
        Signature("failed: 107", r"\bacl\w{2,60}.{0,80} failed: (?P<code>107\d{3})\b", message=_NAMED),
        Signature("runtime result = ", r"runtime result = (?P<code>[15]07\d{3})", message=_NAMED),
        Signature(
            ": Inner Error",
            r"\b(?P<code>E(?:[ZEHLKGOPBCFNR]|\d)9999)\b.{0,80}: Inner Error",
            weight=0.95,
            message=_NAMED,
        ),
        Signature("call acl api failed", r"(?P<code>ERR0\d{4}) \w+ call acl api failed", weight=0.9, message=_NAMED),
        Signature("call ge api failed", r"(?P<code>ERR0\d{4}) \w+ call ge api failed", weight=0.9, message=_NAMED),
        Signature("OPS internal error", r"(?P<code>ERR0\d{4}) OPS internal error", weight=0.9, message=_NAMED),
        Signature("ERR99999 UNKNOWN applica", weight=0.7),
        Signature("core execution is abnormal", r"The (?:aicore|vector core) execution is abnormal"),
        Signature("aicpu execution is abnormal"),
        Signature("core execution time", r"(?i)(?:aicore|vector core) execution time[sd] out"),
        Signature("The aicpu execution times out"),
        Signature("An internal error occurs in the Driver module"),
        Signature("an exception of ai", r"there is an exception of (?:aivec|aicore) error"),
        Signature("error exception, core id is", r"there is an (?:aivec|aicore|aicpu) error exception"),
        Signature(
            "execute failed, reason=[",
            r"\brt\w{3,60} execute failed, reason=\[(?P<reason>[^\]]{1,80})\]",
            message="the Ascend runtime failed: {reason}",
        ),
        Signature("Kernel task happen error, retCode=0x"),
        Signature(
            "Cannot find bin",
            r"Cannot find bin(?:ary)? (?:of|for) op (?P<operator>\w{1,80})",
            message="no kernel of {operator} for this chip is installed, or not for these types",
        ),
        Signature(
            "does not has any binary",
            r"Op (?P<operator>\w{1,80}) does not has any binary",
            message="no kernel of {operator} for this chip is installed, or not for these types",
        ),
        Signature("Ascend error occurred, error message", weight=0.9),
        Signature("Call rt api rt", r"Call rt api rt\w{3,60} failed", weight=0.9),
        Signature("CANN error: ", r"CANN error: (?P<code>E[A-Z]\d{4}|\w{1,40})", weight=0.9, message=_NAMED),
        Signature("): CANN error", weight=0.7),
        Signature(": CANN error", weight=0.7),
    ),
    related=("ascend-version-mismatch", "op-not-implemented", "collective-failed", "gpu-oom"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """First the right line, then the device."""
    yield Remedy(
        why=say("Run once with each operator waited for, so that the line that fails is the one that is blamed."),
        commands=("export ASCEND_LAUNCH_BLOCKING=1",),
        safe=True,
    )
    yield Remedy(
        why=say("Look for the operator's name in the device log."),
        commands=('grep -rhE "\\[ERROR\\]" "${ASCEND_PROCESS_LOG_PATH:-$HOME/ascend/log}" | head -50',),
        safe=True,
    )
    yield Remedy(
        why=say("See whether the device is healthy; one that is not needs a reset by its administrator."),
        commands=("npu-smi info",),
        safe=True,
    )
