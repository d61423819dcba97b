"""The log holds only a wrapper's error; the cause stands elsewhere.

## What happens

The lines at hand say that something failed and not what: `Engine core initialization failed. See root cause above`,
`ChildFailedError`, `returned non-zero exit status 1`, `Back-off restarting failed container`,
`subprocess-exited-with-error`, `CUDA kernel errors might be asynchronously reported`.

## Why

A program that starts other programs reports their end in its own words. The reason is in the other's output: higher
up, in another file, in the log of another container or rank, or nowhere because it was thrown away. Copied excerpts
often begin after it.

## How to end it

Get the output of what failed, and diagnose that. Where to look depends on the wrapper; the remedy says it.

## How to prevent it

Let everything write to one place, keep the output of containers that restart, and hand over whole logs, not their
last lines.

## Example

```
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore_0': 1}
```

## References

- https://docs.pytorch.org/docs/stable/elastic/errors.html
- https://kubernetes.io/docs/tasks/debug/debug-application/debug-running-pod/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

_SAYS = "`{wrapper}` only says that something else failed"

CAUSE = Cause(
    slug="cause-not-in-log",
    severity=Severity.ERROR,
    message=_SAYS,
    unpredictable="it is about what a log leaves out",
    # Any other entry that recognises a line of the same log weighs more.
    signatures=(
        Signature("See root cause above", r"(?P<wrapper>Engine core initialization failed)", weight=0.25),
        Signature("Engine core initialization failed", r"(?P<wrapper>Engine core initialization failed)", weight=0.25),
        Signature("EngineCore failed to start", r"(?P<wrapper>EngineCore failed to start)", weight=0.2),
        Signature(
            "WorkerProc initialization failed due to an exception in a background process",
            r"(?P<wrapper>WorkerProc initialization failed)",
            weight=0.25,
        ),
        Signature(
            "See stack trace for root cause",
            r"(?P<wrapper>WorkerProc initialization failed)|See stack trace",
            weight=0.2,
        ),
        Signature(
            "Engine process failed to start. See stack trace for the root cause",
            r"(?P<wrapper>Engine process failed to start)",
            weight=0.25,
        ),
        Signature("ChildFailedError", r"(?P<wrapper>ChildFailedError)", weight=0.25),
        Signature(
            "torch.distributed.elastic.multiprocessing.api: [ERROR] failed",
            r"(?P<wrapper>torch\.distributed\.elastic)",
            weight=0.2,
        ),
        Signature(
            "To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html",
            r"(?P<wrapper>elastic/errors)",
            weight=0.2,
        ),
        Signature(
            "returned non-zero exit status",
            r"(?P<wrapper>CalledProcessError|[Cc]ommand) ?.{0,1200}returned non-zero "
            r"exit status \d+",
            weight=0.2,
        ),
        Signature(
            "failed with exit status",
            r"(?P<wrapper>Command) '.{1,600}' failed with exit status(?: code)? '?\d+",
            weight=0.15,
        ),
        Signature("subprocess-exited-with-error", r"(?P<wrapper>subprocess-exited-with-error)", weight=0.25),
        Signature("metadata-generation-failed", r"(?P<wrapper>metadata-generation-failed)", weight=0.2),
        Signature("Failed building wheel for", r"(?P<wrapper>Failed building wheel) for \S+", weight=0.25),
        Signature(
            "Failed to build installable wheels for some pyproject.toml based projects",
            r"(?P<wrapper>Failed to build installable wheels)",
            weight=0.2,
        ),
        Signature("Could not build wheels for", r"(?P<wrapper>Could not build wheels) for", weight=0.2),
        Signature("legacy-install-failure", r"(?P<wrapper>legacy-install-failure)", weight=0.2),
        Signature("did not run successfully", r"(?P<wrapper>did not run successfully)", weight=0.1),
        Signature(
            "Back-off restarting failed container", r"(?P<wrapper>Back-off restarting failed container)", weight=0.25
        ),
        Signature("CrashLoopBackOff", r"(?P<wrapper>CrashLoopBackOff)", weight=0.2),
        Signature("exited with code 1", r"(?P<wrapper>exited with code 1)\b", weight=0.2),
        Signature("exited with code ", r"(?P<wrapper>exited with code [2-9]\d?)\b", weight=0.15),
        Signature("Main process exited, code=exited", r"(?P<wrapper>Main process exited), code=exited", weight=0.2),
        Signature("Failed with result 'exit-code'", r"(?P<wrapper>Failed with result 'exit-code')", weight=0.2),
        Signature(
            "CUDA kernel errors might be asynchronously reported", r"(?P<wrapper>asynchronously reported)", weight=0.1
        ),
        Signature("CUDA error: unknown error", r"(?P<wrapper>CUDA error: unknown error)", weight=0.25),
        Signature("CUDA_ERROR_UNKNOWN", r"(?P<wrapper>CUDA_ERROR_UNKNOWN)", weight=0.2),
        Signature("failed to load all models", r"(?P<wrapper>failed to load all models)", weight=0.2),
        Signature("Failed to load model", r"(?P<wrapper>Failed to load model)", weight=0.1),
        Signature(
            "error: creating server: Internal - failed to load all models", r"(?P<wrapper>creating server)", weight=0.25
        ),
        Signature("unable to load model", r"(?P<wrapper>unable to load model)", weight=0.15),
        Signature("error loading model", r"(?P<wrapper>error loading model)\s*$", weight=0.15),
        Signature("failed to load model", r"(?P<wrapper>failed to load model)", weight=0.12),
        Signature(
            "Error: llama runner process has terminated: exit status", r"(?P<wrapper>llama runner process)", weight=0.15
        ),
        Signature("Shard 0 failed to start", r"(?P<wrapper>Shard \d+ failed to start)", weight=0.2),
        Signature(
            "Internal Server Error",
            r"(?:500 |500: |status.{0,20}500.{0,20})(?P<wrapper>Internal Server Error)",
            weight=0.12,
        ),
        Signature("RayTaskError", r"(?P<wrapper>RayTaskError)", weight=0.1),
        Signature("The deployment failed to start", r"(?P<wrapper>deployment failed to start)", weight=0.2),
        Signature("mpirun noticed that process", r"(?P<wrapper>mpirun) noticed that process", weight=0.2),
        Signature("mpirun detected that one or more processes exited", r"(?P<wrapper>mpirun) detected", weight=0.2),
        Signature("Primary job  terminated normally, but", r"(?P<wrapper>Primary job) ", weight=0.15),
        Signature("srun: error:", r"(?P<wrapper>srun): error: .{0,80}Exited with exit code", weight=0.2),
        Signature("See log for more details", r"(?i)(?P<wrapper>see (?:the )?logs? for more details)", weight=0.1),
        Signature("make: *** [", r"(?P<wrapper>make): \*\*\* \[", weight=0.1),
        Signature("ninja: build stopped: subcommand failed", r"(?P<wrapper>ninja)", weight=0.15),
        Signature("executor failed running", r"(?P<wrapper>executor failed running)", weight=0.15),
        Signature(
            "did not complete successfully: exit code: ", r"(?P<wrapper>did not complete successfully)", weight=0.15
        ),
        Signature("BackoffLimitExceeded", r"(?P<wrapper>BackoffLimitExceeded)", weight=0.2),
        Signature("Process finished with exit code 1", r"(?P<wrapper>Process finished with exit code)", weight=0.2),
        Signature("Application startup failed. Exiting", r"(?P<wrapper>Application startup failed)", weight=0.2),
        Signature("of binary: ", r"(?P<wrapper>failed \(exitcode: [1-9]\d*\)).{0,80}of binary: ", weight=0.2),
        Signature("failed with exit code 1", r"(?P<wrapper>failed with exit code 1)\b", weight=0.15),
    ),
    related=("worker-died", "host-oom", "container-oomkilled", "build-toolchain-missing"),
)

_VLLM = "Look above this line for the first traceback of `EngineCore` or of a worker, and diagnose from there."
_RANKS = "Look for the first error of each rank; let every rank write to its own file."
_PIP = "The build's own output stands between the lines `[… lines of output]` and `[end of output]`; show all of it."
_POD = "Read what the container printed before it ended; the last run's output is kept once."
_SYSTEMD = "Read what the service printed before it ended."
_TRITON = "Read the server's lines above that begin with E: the model's own line names the reason."
_RUNNER = "Let the runner say more, and read its lines before the end."
_KERNEL = "Run it once with kernels in step with the program; then the error names the call and its true kind."
_PROGRAM = "Run the command by itself and read its own output."
# Words of the wrapper → where its cause stands, and the commands that show it.
_WHERE: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...] = (
    (("Engine", "WorkerProc", "Initialization failed", "RayTaskError"), _VLLM, ("airworthy diagnose WHOLE_LOG",)),
    (
        ("ChildFailed", "elastic", "exitcode", "mpirun", "Primary job", "srun"),
        _RANKS,
        ("torchrun --log-dir logs --redirects 3 --tee 3 PROGRAM",),
    ),
    (
        ("subprocess-exited", "metadata-gen", "wheel", "legacy-install", "did not run", "ninja", "make"),
        _PIP,
        ("python -m pip install --verbose PACKAGE 2>&1 | tee build.log", "airworthy diagnose build.log"),
    ),
    (
        ("Back-off", "CrashLoop", "deployment", "BackoffLimit"),
        _POD,
        ("kubectl logs POD --previous", "kubectl describe pod POD"),
    ),
    (("exited with code", "executor", "did not complete"), _POD, ("docker logs CONTAINER",)),
    (("Main process", "Failed with result"), _SYSTEMD, ("journalctl --unit UNIT --no-pager --lines 500",)),
    (
        ("failed to load all models", "creating server"),
        _TRITON,
        ("tritonserver --model-repository DIR --log-verbose 1",),
    ),
    (("llama runner", "load model", "loading model"), _RUNNER, ("OLLAMA_DEBUG=1 ollama serve",)),
    (
        ("asynchronously", "unknown error", "CUDA_ERROR"),
        _KERNEL,
        ("export CUDA_LAUNCH_BLOCKING=1", "dmesg --ctime | grep -i xid"),
    ),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Where this wrapper's cause stands."""
    wrapper = str(params.get("wrapper", ""))
    for words, where, commands in _WHERE:
        if any(word in wrapper for word in words):
            yield Remedy(why=say(where), commands=commands, safe=True)
            return
    yield Remedy(why=say(_PROGRAM), commands=("airworthy diagnose -- COMMAND",), safe=True)
