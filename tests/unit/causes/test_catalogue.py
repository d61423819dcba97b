"""What holds for every entry of the catalogue."""

from __future__ import annotations

import collections
import json
import re
import time
from typing import Any

import pytest

from airworthy.causes.catalogue import standard
from airworthy.causes.interface import OCCURRENCES, PAGE_HEADINGS, WINDOW, Cause
from airworthy.causes.pages import page
from airworthy.causes.registry import CAUSES
from airworthy.core.keys import KEYS
from airworthy.core.messages import placeholders
from airworthy.recognition import diagnose
from catalogue import CORPUS, agreed_slugs, cases, files, logs
from unit.causes.healthy_logs import HEALTHY

ALL = [pytest.param(cause, id=cause.slug) for cause in CAUSES]


def test_every_cause_has_its_file_of_cases() -> None:
    assert set(files()) == set(CAUSES.names())
    for slug, file in files().items():
        predicted = ("fails", "passes", "skips") if CAUSES.get(slug).predictor else ()
        for kind in (*predicted, "is_it", "is_not"):
            assert file.get(kind), f"{slug} has no {kind}"


@pytest.mark.parametrize("cause", ALL)
def test_slug_is_the_file_and_agreed(cause: Cause) -> None:
    assert cause._module.rpartition(".")[2].replace("_", "-") == cause.slug
    assert agreed_slugs()[cause.slug] == cause.family
    assert CAUSES.get(cause.slug) is cause
    assert set(cause.related) <= set(agreed_slugs()) - {cause.slug}


@pytest.mark.parametrize("cause", ALL)
def test_page_has_its_sections(cause: Cause) -> None:
    headings = re.findall(r"^## (.+)$", cause.page, re.MULTILINE)
    assert tuple(headings) == PAGE_HEADINGS
    assert cause.title.endswith(".")
    assert len(cause.title) < 100
    sections = dict(zip(headings, re.split(r"^## .+$", cause.page, flags=re.MULTILINE)[1:], strict=True))
    assert all(text.strip() for text in sections.values())
    assert "https://" in sections["References"]


@pytest.mark.parametrize("cause", ALL)
def test_example_of_the_page_is_recognised(cause: Cause) -> None:
    example = re.search(r"^## Example$.*?^```\n(.*?)^```", cause.page, re.MULTILINE | re.DOTALL)
    assert example is not None
    # The page wraps long lines; programs don't.
    for text in (example[1], example[1].replace("\n", " ")):
        if (found := diagnose(text).findings) and found[0].cause == cause.slug:
            return
    pytest.fail(f"{cause.slug} does not recognise its own example")


@pytest.mark.parametrize("cause", ALL)
def test_needs_and_uses_are_declared_keys(cause: Cause) -> None:
    assert bool(cause.needs) == (cause.predictor is not None)
    assert all(KEYS[key.name] is key for key in (*cause.needs, *cause.uses))
    assert not set(cause.needs) & set(cause.uses)
    assert (cause.predictor is None) == bool(cause.unpredictable)
    assert cause.remedy_maker is not None


@pytest.mark.parametrize("cause", ALL)
def test_placeholders_are_parameters(cause: Cause) -> None:
    from airworthy.causes.prediction import predict_one
    from airworthy.core.report import Failed
    from airworthy.knowledge import Knowledge

    for case in cases("fails"):
        if case.slug == cause.slug:
            result = predict_one(case.facts, cause, Knowledge())
            assert isinstance(result, Failed)
            for finding in result.findings:
                assert "{" not in finding.message
    for signature in cause.signatures:
        groups = set(re.compile(signature.pattern).groupindex) if signature.pattern else set()
        assert placeholders(signature.message) <= groups, signature


@pytest.mark.parametrize("cause", ALL)
def test_signatures_are_sound(cause: Cause) -> None:
    assert cause.signatures
    for signature in cause.signatures:
        assert len(signature.literal.encode()) >= 6, signature  # a Chinese character says as much as a syllable
        assert 0 < signature.weight <= 1
        assert len(signature.literal) < 120


def test_no_text_belongs_to_two_causes() -> None:
    owners: dict[tuple[Any, ...], list[str]] = collections.defaultdict(list)
    for cause in CAUSES:
        for signature in cause.signatures:
            owners[signature.literal, signature.pattern, signature.refine].append(cause.slug)
    twice = {text: slugs for text, slugs in owners.items() if len(slugs) > 1}
    assert not twice


def test_confusion_matrix() -> None:
    confusion: collections.Counter[tuple[str, str]] = collections.Counter()
    for slug, entry in logs("is_it"):
        found = diagnose(entry["log"]).findings
        confusion[slug, found[0].cause if found else "nothing"] += 1
    wrong = {pair: count for pair, count in confusion.items() if pair[0] != pair[1]}
    assert not wrong, "\n".join(f"{told}: taken for {taken} {count} times" for (told, taken), count in wrong.items())
    assert sum(confusion.values()) >= 4 * len(CAUSES.names())


@pytest.mark.parametrize("name", sorted(HEALTHY))
def test_healthy_logs_match_nothing(name: str) -> None:
    found = [(f.cause, f.evidence[0].value) for f in diagnose(HEALTHY[name]).findings]
    assert found == []


HOSTILE: dict[str, Any] = {
    "one_literal_then_noise": lambda literal, size: literal + " " * size,
    "noise_then_the_literal": lambda literal, size: "a(b'c," * (size // 6) + literal,
    "the_literal_again_and_again": lambda literal, size: (literal + " 1 ") * (size // (len(literal) + 3)),
}


class CountedLine(str):
    """A line that counts how often it is searched, and what is cut out of it."""

    searches = 0
    cuts = 0
    longest_cut = 0

    def find(self, *arguments: Any) -> int:
        self.searches += 1
        return super().find(*arguments)

    def __getitem__(self, key: Any) -> str:
        part = super().__getitem__(key)
        self.cuts, self.longest_cut = self.cuts + 1, max(self.longest_cut, len(part))
        return part


@pytest.mark.parametrize("cause", ALL)
@pytest.mark.parametrize("shape", sorted(HOSTILE))
def test_a_line_of_any_length_takes_as_many_steps(cause: Cause, shape: str) -> None:
    for signature in cause.signatures:
        line = CountedLine(HOSTILE[shape](signature.literal, 30_000))
        began = time.thread_time()  # what other processes take does not count
        signature.match(line)
        assert time.thread_time() - began < 1.0, signature
        assert line.searches <= OCCURRENCES + 1, signature
        assert line.cuts <= OCCURRENCES, signature
        assert line.longest_cut <= 2 * WINDOW + len(signature.literal), signature


@pytest.mark.slow
@pytest.mark.parametrize("cause", ALL)
@pytest.mark.parametrize("shape", sorted(HOSTILE))
def test_no_line_is_too_long(cause: Cause, shape: str) -> None:
    for signature in cause.signatures:
        line = HOSTILE[shape](signature.literal, 10_000_000)
        began = time.thread_time()
        signature.match(line)
        assert time.thread_time() - began < 1.0, signature


@pytest.mark.parametrize("cause", ALL)
def test_generated_page(cause: Cause) -> None:
    text = page(cause, standard())
    assert text.startswith(f"# {cause.slug}\n\n{cause.title}\n")
    assert f'ignore = ["{cause.slug}"]' in text
    assert cause.severity.value in text
    assert all(f"`{key.name}`" in text for key in cause.needs)
    assert all(slug in text for slug in cause.related)
    assert "\n\n\n" not in text


SURFACES = {"cause-not-in-log", "overload", "probe-failed", "worker-died"}
"""Entries that tell what the failure looked like from outside, for want of one that knows the root."""


def test_cases_from_the_field() -> None:
    if not (CORPUS / "errors.jsonl").is_file():
        pytest.skip(f"the collected cases are not at {CORPUS}")
    missed, taken, told = [], [], 0
    for row in map(json.loads, (CORPUS / "errors.jsonl").read_text(encoding="utf-8").splitlines()):
        right = {row["cause"], *(row.get("also") or ())}
        found = [finding.cause for finding in diagnose(row["log"]).findings]
        if row["cause"] in CAUSES.names():
            told += 1
            if found[:1] == [] or found[0] not in right:
                missed.append((row["id"], row["cause"], found))
        elif found and found[0] not in right | SURFACES:
            taken.append((row["id"], row["cause"], found))
    assert told > 0
    assert not missed
    assert not taken
