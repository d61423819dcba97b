"""The package index cannot be reached: offline, proxy, wrong index.

## What happens

The installer retries for a minute and gives up. pip's last line then says `No matching distribution found`, which
looks as if the package did not exist; what counts is the line above it, `connection broken by`.

## Why

The machine has no way out: no name resolution, a firewall, a proxy that is not set or that refuses, a certificate
of the company's own that Python does not know. Or the index in the settings is an old mirror, or one that wants
credentials.

## How to end it

Set the proxy (`HTTPS_PROXY`), or name an index that can be reached (`--index-url`). Where there is none, download
the wheels elsewhere and install from a folder.

## How to prevent it

Keep a mirror inside, or a folder of wheels beside the lock, and name it in `pip.conf`; `--no-index` makes sure that
nothing else is asked.

## Example

```
WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after connection broken by
'NewConnectionError('<pip._vendor.urllib3.connection.HTTPSConnection object at 0x7f>: Failed to establish a new
connection: [Errno -3] Temporary failure in name resolution')': /simple/numpy/
ERROR: Could not find a version that satisfies the requirement numpy (from versions: none)
ERROR: No matching distribution found for numpy
```

## References

- https://pip.pypa.io/en/stable/topics/configuration/
- https://pip.pypa.io/en/stable/user_guide/#installing-from-local-packages
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install, python
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import say

_HOSTS = (
    r"(?:pypi\.\w+|[\w.-]*pythonhosted\.org|download\.pytorch\.org|pypi\.nvidia\.com|(?:repo|conda)\.anaconda\.(?:com|org)"
    r"|[\w.-]*(?:pypi|mirror|tuna|artifactory|nexus)[\w.-]*)"
)
_PATH = r"(?:simple|packages|whl|pypi)"

CAUSE = Cause(
    slug="package-index-unreachable",
    severity=Severity.ERROR,
    message="the package index at {host} can't be reached",
    unpredictable="whether the network leads somewhere is known only by going there, and a check goes nowhere",
    signatures=(
        Signature("after connection broken by", rf"connection broken by .{{0,800}}/{_PATH}/"),
        Signature(
            "ConnectionPool(host=", rf"host='(?P<host>{_HOSTS})', port=\d+\): (?:Max retries exceeded|Read timed out)"
        ),
        Signature(
            "error sending request for url", rf"for url \(https?://(?P<host>[^/\s)]{{1,100}})/\S{{0,200}}{_PATH}"
        ),
        Signature("CondaHTTPError", r"HTTP 000 CONNECTION FAILED for url <https?://(?P<host>[^/>\s]{1,100})"),
        Signature("All attempts to connect to", r"connect to (?P<host>\S{1,100}) failed"),
        Signature("Could not connect, are you offline?"),
        Signature("Packages were unavailable because the network was disabled"),
        Signature("Temporary failure resolving '", r"resolving '(?P<host>[^'\n]{1,100})'"),
        Signature("Could not fetch URL", r"Could not fetch URL https?://(?P<host>[^/\s]{1,100})/", weight=0.97),
        Signature("CondaHTTPError:", weight=0.95),
        Signature("CondaSSLError", weight=0.95),
        Signature("Credentials not correct for", r"40[13] Error, Credentials not correct for", weight=0.95),
        Signature(
            "Client Error",
            rf"4\d\d Client Error.{{0,100}}for url: https?://(?P<host>[^/\s]{{1,100}})/\S{{0,100}}{_PATH}/",
            weight=0.95,
        ),
        Signature("Failed to fetch: `", r"Failed to fetch: `https?://(?P<host>[^/`\s]{1,100})", weight=0.95),
        Signature("Could not install packages due to an OSError: HTTPSConnectionPool", weight=0.95),
        Signature("Failed to fetch http", r"E: Failed to fetch https?://(?P<host>[^/\s]{1,100})", weight=0.85),
        Signature("after connection broken by", r"WARNING: Retrying \(Retry\(total=\d", weight=0.88),
        Signature("is not a trusted or secure host and is being ignored", weight=0.9),
    ),
    related=("no-matching-distribution", "tls-failure", "hub-unreachable"),
)


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """Find out what stands in the way, or do without the way."""
    yield Remedy(
        why=say("See which index and proxy pip is set up with."),
        commands=(python(facts, "-m", "pip", "config", "list"), "env | grep -i proxy"),
        safe=True,
    )
    yield Remedy(
        why=say("Name an index that this machine reaches."),
        commands=(pip_install(facts, "--index-url", "https://INDEX/simple", "PACKAGE"),),
    )
    yield Remedy(
        why=say(
            "Without any way out: download the wheels elsewhere, for this Python and platform, and install from "
            "the folder."
        ),
        commands=(
            "pip download -d wheels -r requirements.txt",
            pip_install(facts, "--no-index", "--find-links", "wheels", "-r", "requirements.txt"),
        ),
    )
