"""The processor lacks an instruction set that the binary uses.

## What happens

The program ends without a traceback: `Illegal instruction (core dumped)`, exit status 132, or on Windows
`0xC000001D`. A few libraries check first and say which instructions they miss.

## Why

A binary was compiled for a newer processor: with AVX, AVX2, FMA, AVX-512, or for a level such as x86-64-v3.
TensorFlow's wheels need AVX since 1.6, polars' need AVX2. The processor is older or a small one (Celeron, Atom), or a
hypervisor does not pass the instructions on: a virtual machine whose CPU type is `qemu64` or `kvm64` has no AVX
whatever stands beneath it. Code that was compiled with `-march=native` on one machine and copied to another fails in
the same way.

## How to end it

In a virtual machine set the CPU type to `host`. On a real one take a build made for older processors, or build from
source there.

## How to prevent it

Compare the instruction sets of the target with what the wheels need before a roll-out, and never ship what was built
with `-march=native`.

## Example

```
The TensorFlow library was compiled to use AVX instructions, but these aren't available on your machine.
Aborted (core dumped)
```

## References

- https://github.com/tensorflow/tensorflow/issues/19584
- https://github.com/pola-rs/polars/pull/11487
- https://www.qemu.org/docs/master/system/qemu-cpu-models.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import on_windows, pip_install, python
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import CPU_ARCHITECTURE, CPU_INSTRUCTIONS, CPU_MODEL, DISTRIBUTIONS, FRAMEWORKS
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="cpu-instruction-missing",
    severity=Severity.ERROR,
    needs=(CPU_INSTRUCTIONS,),
    uses=(DISTRIBUTIONS, FRAMEWORKS, CPU_ARCHITECTURE, CPU_MODEL),
    message="{package} {version} uses {missing}, which this processor does not have",
    signatures=(
        Signature("Illegal instruction", r"^(?!.*CUDA error)"),
        Signature("illegal instruction", r"signal: illegal instruction|SIGILL.{0,20}illegal instruction"),
        Signature("非法指令"),
        Signature("trap invalid opcode"),
        Signature(
            "instructions, but these aren't available on your machine",
            r"compiled to use (?P<missing>[\w. ]{2,60}) instructions, but",
            message="the program was compiled for {missing}, which this processor does not have",
        ),
        Signature("Missing required CPU features"),
        Signature("required CPU features were not detected"),
        Signature("NumPy was built with baseline optimizations"),
        Signature(
            "CPU does not support x86-64-v",
            r"CPU does not support (?P<missing>x86-64-v\d)",
            message="the C library was built for {missing}, and the processor is below that level",
        ),
        Signature("does not meet the minimum requirements for use of the Intel"),
        Signature(
            "CPU does",
            r"CPU does(?: not|n't) (?:have|support)\b.{0,40}?(?P<missing>AVX\S*|SSE\S*|F16C|FMA|vector extensions)",
            message="the processor does not have {missing}",
        ),
        Signature("requires a CPU", r"requires a CPU (?:with|that supports).{0,40}(?:AVX|SSE|FMA)"),
        Signature("STATUS_ILLEGAL_INSTRUCTION"),
        Signature("0xC000001D"),
        Signature("0xc000001d"),
        Signature("-1073741795"),
        Signature("SIGILL", r"\bSIGILL\b", weight=0.95),
        Signature("Signals.SIGILL", weight=0.95),
        Signature("invalid opcode", r"traps?:.{0,80}invalid opcode|invalid opcode: 0000", weight=0.9),
        Signature("exit code 132", weight=0.85),
        Signature("Exit Code:", r"Exit Code:\s+132\b", weight=0.85),
        Signature("exited with code 132", weight=0.85),
        Signature("exit status 132", weight=0.85),
        Signature("exitcode: -4", r"exitcode: -4\b", weight=0.85),
    ),
    related=("wrong-architecture", "illegal-memory-access", "dll-load-failed"),
)


_TENSORFLOW = frozenset({"tensorflow", "tensorflow-cpu", "tensorflow-gpu"})


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Compare the instruction sets that wheels use with the processor's."""
    if facts.get_value(CPU_ARCHITECTURE, "x86_64") != "x86_64":
        return  # the table is about wheels for x86_64
    instructions = facts.value(CPU_INSTRUCTIONS)
    here = frozenset(instructions)
    installed = {each.name: each.version for each in facts.get_value(DISTRIBUTIONS, ())}
    installed |= {each.name: each.version for each in facts.get_value(FRAMEWORKS, ())}
    for name, version in sorted(installed.items()):
        answer = known.instructions_of(name, version)
        wheel = answer.value
        missing = tuple(each for each in wheel.instructions if each not in here) if wheel else ()
        if missing:
            yield CAUSE.finding(
                facts,
                name,
                evidence=(
                    CPU_INSTRUCTIONS,
                    FRAMEWORKS if name in _TENSORFLOW else DISTRIBUTIONS,
                    *answer.evidence("cpu_instructions"),
                ),
                confidence=Confidence.MEDIUM,  # it may have been built for this very machine
                package=name,
                version=version.text,
                missing=missing,
                instead=wheel.instead if wheel else "",
            )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Another build; the hypervisor's setting; a build from source."""
    package, instead = str(params.get("package", "")), str(params.get("instead", ""))
    if instead:
        yield Remedy(
            why=say("{instead} is the same library, built for older processors.", instead=instead),
            commands=(python(facts, "-m", "pip", "uninstall", "-y", package), pip_install(facts, instead)),
        )
    looks = (
        ("wmic cpu get name",)
        if on_windows(facts)
        else ("grep -o -w -E 'avx|avx2|fma|avx512f' /proc/cpuinfo | sort -u",)
    )
    yield Remedy(
        why=say("See what the processor has; in a virtual machine give it the CPU type `host`, which passes all on."),
        commands=looks,
        safe=True,
    )
    if package and not instead and re.fullmatch(r"[\w.-]+", package):
        yield Remedy(
            why=say("Or build it from source on this machine, without the instructions that are missing."),
            commands=(pip_install(facts, "--force-reinstall", "--no-binary", package, package),)
            if package not in _TENSORFLOW
            else (),
        )
