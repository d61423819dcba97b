"""Every verb of the command line is a function of the package, whatever was imported before it."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing

import msgspec
import pytest

import airworthy
from airworthy.cli.verbs import VERBS
from airworthy.core.facts import Facts
from airworthy.core.report import Report, VerbAnswer
from airworthy.core.verb_functions import VERB_FUNCTIONS, verb_function
from airworthy.flows.documents import ANSWERS
from airworthy.recognition import Diagnosis

FACTS_AND_TEXTS = {"facts": Facts, "diagnose": Diagnosis}
"""Verbs whose functions answer with the thing itself; their reports are those of files."""


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def test_every_verb_is_a_function() -> None:
    names = {verb.replace("-", "_") for verb in VERBS}
    assert set(VERBS) == set(ANSWERS)
    assert names == set(VERB_FUNCTIONS) == set(airworthy.__all__) - {"__version__"}
    for name in names:
        assert callable(getattr(airworthy, name)), name


@pytest.mark.parametrize("verb", VERBS)
def test_options_in_typed_answer_out(verb: str) -> None:
    function = verb_function(verb.replace("-", "_"))
    answer = typing.get_type_hints(function, vars(sys.modules[function.__module__]) | {"Path": str})["return"]
    if verb in FACTS_AND_TEXTS:
        assert answer is FACTS_AND_TEXTS[verb]
    elif typing.get_origin(answer) is Report:
        assert typing.get_args(answer) == (ANSWERS[verb][0],)
    else:
        assert answer is ANSWERS[verb][0]
    for kind in ANSWERS[verb]:
        assert issubclass(kind, VerbAnswer)
        assert issubclass(kind, msgspec.Struct)


@pytest.mark.parametrize("first", ["airworthy.serve.service", "airworthy.causes.registry", "airworthy"])
def test_a_verb_stays_a_function_whatever_was_imported(first: str) -> None:
    code = f"import {first}, airworthy\nimport airworthy.serve.errors, airworthy.causes.index as index\n"
    code += f"print([callable(getattr(airworthy, verb)) for verb in {sorted(VERB_FUNCTIONS)}].count(True), index.FILE)"
    assert run(code) == f"{len(VERBS)} index.json"


def test_calling_a_package_is_calling_the_verb(monkeypatch: pytest.MonkeyPatch) -> None:
    from airworthy.flows import serve

    monkeypatch.setattr(serve, "serve", lambda models, **options: (models, options))
    assert airworthy.serve(["m.onnx"], engine="null") == (["m.onnx"], {"engine": "null"})
    assert inspect.ismodule(airworthy.serve)


def test_importing_the_package_is_light() -> None:
    code = "import sys, airworthy; ours = ('airworthy', 'msgspec', 'click', 'rich', 'numpy', 'sqlite3')\n"
    code += "print([name for name in sys.modules if name.partition('.')[0] in ours])"
    assert run(code) == "['airworthy']"


def test_a_name_that_is_no_verb() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fly'"):
        _ = airworthy.fly
