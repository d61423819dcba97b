"""The SARIF log is valid.

Always: against a schema of the part of SARIF 2.1.0 that airworthy writes, set down here from the specification
(https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; its section stands beside each object). It is
stricter than the published one in that it allows nothing else. And against the published schema itself where it is at
hand; the SARIF packages on PyPI don't carry it, so fetch it and name the file:

    curl -LO https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json
    SARIF_SCHEMA=sarif-schema-2.1.0.json pytest tests/golden/test_sarif.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from airworthy.causes.catalogue import standard
from airworthy.report.interface import RenderOptions
from airworthy.report.sarif import SCHEMA_URI, log, render
from fakes import reports

PUBLISHED = os.environ.get("SARIF_SCHEMA", "")


def _object(required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required.split(),
        "properties": properties,
        "additionalProperties": False,
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


TEXT = {"type": "string", "minLength": 1}
INDEX = {"type": "integer", "minimum": 0}
LEVEL = {"enum": ["none", "note", "warning", "error"]}  # 3.27.10, 3.58.6
URI = {"type": "string", "pattern": r"^[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+$"}  # RFC 3986, section 2
MESSAGE = _object("text", text=TEXT)  # 3.11
MULTIFORMAT = _object("text", text=TEXT, markdown=TEXT)  # 3.12
LOCATION = _object(  # 3.28, 3.29, 3.4, 3.33
    "",
    physicalLocation=_object("artifactLocation", artifactLocation=_object("uri", uri=URI)),
    logicalLocations=_list(_object("name kind", name=TEXT, kind=TEXT)),
)
RULE = _object(  # 3.49
    "id",
    id=TEXT,
    shortDescription=MULTIFORMAT,
    fullDescription=MULTIFORMAT,
    help=MULTIFORMAT,
    defaultConfiguration=_object("level", level=LEVEL),  # 3.50
)
RESULT = _object(  # 3.27
    "message ruleId ruleIndex level locations",
    ruleId=TEXT,
    ruleIndex=INDEX,
    level=LEVEL,
    message=MESSAGE,
    locations=_list(LOCATION),
    partialFingerprints={"type": "object", "additionalProperties": TEXT},
    properties={"type": "object"},
)
NOTIFICATION = _object(  # 3.58
    "message", message=MESSAGE, level=LEVEL, associatedRule=_object("id index", id=TEXT, index=INDEX)
)
RUN = _object(  # 3.14
    "tool invocations results",
    tool=_object(  # 3.18, 3.19
        "driver",
        driver=_object("name version", name=TEXT, version=TEXT, informationUri=URI, rules=_list(RULE)),
    ),
    invocations=_list(  # 3.20
        _object(
            "executionSuccessful",
            executionSuccessful={"type": "boolean"},
            toolExecutionNotifications=_list(NOTIFICATION),
        )
    ),
    results=_list(RESULT),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
)
WRITTEN = _object(  # 3.13
    "version $schema runs", **{"$schema": {"const": SCHEMA_URI}, "version": {"const": "2.1.0"}, "runs": _list(RUN)}
)


@pytest.fixture(autouse=True)
def catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    reports.use_catalogue(monkeypatch)


@pytest.mark.parametrize("name", ["whole", "healthy", "hostile"])
def test_it_is_the_part_of_sarif_that_we_write(name: str) -> None:
    jsonschema.Draft202012Validator(WRITTEN).validate(json.loads(render(getattr(reports, name)(), RenderOptions())))


def test_a_wrong_log_is_refused() -> None:
    wrong = log(reports.whole(), standard())
    wrong["runs"][0]["results"][0]["level"] = "fatal"
    assert not jsonschema.Draft202012Validator(WRITTEN).is_valid(wrong)


@pytest.mark.skipif(
    not PUBLISHED, reason="SARIF_SCHEMA names no file; the module's docstring tells where it is published"
)
@pytest.mark.parametrize("name", ["whole", "healthy", "hostile"])
def test_it_follows_the_published_schema(name: str) -> None:
    schema = json.loads(Path(PUBLISHED).read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)
    validator(schema).validate(json.loads(render(getattr(reports, name)(), RenderOptions())))


def test_rules_and_results_agree() -> None:
    run = log(reports.whole(), standard())["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [rules[result["ruleIndex"]] for result in run["results"]] == [result["ruleId"] for result in run["results"]]
    assert len(rules) == len(set(rules)) == 8
    assert run["invocations"][0]["executionSuccessful"] is False
    told = {note["associatedRule"]["id"]: note["level"] for note in run["invocations"][0]["toolExecutionNotifications"]}
    assert told == {"glibc-too-old": "note", "unsafe-pickle": "note", "lfs-pointer": "error"}
