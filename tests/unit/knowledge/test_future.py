"""Something newer than a table is a case that every table answers, and never a silent pass."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

import pytest

from airworthy import diagnose
from airworthy.core.facts import Fact, Facts, Known
from airworthy.core.finding import Standing
from airworthy.core.values import Distribution, FormatVersion
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge
from airworthy.knowledge.answers import Basis
from airworthy.knowledge.tables import read_table

sys.path.insert(0, str(Path(__file__).parents[3] / "tools"))

from refresh.future import NO_FUTURE, QUESTIONS, table


def sections() -> set[tuple[str, str]]:
    """Every section of every table, and every table of operators."""
    data = files("airworthy.knowledge") / "data"
    names = [Path(each.name) for each in data.iterdir()]
    found = {(name.stem, section) for name in names if name.suffix == ".toml" for section in read_table(name.stem)}
    operators = {("operators", Path(each.name).stem) for each in (data / "operators").iterdir()}
    assert len(found) > 40
    assert len(operators) > 12
    return found | operators


def test_every_table_has_a_question_or_a_reason() -> None:
    assert sections() == QUESTIONS.keys() | NO_FUTURE.keys()
    assert not QUESTIONS.keys() & NO_FUTURE.keys()
    assert all(len(why.split()) > 8 for why in NO_FUTURE.values())


@pytest.mark.parametrize("name", sorted(QUESTIONS), ids=".".join)
def test_the_answer_says_what_it_rests_on(name: tuple[str, str]) -> None:
    question = QUESTIONS[name]
    answer = question.ask()
    assert answer.basis is question.basis
    assert answer.basis is not Basis.EXACT, "nothing is exact about what is newer than the table"
    assert answer.reason
    if answer.basis is Basis.UNKNOWN:
        assert answer.value is None
    else:
        assert answer.row is not None
        assert answer.row.checked in answer.reason, "the newest row is shown with its date"
        (evidence,) = answer.evidence(name[0])
        assert evidence.source.endswith(answer.reason)
        assert answer.row.source in evidence.source
    assert question.shown_by


def test_the_table_of_answers_has_a_row_for_each() -> None:
    assert len(table()) == len(sections())


def test_a_row_about_the_very_release_is_exact() -> None:
    answer = Knowledge().onnx_ceiling(Version("1.32.0"), "onnx-ir", 99)
    assert (answer.value, answer.basis, answer.reason) == (14, Basis.EXACT, "")
    (evidence,) = answer.evidence("onnx")
    assert evidence.source == "https://pypi.org/project/onnxruntime/1.32.0/ (looked up 2026-12-01)"


def test_the_installed_runtime_says_the_same_as_the_table(tmp_path: Path) -> None:
    """It names its own ceiling; one newer than the table reads as much as the newest row or more."""
    runtime = pytest.importorskip("onnxruntime")
    import models

    version = Version(runtime.__version__)
    answer = Knowledge().onnx_ceiling(version, "onnx-ir", 99)
    with pytest.raises(Exception, match="max supported IR version") as refused:
        runtime.InferenceSession(str(models.linear(tmp_path / "model.onnx", ir=99)))
    measured = int(str(refused.value).rpartition("max supported IR version: ")[2].split()[0])
    assert measured == answer.value if answer.basis is Basis.EXACT else measured >= (answer.value or 0)


def test_a_runtime_newer_than_the_table_is_believed_about_its_own_ceiling() -> None:
    log = "Unsupported model IR version: 99, max supported IR version: 77"
    known: dict[str, Fact] = {
        "model.format_versions": Known((FormatVersion(kind="onnx-ir", version=99),), "file"),
        "distributions": Known((Distribution(name="onnxruntime", version=Version("999.9")),), "files"),
    }
    (finding,) = diagnose(log, Facts(known)).findings
    assert (finding.cause, finding.standing) == ("format-version-unsupported", Standing.CONFIRMED)
    assert finding.message == "the model's IR version is 99, and the runtime reads up to 77"
    assert [evidence.value for evidence in finding.evidence if evidence.line] == [log]
    assert any("may not hold for onnxruntime 999.9" in evidence.source for evidence in finding.evidence)
