"""A pass refutes only what the check can see whole."""

from __future__ import annotations

from airworthy.core.facts import Facts, Known
from airworthy.core.finding import Confidence, Standing
from airworthy.core.keys import DISTRIBUTIONS, PYTHON_VERSION
from airworthy.core.values import Distribution
from airworthy.core.version import Version
from airworthy.recognition import diagnose


def test_a_module_that_nobody_declares_is_not_refuted_by_declared_requirements() -> None:
    installed = (Distribution(name="six", version=Version("1.16"), location="/v"),)
    version = Known(Version("3.11.2"), "the interpreter")
    facts = Facts({DISTRIBUTIONS.name: Known(installed, "dist-info"), PYTHON_VERSION.name: version})
    (finding, *_) = diagnose("ModuleNotFoundError: No module named 'nosuchthing'", facts).findings
    assert finding.cause == "package-missing"
    assert finding.standing is Standing.UNDECIDED
    assert finding.confidence is not Confidence.LOW
    assert "requirements that packages declare" in finding.standing_why
