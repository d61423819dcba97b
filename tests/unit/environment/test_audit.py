"""The audit: which versions an advisory is about, sources that fail, policy, suppressions, and what ends it."""

from __future__ import annotations

import importlib.util
import json
import shutil
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from advisory_server import WAYS, advisory, service, write_zip
from airworthy.cli.main import main
from airworthy.core.errors import SettingInvalid
from airworthy.core.settings import AuditSettings
from airworthy.environment.audit.advisories import (
    AdvisoryInvalid,
    is_affected,
    matches,
    merged,
    parse_advisory,
)
from airworthy.environment.audit.judgement import candidates
from airworthy.environment.audit.policy import license_of, parse_suppression, permitted
from airworthy.environment.audit.sources import Release, Snapshot
from airworthy.flows.audit import audit_deps
from environments import environment, package

NOW = datetime(2026, 12, 1, tzinfo=timezone.utc)
JINJA = advisory("GHSA-1", "Jinja2", ("introduced", "0"), ("fixed", "2.10.1"), aliases=["CVE-1"])


def affected(version: str, *events: tuple[str, str], **more: Any) -> bool | None:
    (entry,) = parse_advisory(advisory("X", "p", *events, **more)).affected
    return is_affected(version, entry)


@pytest.mark.parametrize(
    ("version", "events", "expected"),
    [
        ("2.10", [("introduced", "0"), ("fixed", "2.10.1")], True),
        ("2.10.1", [("introduced", "0"), ("fixed", "2.10.1")], False),
        ("2.9", [("introduced", "0"), ("fixed", "2.10.1")], True),
        ("2.10.1rc1", [("introduced", "0"), ("fixed", "2.10.1")], True),
        ("1.5", [("introduced", "2.0"), ("fixed", "2.5")], False),
        ("2.0", [("introduced", "2.0"), ("fixed", "2.5")], True),
        ("2.5", [("introduced", "2.0"), ("last_affected", "2.5")], True),
        ("2.5.1", [("introduced", "2.0"), ("last_affected", "2.5")], False),
        ("3.1", [("introduced", "0"), ("fixed", "2.5"), ("introduced", "3.0"), ("fixed", "3.2")], True),
        ("2.7", [("introduced", "3.0"), ("fixed", "3.2"), ("introduced", "0"), ("fixed", "2.5")], False),
        ("9.0", [("introduced", "0")], True),
        ("1.0", [("introduced", "0"), ("limit", "1.0")], False),
        ("0.9", [("introduced", "0"), ("limit", "1.0")], True),
        ("1.0+cu126", [("introduced", "0"), ("fixed", "1.0")], False),
        ("1!0.1", [("introduced", "0"), ("fixed", "5.0")], False),
        ("2.0", [("introduced", "0"), ("fixed", "not a version")], None),
        ("not a version", [("introduced", "0")], None),
        ("1.0", [], None),
    ],
)
def test_ranges(version: str, events: list[tuple[str, str]], expected: bool | None) -> None:
    assert affected(version, *events) is expected


def test_a_listed_version_is_affected_however_it_is_written() -> None:
    assert affected("1.0.0", versions=["1.0"]) is True
    assert affected("1.1", versions=["1.0"]) is False
    assert affected("strange", versions=["strange"]) is True


def test_ranges_of_commits_decide_nothing() -> None:
    document = advisory("X", "p")
    document["affected"][0]["ranges"] = [{"type": "GIT", "events": [{"introduced": "0"}]}]
    hits, undecided = matches([parse_advisory(document)], "p", "1.0")
    assert (hits, [each.id for each in undecided]) == ([], ["X"])


VERSIONS = st.builds(lambda a, b: f"{a}.{b}", st.integers(0, 4), st.integers(0, 4))


@given(VERSIONS, st.lists(st.tuples(VERSIONS, VERSIONS), max_size=3))
def test_ranges_against_comparing_one_by_one(version: str, pairs: list[tuple[str, str]]) -> None:
    spans = [(low, high) for low, high in pairs if Version(low) < Version(high)]
    document = advisory("X", "p")
    document["affected"][0]["ranges"] = [
        {"type": "ECOSYSTEM", "events": [{"fixed": high}, {"introduced": low}]} for low, high in spans
    ]
    (entry,) = parse_advisory(document).affected
    expected = any(Version(low) <= Version(version) < Version(high) for low, high in spans)
    assert is_affected(version, entry) is (expected if spans else None)


@settings(max_examples=40)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda c: (
            st.lists(c)
            | st.dictionaries(st.sampled_from(["id", "affected", "ranges", "events", "package", "name", "aliases"]), c)
        ),
    )
)
def test_any_document_is_an_advisory_or_refused(document: Any) -> None:
    try:
        found = parse_advisory(document)
    except AdvisoryInvalid:
        return
    assert isinstance(found.id, str)


def test_withdrawn_ones_do_not_count_and_aliases_are_one() -> None:
    documents = [
        advisory("PYSEC-1", "p", ("introduced", "0"), aliases=["CVE-1"]),
        advisory("GHSA-1", "p", ("introduced", "0"), aliases=["CVE-1"]),
        advisory("GHSA-2", "p", ("introduced", "0")),
        advisory("GHSA-3", "p", ("introduced", "0"), withdrawn="2026-01-01T00:00:00Z"),
    ]
    hits, _ = matches(map(parse_advisory, documents), "p", "1")
    assert [[each.id for each in group] for group in merged(hits)] == [["GHSA-1", "PYSEC-1"], ["GHSA-2"]]


def test_the_smallest_fix_is_one_that_no_advisory_is_about() -> None:
    found = [
        parse_advisory(advisory("A", "p", ("introduced", "0"), ("fixed", "1.2"))),
        parse_advisory(
            advisory("B", "p", ("introduced", "1.1"), ("fixed", "1.4"), ("introduced", "2.0"), ("fixed", "2.1"))
        ),
    ]
    assert candidates(Release("p", "1.0"), found) == ("1.4", "2.1")
    assert candidates(Release("p", "2.0"), found) == ("2.1",)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return environment(
        tmp_path / "site", [package("jinja2", "2.10", license="BSD-3-Clause"), package("fine", "1.0", license="MIT")]
    )


def snapshot(tmp_path: Path, *more: dict[str, Any]) -> Path:
    return write_zip(tmp_path / "all.zip", [JINJA, advisory("GHSA-9", "other", ("introduced", "0")), *more])


def test_a_snapshot_without_a_network(site: Path, tmp_path: Path) -> None:
    report = audit_deps(site, snapshot=snapshot(tmp_path), now=NOW)
    (found,) = report.answer.vulnerabilities
    assert (found.package, found.id, found.fixed, found.aliases) == ("jinja2", "GHSA-1", "2.10.1", ("CVE-1",))
    assert report.answer.sources[0].age_days == 3.0
    (finding,) = report.findings
    assert finding.message == "jinja2 2.10 is affected by GHSA-1 (about Jinja2); fixed in 2.10.1"
    assert (
        audit_deps(
            environment(tmp_path / "b", [package("fine")]), snapshot=tmp_path / "all.zip", now=NOW
        ).answer.verdict
        == "clean"
    )


@pytest.mark.parametrize("fault", ["missing", "no zip", "cut", "empty", "garbage inside", "last year"])
def test_a_snapshot_that_is_not_whole_is_never_clean(
    tmp_path: Path, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    site = environment(tmp_path / "site", [package("fine", "1.0")])
    path = write_zip(tmp_path / "all.zip", [JINJA] * (fault != "empty"))
    if fault == "missing":
        path.unlink()
    elif fault == "no zip":
        path.write_bytes(b"<html>not found</html>")
    elif fault == "cut":
        path.write_bytes(path.read_bytes()[:-40])
    elif fault == "garbage inside":
        write_zip(path, [JINJA, {"id": "BROKEN", "affected": 7}])
    elif fault == "last year":
        write_zip(path, [{**JINJA, "modified": "2025-11-28T00:00:00Z"}])
    assert main(["audit-deps", "--python", str(site), "--snapshot", str(path)]) == 4
    assert "not known: something could not be asked" in capsys.readouterr().out


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["jinja2", "fine"])
def test_a_service_in_all_its_ways(tmp_path: Path, way: str, name: str) -> None:
    site = environment(tmp_path / "site", [package(name, "2.10")])
    with service([JINJA], way) as url:
        answer = audit_deps(site, services=["osv"], service_url=url, now=NOW).answer
    if way == "answering":
        assert answer.verdict == ("affected" if name == "jinja2" else "clean")
    else:
        assert answer.verdict == "unknown"
        assert answer.unknown[0].reason.startswith(url)


def test_no_service_at_all(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["audit-deps", "--python", str(site), "--service", "pypi", "--service-url", "http://127.0.0.1:9"]
    assert main(words) == 4
    assert "cannot be reached" in capsys.readouterr().out


def test_a_suppression_ends(site: Path, tmp_path: Path) -> None:
    path = snapshot(tmp_path)
    accepted = AuditSettings(suppress=("CVE-1@jinja2 until 2026-12-31: templates are ours",))
    answer = audit_deps(site, snapshot=path, settings=accepted, now=NOW).answer
    assert answer.verdict == "clean"
    assert answer.vulnerabilities[0].suppressed == "until 2026-12-31: templates are ours"
    later = datetime(2027, 1, 1, tzinfo=timezone.utc)
    old = AuditSettings(suppress=accepted.suppress, max_age_days=100)
    report = audit_deps(site, snapshot=path, settings=old, now=later)
    assert report.answer.verdict == "affected"
    assert report.answer.vulnerabilities[0].expired
    other = AuditSettings(suppress=("CVE-1@flask until 2026-12-31: x",))
    assert audit_deps(site, snapshot=path, settings=other, now=NOW).answer.verdict == "affected"


@pytest.mark.parametrize(
    "text", ["CVE-1", "CVE-1 until never: x", "CVE-1 until 2026-13-01: x", "CVE-1 until 2026-01-01:", ""]
)
def test_a_suppression_without_an_end_is_refused(text: str) -> None:
    with pytest.raises(SettingInvalid, match="no suppression"):
        parse_suppression(text)
    assert parse_suppression("A@b until 2026-01-02: c d").until == date(2026, 1, 2)


@pytest.mark.parametrize(
    ("text", "allowed", "denied", "expected"),
    [
        ("MIT", ["MIT"], [], True),
        ("MIT OR GPL-3.0-only", ["MIT"], [], True),
        ("MIT AND GPL-3.0-only", ["MIT"], [], False),
        ("(MIT OR GPL-3.0-only) AND Apache-2.0", ["MIT", "apache-2.0"], [], True),
        ("GPL-3.0-only", [], ["GPL-3.0-only"], False),
        ("LGPL-3.0-only OR GPL-3.0-only", [], ["GPL-3.0-only"], True),
        ("Apache-2.0 WITH LLVM-exception", ["Apache-2.0"], [], True),
        ("ISC", [], [], True),
    ],
)
def test_licences(text: str, allowed: list[str], denied: list[str], expected: bool) -> None:
    assert permitted(license_of(text), allowed, denied) is expected


@given(st.text(alphabet="MIT()ORAND GPL-3.0only", max_size=60))
def test_any_licence_text(text: str) -> None:
    permitted(text, ["MIT"], [])
    assert license_of(text) == "" or permitted(license_of(text), [], []) is True


def test_licences_of_an_environment(site: Path, tmp_path: Path) -> None:
    write_zip(tmp_path / "all.zip", [advisory("GHSA-9", "other", ("introduced", "0"))])
    environment(site, [package("strange", license="Ask me")])
    policy = AuditSettings(licenses_allowed=("MIT",))
    report = audit_deps(site, snapshot=tmp_path / "all.zip", settings=policy, now=NOW)
    assert [(each.package, each.known) for each in report.answer.licenses] == [("jinja2", True), ("strange", False)]
    assert [finding.severity.value for finding in report.findings] == ["error", "warning"]


def test_a_folder_of_advisories(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one.json").write_text(json.dumps(JINJA))
    answer = Snapshot(tmp_path).ask([Release("jinja2", "2.10")])
    assert [each.id for each in answer.advisories["jinja2"]] == ["GHSA-1"]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from airworthy.environment.uv import write_stub

    folder = tmp_path_factory.mktemp("index")
    for each in (
        package("lib", "1.0"),
        package("lib", "1.1"),
        package("lib", "1.2"),
        package("lib", "2.0"),
        package("free", "1.0"),
        package("free", "1.1"),
        package("free", "3.0"),
        package("app", "1.0", "lib<2", "free"),
    ):
        write_stub(folder, each)
    return folder


def test_fixed_to_the_smallest_and_what_a_parent_blocks(
    tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from airworthy.environment.lockfile import parse_lock
    from airworthy.environment.uv import Indexes
    from airworthy.flows.lock import lock

    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.in").write_text("app\nlib==1.0\nfree==1.0\n")
    (tmp_path / "r.in").write_text("app\nlib\nfree\n")
    indexes = Indexes(no_index=True, find_links=(str(wheels),))
    lock("old.in", indexes=indexes)
    lock("r.in", indexes=indexes)
    blocking = [
        advisory("GHSA-free", "free", ("introduced", "0"), ("fixed", "1.1")),
        advisory("GHSA-lib", "lib", ("introduced", "0"), ("fixed", "2.0")),
        advisory("GHSA-none", "app", ("introduced", "0")),
    ]
    path = write_zip(tmp_path / "all.zip", blocking)
    answer = audit_deps(lock="airworthy.lock", snapshot=path, fix=True, restore=False, indexes=indexes, now=NOW).answer
    repair = answer.repair
    assert repair is not None
    assert [(each.package, each.old, each.new) for each in repair.raised] == [("free", "1.0", "1.1")]
    assert [(each.package, each.tried) for each in repair.blocked] == [("app", ()), ("lib", ("2.0",))]
    assert "app" in repair.blocked[1].why
    locked = {each.name: each.version for each in parse_lock((tmp_path / "airworthy.lock/pylock.toml").read_bytes())}
    assert locked == {"app": "1.0", "free": "1.1", "lib": "1.0"}
    assert {each.package for each in answer.vulnerabilities} == {"app", "lib"}
    words = ["audit-deps", "--lock", "airworthy.lock", "--snapshot", str(path), "--fix", "--no-restore", "--no-index"]
    assert main([*words, "--find-links", str(wheels)]) == 1
    assert "lib 1.0 cannot be raised to 2.0" in capsys.readouterr().out
    assert main(["audit-deps", "--fix"]) == 2
    shutil.rmtree(tmp_path / "airworthy.lock")
    assert main(words) == 2


def test_the_bill_of_materials(site: Path, tmp_path: Path) -> None:
    import models

    models.linear(tmp_path / "linear.onnx")
    words = [
        "audit-deps",
        "--python",
        str(site),
        "--snapshot",
        str(snapshot(tmp_path)),
        "--model",
        str(tmp_path / "linear.onnx"),
    ]
    assert main([*words, "--sbom", str(tmp_path / "bom.json")]) in {1, 4}
    document = json.loads((tmp_path / "bom.json").read_text())
    kinds = {each["bom-ref"]: each for each in document["components"]}
    assert kinds["package:jinja2"]["purl"] == "pkg:pypi/jinja2@2.10"
    assert kinds["package:jinja2"]["licenses"] == [{"expression": "BSD-3-Clause"}]
    model = kinds["model:linear"]
    assert model["type"] == "machine-learning-model"
    assert len(model["hashes"][0]["content"]) == 64
    assert model["modelCard"]["modelParameters"]["inputs"]
    refs = {*kinds, document["metadata"]["component"]["bom-ref"]}
    for each in document["dependencies"]:
        assert {each["ref"], *each["dependsOn"]} <= refs
    assert document["vulnerabilities"][0]["affects"][0]["ref"] == "package:jinja2"
    again = tmp_path / "again.json"
    assert main([*words, "--sbom", str(again)]) in {1, 4}
    assert again.read_bytes() == (tmp_path / "bom.json").read_bytes()


@pytest.mark.skipif(
    importlib.util.find_spec("cyclonedx") is None, reason="needs cyclonedx-python-lib, which brings the schemas"
)
def test_the_bill_follows_the_schema_of_cyclonedx(site: Path, tmp_path: Path) -> None:
    from importlib.resources import files

    import jsonschema
    from referencing import Registry, Resource

    import models

    models.linear(tmp_path / "linear.onnx")
    bill = tmp_path / "bom.json"
    words = ["--model", str(tmp_path / "linear.onnx"), "--native", "--sbom", str(bill)]
    main(["audit-deps", "--snapshot", str(snapshot(tmp_path)), *words])
    registry: Any = Registry()
    schema: Any = None
    for file in (files("cyclonedx.schema") / "_res").iterdir():
        if file.name.endswith(".json"):
            document = json.loads(file.read_text(encoding="utf-8"))
            schema = document if file.name.startswith("bom-1.6.") else schema
            for name in (file.name, document.get("$id", file.name)):
                registry = registry.with_resource(name, Resource.from_contents(document))
    assert schema is not None
    problems = jsonschema.Draft7Validator(schema, registry=registry).iter_errors(json.loads(bill.read_text()))
    assert [error.message for error in problems] == []


def test_an_index_that_knows_of_withdrawn_releases(site: Path) -> None:
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    answers = {
        "/pypi/jinja2/2.10/json": {
            "vulnerabilities": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "summary": "x", "fixed_in": ["2.10.1"]}],
            "urls": [{"yanked": True, "yanked_reason": "broken"}],
        },
        "/pypi/jinja2/json": {"releases": {"2.10": [{"upload_time": "2019-04-06T17:00:00"}], "0": []}},
        "/pypi/fine/json": {"releases": {"1.0": [{"upload_time": "2026-11-01T00:00:00"}]}},
        "/pypi/fine/1.0/json": {"vulnerabilities": [], "urls": [{"yanked": False}]},
    }

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            return

        def do_GET(self) -> None:
            self.send_response(200 if self.path in answers else 404)
            self.end_headers()
            self.wfile.write(json.dumps(answers.get(self.path, {})).encode())

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        report = audit_deps(site, services=["pypi"], service_url=url, now=NOW)
        settled = AuditSettings(unmaintained_days=700)
        old = audit_deps(site, services=["pypi"], service_url=url, now=NOW, settings=settled)
        environment(site, [package("private", "1.0")])
        unknown = audit_deps(site, services=["pypi"], service_url=url, now=NOW).answer.unknown
    finally:
        server.shutdown()
        server.server_close()
    assert [(each.cause, each.subject) for each in report.findings] == [
        ("known-vulnerability", "jinja2==2.10"),
        ("release-yanked", "jinja2==2.10"),
    ]
    assert report.answer.vulnerabilities[0].fixed == "2.10.1"
    assert report.answer.yanked[0].reason == "broken"
    assert [each.package for each in unknown] == ["private"]
    assert [(each.package, each.days) for each in old.answer.unmaintained] == [("jinja2", 2795)]
    assert ("policy-violation", "jinja2") in [(each.cause, each.subject) for each in old.findings]
