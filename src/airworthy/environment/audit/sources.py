"""Where advisories come from: a snapshot on disk, or a service. What could not be asked is unknown, and never clean."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

import msgspec

from airworthy.core.messages import say
from airworthy.environment.audit.advisories import Advisory, AdvisoryInvalid, parse_advisory

LARGEST = 32 * 1024 * 1024
"""Bytes of one advisory, or of one answer of a service."""
MOST_ADVISORIES = 500_000
"""Advisories of a snapshot."""
TIMEOUT = 20.0
"""Seconds that a service has for one answer."""
THREADS = 8
"""Questions that are open at the same time."""
MOST_PAGES = 50
"""Pages of one answer."""
OSV_SERVICE = "https://api.osv.dev"
PYPI_SERVICE = "https://pypi.org"


class Release(msgspec.Struct, frozen=True):
    """One release that is asked about."""

    name: str
    """The package's normalised name."""
    version: str
    """Its version."""


class SourceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a source said."""

    source: str
    """Which one: a path, an address."""
    advisories: dict[str, tuple[Advisory, ...]]
    """The advisories by package, for those that it answered about; none for a package without any."""
    unavailable: dict[str, str]
    """Packages that it could not be asked about, with the reason."""
    yanked: dict[str, str]
    """Withdrawn releases with the publisher's reason, where the source knows of them."""
    newest: dict[str, str] = {}
    """When each package was released last, ISO 8601, where that was asked."""
    taken: str = ""
    """When its data is from, ISO 8601; empty for a service, which answers as of now."""
    broken: int = 0
    """Advisories that could not be read; what they are about is not known."""


class AdvisorySource(Protocol):
    """A source of advisories."""

    def ask(self, releases: Iterable[Release]) -> SourceAnswer:
        """Ask about releases; failures are part of the answer."""


class Snapshot:
    """A snapshot of a whole ecosystem: `all.zip` as OSV publishes it, or a folder of such files."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def ask(self, releases: Iterable[Release]) -> SourceAnswer:
        """Read every advisory; a snapshot that is missing or broken answers about nothing."""
        wanted = {each.name for each in releases}
        found: dict[str, list[Advisory]] = {name: [] for name in wanted}
        taken, broken, count = "", 0, 0

        def nothing(reason: object) -> SourceAnswer:
            return SourceAnswer(
                source=str(self._path),
                advisories={},
                unavailable=dict.fromkeys(wanted, say("the snapshot cannot be read: {reason}", reason=reason)),
                yanked={},
            )

        try:
            for data in self._documents():
                count += 1
                if count > MOST_ADVISORIES:
                    return nothing(say("it holds more than {most} advisories", most=MOST_ADVISORIES))
                try:
                    advisory = parse_advisory(msgspec.json.decode(data))
                except (AdvisoryInvalid, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    broken += 1
                    continue
                taken = max(taken, advisory.modified)
                for name in {each.package for each in advisory.affected} & wanted:
                    found[name].append(advisory)
        except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            return nothing(getattr(error, "strerror", None) or error)
        if not count:
            return nothing(say("it holds no advisory"))
        return SourceAnswer(
            source=str(self._path),
            advisories={name: tuple(each) for name, each in found.items()},
            unavailable={},
            yanked={},
            taken=taken,
            broken=broken,
        )

    def _documents(self) -> Iterable[bytes]:
        if self._path.is_dir():
            for path in sorted(self._path.rglob("*.json")):
                yield path.read_bytes()[:LARGEST]
            return
        with zipfile.ZipFile(self._path) as archive:
            for entry in archive.infolist():
                if entry.filename.endswith(".json"):
                    with archive.open(entry) as stream:
                        # Read to the end, so that the checksum is compared.
                        yield stream.read(LARGEST)


class _Service:
    """A service that is asked about each release; one that does not answer makes that release unknown."""

    url: str

    def ask(self, releases: Iterable[Release]) -> SourceAnswer:
        asked = list(dict.fromkeys(releases))
        advisories: dict[str, tuple[Advisory, ...]] = {}
        unavailable: dict[str, str] = {}
        yanked: dict[str, str] = {}
        with ThreadPoolExecutor(THREADS, thread_name_prefix="airworthy-audit") as pool:
            for release, answer in zip(asked, pool.map(self._try, asked), strict=True):
                if isinstance(answer, str):
                    unavailable[release.name] = answer
                else:
                    advisories[release.name] = (*advisories.get(release.name, ()), *answer[0])
                    if answer[1] is not None:
                        yanked[f"{release.name}=={release.version}"] = answer[1]
        return SourceAnswer(source=self.url, advisories=advisories, unavailable=unavailable, yanked=yanked)

    def _try(self, release: Release) -> tuple[tuple[Advisory, ...], str | None] | str:
        try:
            return self._one(release)
        except urllib.error.HTTPError as error:
            error.close()
            return say("{url} answered {status} {reason}", url=self.url, status=error.code, reason=error.reason)
        except urllib.error.URLError as error:
            return say("{url} cannot be reached: {reason}", url=self.url, reason=error.reason)
        except http.client.HTTPException as error:
            return say("{url} ended its answer half-way: {reason}", url=self.url, reason=type(error).__name__)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            return say("{url} gave no answer that can be read: {reason}", url=self.url, reason=error)

    def _one(self, release: Release) -> tuple[tuple[Advisory, ...], str | None]:
        raise NotImplementedError


def _fetch(url: str, body: Mapping[str, Any] | None = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    headers = {"Accept": "application/json", "User-Agent": "airworthy"}
    request = urllib.request.Request(url, data=data, headers=headers)  # noqa: S310 - checked below
    if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
        raise ValueError(say("{url} is no address of a web service", url=url))
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310 - checked above
        content = answer.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(say("the answer is larger than {limit:bytes}", limit=LARGEST))
    return json.loads(content)


class OsvService(_Service):
    """OSV's web service, or one with its interface."""

    def __init__(self, url: str = "") -> None:
        self.url = (url or OSV_SERVICE).rstrip("/")

    def _one(self, release: Release) -> tuple[tuple[Advisory, ...], str | None]:
        found: list[Advisory] = []
        # Without the version: which versions are affected is decided here, for every source by the same rules.
        query: dict[str, Any] = {"package": {"name": release.name, "ecosystem": "PyPI"}}
        for _ in range(MOST_PAGES):
            answer = _fetch(f"{self.url}/v1/query", query)
            if not isinstance(answer, dict):
                raise ValueError(say("the answer is no object"))
            found += [parse_advisory(each) for each in answer.get("vulns") or ()]
            token = answer.get("next_page_token")
            if not token:
                return tuple(found), None
            query["page_token"] = token
        raise ValueError(say("the answer has more than {most} pages", most=MOST_PAGES))


class PypiService(_Service):
    """The JSON interface of a package index: advisories of one release, and whether it was withdrawn."""

    def __init__(self, url: str = "", *, dates: bool = False) -> None:
        """Describe it.

        Args:
            url: its address, if not the public one.
            dates: whether it is asked when each package was released last.
        """
        self.url = (url or PYPI_SERVICE).rstrip("/")
        self._dates = dates
        self._newest: dict[str, str] = {}

    def ask(self, releases: Iterable[Release]) -> SourceAnswer:
        """Ask about releases; failures are part of the answer."""
        return msgspec.structs.replace(super().ask(releases), newest=self._newest)

    def _one(self, release: Release) -> tuple[tuple[Advisory, ...], str | None]:
        name, version = urllib.parse.quote(release.name), urllib.parse.quote(release.version)
        answer = _fetch(f"{self.url}/pypi/{name}/{version}/json")
        found = []
        for each in answer["vulnerabilities"]:
            events = [{"introduced": "0"}, *({"fixed": text} for text in each.get("fixed_in") or ())]
            entry: dict[str, Any] = {
                "package": {"name": release.name, "ecosystem": "PyPI"},
                "versions": [release.version],
            }
            entry["ranges"] = [{"type": "ECOSYSTEM", "events": events}] if each.get("fixed_in") else []
            document = {**each, "affected": [entry]}
            found.append(parse_advisory(document))
        files = answer.get("urls") or []
        yanked = bool(files) and all(each.get("yanked") for each in files)
        if self._dates:
            project = _fetch(f"{self.url}/pypi/{name}/json")
            times = [str(file["upload_time"]) for each in project["releases"].values() for file in each]
            self._newest[release.name] = max(times, default="")
        reason = next((str(each.get("yanked_reason") or "") for each in files), "")
        return tuple(found), reason if yanked else None


def age_days(taken: str, now: datetime) -> float | None:
    """How old data is; None for a time that can't be read."""
    try:
        when = datetime.fromisoformat(taken.replace("Z", "+00:00")[:32])
    except ValueError:
        try:
            when = datetime.fromisoformat(taken[:19])
        except ValueError:
            return None
    when = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
    return (now - when).total_seconds() / 86400
