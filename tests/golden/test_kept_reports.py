"""JSON that releases wrote: each document is kept, and every later release must still read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

import airworthy
from airworthy.core.finding import Severity
from airworthy.flows.documents import ANSWERS, DocumentUnreadable, load_document, schema_of

FOLDERS = sorted(Path(__file__).parent.glob("reports-*"))
KEPT = [pytest.param(path, id=f"{path.parent.name}/{path.stem}") for each in FOLDERS for path in sorted(each.iterdir())]
EXTRA = {"schema", "verb", "subject", "findings", "results"}


def kind_of(content: dict[str, Any]) -> Any:
    """The answer that a document carries."""
    fields = content.keys() - EXTRA
    kinds = [kind for kind in ANSWERS[content["verb"]] if fields <= set(kind.__struct_fields__)]
    return kinds[0]


def test_this_release_keeps_one_of_each_answer() -> None:
    folder = Path(__file__).parent / f"reports-{airworthy.__version__}"
    kept = {kind_of(json.loads(path.read_bytes())) for path in folder.iterdir()}
    assert kept == {kind for kinds in ANSWERS.values() for kind in kinds}
    assert {json.loads(path.read_bytes())["verb"] for path in folder.iterdir()} == set(ANSWERS)


@pytest.mark.parametrize("path", KEPT)
def test_a_kept_document_still_loads(path: Path) -> None:
    content = json.loads(path.read_bytes())
    document = load_document(path.read_bytes())
    assert (document.schema, document.verb, document.subject) == (1, content["verb"], content["subject"])
    for name in content.keys() - EXTRA:
        assert json.loads(msgspec.json.encode(getattr(document, name), enc_hook=str)) == content[name], name
    assert [each.cause for each in document.findings] == [each["cause"] for each in content["findings"]]
    assert [each.message for each in document.findings] == [each["message"] for each in content["findings"]]
    assert [each.check for each in document.results] == [each["check"] for each in content["results"]]


@pytest.mark.parametrize("path", KEPT)
def test_a_kept_document_follows_the_published_schema(path: Path) -> None:
    content = json.loads(path.read_bytes())
    schema = schema_of(content["verb"], kind_of(content))
    jsonschema.Draft202012Validator(schema).validate(content)
    del content["subject"]
    with pytest.raises(jsonschema.ValidationError, match="subject"):
        jsonschema.Draft202012Validator(schema).validate(content)


def test_findings_are_typed() -> None:
    path = Path(__file__).parent / "reports-0.1.0" / "diagnose.json"
    document = load_document(path.read_text())
    assert document.cause == "disk-full"
    assert document.findings[0].severity is Severity.ERROR
    assert document.findings[0].evidence[0].line == 2


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (b"\xff", "malformed"),
        (b"[1]", "Expected `object`"),
        (b'{"schema": 2, "verb": "check"}', "Invalid enum value 2"),
        (b'{"schema": 1, "verb": "fly"}', "there is no verb 'fly'"),
        (b'{"schema": 1, "verb": "check"}', "missing required field"),
        (b"[" * 100_000, ""),
        (
            b'{"schema": 1, "verb": "check", "subject": "", "verdict": "maybe", "findings": [], "results": []}',
            "Invalid enum value 'maybe'",
        ),
    ],
)
def test_what_is_no_document_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DocumentUnreadable) as caught:
        load_document(data)
    assert reason in caught.value.text
