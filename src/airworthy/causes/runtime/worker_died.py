"""A serving worker crashed or did not start in time.

## What happens

The front process reports a worker that is gone: `Worker VllmWorkerProcess pid=4711 died, exit code: -15`, `The actor
died unexpectedly`, `Worker (pid:88) was sent SIGKILL! Perhaps out of memory?`, `Timed out waiting for engines`. Then
requests fail or the whole service stops.

## Why

This is what the *other* process saw. The worker's own log, above it or in another file, holds the cause. Where it
says nothing, the exit status reports: -9 or 137 was killed from outside, most often for memory (`host-oom`); -11 a
crash in native code (`illegal-memory-access`); -6 an abort, often of a collective (`collective-failed`); -15 was
ended by its parent because a sibling failed. A worker that "did not start in time" may simply still be loading.

## How to end it

Find the worker's first error. If there is none and it was killed, read the kernel's log. If it was slow, raise
the limit or make loading faster.

## How to prevent it

Keep workers' output together with the server's, and set the start-up limit to twice the loading time measured.

## Example

```
ERROR 08-02 10:11:12 multiproc_worker_utils.py:120] Worker VllmWorkerProcess pid=1482 died, exit code: -9
INFO 08-02 10:11:12 multiproc_worker_utils.py:124] Killing local vLLM worker processes
```

## References

- https://docs.vllm.ai/en/latest/usage/troubleshooting/
- https://docs.ray.io/en/latest/ray-core/fault_tolerance/actors.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

_STATUS = "worker {pid} ended with status {status}"

CAUSE = Cause(
    slug="worker-died",
    severity=Severity.ERROR,
    message=_STATUS,
    unpredictable="it is what another process sees of a failure",
    # All below 0.6: whatever the worker itself said comes first.
    signatures=(
        Signature(
            "VllmWorkerProcess",
            r"VllmWorkerProcess pid[=:] ?(?P<pid>\d+) died, exit code: (?P<status>-?\d+)",
            weight=0.45,
        ),
        Signature("Timed out waiting for engines", weight=0.55),
        Signature("Timed out waiting for runner to be ready", weight=0.55),
        Signature("Timed out waiting for engine core processes to start", weight=0.55),
        Signature(
            "died unexpectedly",
            r"(?:[Ww]orker|[Aa]ctor|[Ee]ngine ?[Cc]ore|[Pp]rocess)[\w .:()=-]{0,60} died "
            r"unexpectedly",
            weight=0.5,
        ),
        Signature("The actor is dead because its", weight=0.5),
        Signature("ray.exceptions.ActorDiedError", weight=0.5),
        Signature("RayActorError", weight=0.5),
        Signature("WorkerCrashedError", weight=0.5),
        Signature("Worker unexpectedly exits with a connection error code", weight=0.5),
        Signature("A worker died or was killed while executing a task", weight=0.5),
        Signature(
            "WORKER TIMEOUT",
            r"WORKER TIMEOUT \(pid:(?P<pid>\d+)\)",
            weight=0.55,
            message="worker {pid} did not answer in time and was ended",
        ),
        Signature("was sent SIG", r"Worker \(pid:(?P<pid>\d+)\) was sent (?P<status>SIG\w+)!", weight=0.5),
        Signature("Worker failed to boot", weight=0.4),
        Signature("Worker exited prematurely", weight=0.5),
        Signature(
            "Child process [",
            r"Child process \[(?P<pid>\d+)\] died",
            weight=0.45,
            message="the worker process {pid} died",
        ),
        Signature("Worker died.", weight=0.45),
        Signature("Failed to start workers", weight=0.4),
        Signature(
            "Backend worker",
            r"Backend worker (?:process die|did not respond|monitoring thread interrupted|error)",
            weight=0.45,
        ),
        Signature("BrokenProcessPool", weight=0.5),
        Signature("was terminated abruptly while the future was running", weight=0.5),
        Signature("EngineDeadError", weight=0.4),
        Signature("AsyncEngineDeadError", weight=0.4),
        Signature("EngineCore encountered an issue", weight=0.4),
        Signature("MQEngineDeadError", weight=0.4),
        Signature("Engine process failed to start", weight=0.3),
        Signature("Engine loop has died", weight=0.45),
        Signature("Background loop has errored already", weight=0.4),
        Signature("Background loop is stopped", weight=0.4),
        Signature("RPCServer process died before responding to readiness probe", weight=0.5),
        Signature(
            "exited unexpectedly with",
            r"(?:[Ww]orker|[Ss]ubprocess|[Pp]rocess|[Rr]ank)[\w .:()=-]{0,60} exited "
            r"unexpectedly with",
            weight=0.45,
        ),
        Signature(
            "DataLoader worker (pid",
            r"worker \(pid\(?s?\)? (?P<pid>[\d, ]+)\)? ?(?:exited unexpectedly|is killed by signal: (?!Bus))",
            weight=0.5,
            message="the worker process {pid} ended",
        ),
        Signature("ShardCannotStart", weight=0.35),
        Signature("Shard terminated", weight=0.4),
        Signature(
            "Shard process was signaled to shutdown with signal",
            r"signal (?P<status>\d+)",
            weight=0.5,
            message="a shard was ended by signal {status}",
        ),
        Signature(
            "llama runner process has terminated",
            r"terminated: (?:signal|exit status) ?:?(?P<status>[\w ]+)",
            weight=0.4,
            message="the model's runner ended: {status}",
        ),
        Signature("llama runner process no longer running", weight=0.4),
        Signature("timed out waiting for llama runner to start", weight=0.55),
        Signature("failed to be ready in time", weight=0.5),
        Signature("Stub process", r"Stub process .{0,80}(?:is not healthy|is unhealthy|did not)", weight=0.5),
        Signature("Failed to initialize Python stub", weight=0.3),
        Signature("watchdog_timeout", r"Watchdog timeout \(.{0,40}watchdog_timeout=", weight=0.5),
        Signature("Received sigquit from a child process", weight=0.4),
        Signature("Rank 0 scheduler is dead", weight=0.4),
        Signature("Initialization failed. Please see the error messages above", weight=0.2),
        Signature("exited with code", r"Worker \(pid:(?P<pid>\d+)\) exited with code (?P<status>\d+)", weight=0.4),
        Signature("has been marked dead because the detector has missed too many heartbeats", weight=0.5),
        Signature("hit an exception", r"(?:Scheduler|Detokenizer\w*|Tokenizer\w*) hit an exception", weight=0.25),
        Signature("Engine loop is not running", weight=0.4),
        Signature("Remote server", r"Remote server \S{1,120} closed", weight=0.45),
        Signature("error reading from server: EOF", weight=0.45),
        Signature("grpc service not ready", weight=0.5),
        Signature("model runner has unexpectedly stopped", weight=0.5),
        Signature(
            "the worker of",
            r"the worker of (?P<model>\S{1,200}) ended with (?P<status>(?:signal|status) [\w-]{1,20})",
            weight=0.4,
            message="the worker of {model} ended with {status}",
        ),
    ),
    related=("cause-not-in-log", "host-oom", "collective-failed", "illegal-memory-access", "probe-failed"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Where the worker's own words are."""
    yield Remedy(
        why=say("Read the worker's own output, above these lines or in its own file, for the first error."), safe=True
    )
    status = str(params.get("status", ""))
    if status in {"-9", "137", "SIGKILL", "killed", ""}:
        yield Remedy(
            why=say("See whether the kernel ended it for want of memory."),
            commands=("dmesg --ctime | grep -iE 'killed process|out of memory'",),
            safe=True,
        )
    yield Remedy(
        why=say(
            "If it was still loading, give it time: `VLLM_ENGINE_READY_TIMEOUT_S`, `OLLAMA_LOAD_TIMEOUT`, "
            "`--timeout` of gunicorn, `default_response_timeout` of TorchServe."
        ),
        safe=True,
    )
