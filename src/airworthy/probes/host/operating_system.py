"""The operating system: distribution, kernel, C library."""

from __future__ import annotations

import re

from airworthy.core.facts import Known, Unknown
from airworthy.core.keys import LIBC_NAME, LIBC_VERSION, OS_KERNEL, OS_NAME
from airworthy.core.messages import say
from airworthy.core.version import Version
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.seam.host import Host, HostError

OS_RELEASES = ("/etc/os-release", "/usr/lib/os-release")


def read(host: Host) -> Reading:
    """Read the system's facts."""
    system, release, machine = host.uname()
    yield OS_KERNEL, Known(f"{system} {release}", "uname")
    if system != "Linux":
        raise HostError(say("on {system} this is not read yet", system=system))
    yield OS_NAME, _name(host)
    name, version, source = _libc(host, machine)
    yield LIBC_NAME, Known(name, source)
    yield LIBC_VERSION, Known(Version(version), source)


def _name(host: Host) -> Known | Unknown:
    for path in OS_RELEASES:
        if host.exists(path):
            name = parse_os_release(host.read(path, 65536).decode("utf-8", "replace"))
            return Known(name, path) if name else Unknown(say("{path} names no system", path=path))
    return Unknown(say("there is no {path}", path=OS_RELEASES[0]))


def parse_os_release(text: str) -> str:
    """The system's name for people in an os-release file; empty where it has none."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            values[name] = _unquote(value.strip())
    return values.get("PRETTY_NAME") or " ".join(filter(None, (values.get("NAME"), values.get("VERSION"))))


def _unquote(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return re.sub(r"\\([\"'$`\\])", r"\1", value)


def _libc(host: Host, machine: str) -> tuple[str, str, str]:
    try:
        text, source = host.libc(), "confstr"
    except HostError:
        # Not glibc, or an interpreter that cannot ask. musl's loader prints its version when it is run bare, and
        # `ldd` of either library names it.
        source = musl_loader(host, machine) or "ldd"
        done = host.run(source) if source != "ldd" else host.run("ldd", "--version")
        text = done.output + done.errors
    found = parse_libc(text)
    if found is None:
        raise HostError(say("{source} does not name the C library: {text}", source=source, text=text.strip()[:80]))
    return (*found, source)


def musl_loader(host: Host, machine: str) -> str:
    """The path of musl's loader; empty where there is none."""
    path = f"/lib/ld-musl-{machine}.so.1"
    return path if host.exists(path) else ""


def parse_libc(text: str) -> tuple[str, str] | None:
    """Name and version of the C library in what `confstr`, `ldd --version` or musl's loader say."""
    if "musl" in text:
        match = re.search(r"(?m)^Version (\d{1,4}(?:\.\d{1,4}){1,3})", text)
        return ("musl", match[1]) if match else None
    match = re.match(r"glibc (\d{1,4}\.\d{1,4}(?:\.\d{1,4})?)", text)
    if match is None and re.match(r"ldd \(", text):
        match = re.search(r"\A[^\n]{1,200}?\) (\d{1,4}\.\d{1,4}(?:\.\d{1,4})?)", text)
    return ("glibc", match[1]) if match else None


PROBE = Probe("operating-system", (OS_NAME, OS_KERNEL, LIBC_NAME, LIBC_VERSION), read)
"""Distribution, kernel and C library."""
