"""CUDA was initialised before the process forked.

## What happens

`Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing, you must use the 'spawn' start
method`, in a worker process, at its first use of the device.

## Why

A CUDA context does not survive `fork`: the child has the parent's memory and none of its connection to the driver.
On Linux Python started children by fork until 3.14. Something in the parent touched the device first, and that may
be no more than `torch.cuda.is_available()` with a model on the device, or an import that does it.

## How to end it

Start workers by `spawn`: `torch.multiprocessing.set_start_method("spawn")` under `if __name__ == "__main__"`, or for
vLLM `VLLM_WORKER_MULTIPROC_METHOD=spawn`. Or touch no device in the parent before the workers are there.

## How to prevent it

Set the start method at the top of the program, never leave it at the default. With gunicorn, load the model in the
workers (no `--preload`).

## Example

```
RuntimeError: Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing, you must use the 'spawn' start method
```

## References

- https://docs.pytorch.org/docs/stable/notes/multiprocessing.html
- https://docs.vllm.ai/en/latest/design/multiprocessing/
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

CAUSE = Cause(
    slug="cuda-fork",
    severity=Severity.ERROR,
    message="a forked process used {api}, which its parent had already begun to use",
    unpredictable="it is in the order in which a program does things",
    signatures=(
        Signature(
            "in forked subprocess",
            r"(?:re-initialize|reinitialize|initialize) (?P<api>\w+) in (?:a )?forked subprocess",
        ),
        Signature("poison_fork", weight=0.9),
        Signature("_is_in_bad_fork", weight=0.6),
        Signature("you must use the 'spawn' start method"),
        Signature("CUDA initialization error", r"THCudaCheck.{0,120}error=3 : initialization error", weight=0.8),
        Signature("error=3 : initialization error", weight=0.8),
        Signature("CUDA error: initialization error", weight=0.8),
        Signature("CUDA_ERROR_NOT_INITIALIZED", r"(?i)fork", weight=0.8),
        Signature("cudaErrorInitializationError", weight=0.6),
        Signature("CUDA has been initialized before", r"`?notebook_launcher|fork", weight=0.95),
        Signature("CUDA_ERROR_NOT_INITIALIZED: initialization error", weight=0.7),
    ),
    related=("worker-died", "gpu-not-visible"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Spawn in place of fork."""
    yield Remedy(
        why=say("vLLM: let its workers be spawned."),
        commands=("export VLLM_WORKER_MULTIPROC_METHOD=spawn",),
        safe=True,
    )
    yield Remedy(
        why=say(
            'In your own program: `torch.multiprocessing.set_start_method("spawn", force=True)` as the first statement '
            'under `if __name__ == "__main__":`.'
        ),
        safe=True,
    )
    yield Remedy(
        why=say("Web servers: load the model in the worker, not before it is forked (gunicorn without `--preload`).")
    )
