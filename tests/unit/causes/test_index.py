"""The indexes are those of the entries, and a check by them is a check of the whole catalogue."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources

import pytest

from airworthy.causes import index
from airworthy.causes.catalogue import standard
from airworthy.causes.prediction import predict
from airworthy.causes.registry import CAUSES
from airworthy.core.keys import Area
from airworthy.knowledge import Knowledge
from airworthy.probes.registry import PROBES
from airworthy.probes.runner import gather
from recorded_hosts import NAMES, host


def test_the_index_is_fresh() -> None:
    folder = resources.files("airworthy.causes")
    assert folder.joinpath(index.FILE).read_bytes() == index.made(), "run `python tools/causes_index.py`"
    assert folder.joinpath(index.NEEDS_FILE).read_bytes() == index.made_needs(), "run `python tools/causes_index.py`"


def test_every_cause_has_its_literals() -> None:
    assert standard().literals.keys() == set(CAUSES.names())
    for slug, literals in standard().literals.items():
        assert literals == CAUSES.get(slug).literals


@pytest.mark.parametrize("name", NAMES)
def test_a_check_by_the_index_ends_as_one_of_the_whole_catalogue(name: str) -> None:
    facts = gather(host(name), list(PROBES))
    everything = {"areas": frozenset(Area), "ignore": frozenset({"disk-full"})}
    indexed = predict(facts, standard(), Knowledge(), **everything)
    assert indexed == predict(facts, list(CAUSES), Knowledge(), **everything)


def test_a_check_imports_only_the_causes_that_it_asks() -> None:
    code = (
        "import sys; from airworthy.causes.prediction import predict; from airworthy.causes.catalogue import standard\n"
        "from airworthy.core.facts import Facts; from airworthy.knowledge import Knowledge\n"
        "assert predict(Facts({}), standard(), Knowledge())\n"
        "print([name for name in sys.modules if name.count('.') == 3 and name.startswith('airworthy.causes.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
