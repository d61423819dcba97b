"""Fits the table of guesses from the catalogue and from labelled failures, and writes it beside its reader.

python tools/guesses.py                     fit from the catalogue, its tests, and the collected cases, and write
python tools/guesses.py --check             fail where a cause of the catalogue has no row in the table
python tools/guesses.py --labelled FILE…    take these cases (JSON lines with `log` and `cause`), whichever half

Of collected cases only the half that may be read is taken (`tests/halves.py`), so that the other half still measures.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import catalogue as catalogue_tests  # noqa: E402
from airworthy.causes.catalogue import standard  # noqa: E402
from airworthy.recognition import guesses  # noqa: E402
from airworthy.recognition.features import features, frequency, last_lines  # noqa: E402
from halves import collected  # noqa: E402

TARGET = Path(guesses.__file__).with_name(guesses.FILE)
MOST_WEIGHTS = 240_000
"""Weights that are kept, the largest."""
CASE = 3.0
"""What a labelled failure counts, beside 1 for a text of the catalogue."""
PENALTY = 0.3
"""The classifier's C: lower keeps weights smaller."""
_HEADING = re.compile(r"^## .*$", re.MULTILINE)


class Sample(NamedTuple):
    """A text of a cause."""

    text: str
    cause: str
    counts: float


def samples(labelled: Sequence[dict[str, Any]]) -> Iterator[Sample]:
    """The catalogue's own texts, the logs of its tests, and labelled failures."""
    causes = standard()
    for cause in causes:
        texts = (cause.title, *cause.literals, *_HEADING.split(cause.page)[:-1])
        yield from (Sample(text, cause.slug, 1.0) for text in texts)
    for kind in ("is_it", "is_not"):
        for slug, entry in catalogue_tests.logs(kind):
            name = slug if kind == "is_it" else entry.get("cause")
            if name:
                yield Sample(last_lines(entry["log"].split("\n")), name, 1.0)
    for row in labelled:
        if row["cause"] in causes:
            yield Sample(last_lines(row["log"].split("\n")), row["cause"], CASE)


def fit(texts: Sequence[Sample]) -> guesses.GuessTable:
    """A linear support vector machine, one cause against all others, on weighted words."""
    import numpy as np
    from scipy.sparse import csr_matrix
    from sklearn.svm import LinearSVC

    counted = [features(each.text) for each in texts]
    spread = Counter(word for words in counted for word in words)
    order = {word: number for number, word in enumerate(sorted(spread))}
    step = (1 + math.log(1 + len(texts))) / 255
    rarity = {word: max(1, round((math.log((1 + len(texts)) / (1 + n)) + 1) / step)) for word, n in spread.items()}
    values, columns, ends = [], [], [0]
    for words in counted:
        row = {word: frequency(count) * rarity[word] * step for word, count in words.items()}
        length = math.sqrt(sum(value * value for value in row.values())) or 1.0
        values += [value / length for value in row.values()]
        columns += [order[word] for word in row]
        ends.append(len(columns))
    machine = LinearSVC(C=PENALTY, random_state=0)
    matrix = csr_matrix((values, columns, ends), shape=(len(texts), len(order)))
    machine.fit(matrix, [each.cause for each in texts], sample_weight=[each.counts for each in texts])
    weights = machine.coef_.T
    kept = np.sort(np.abs(weights), axis=None)[::-1]
    least = kept[min(MOST_WEIGHTS, kept.size) - 1]
    unit = float(kept[0]) / 127
    table: dict[str, bytes] = {}
    for word, number in order.items():
        pairs = bytearray((rarity[word],))
        for cause in np.flatnonzero(np.abs(weights[number]) >= least):
            pairs += bytes((int(cause), round(float(weights[number, cause]) / unit) & 0xFF))
        if len(pairs) > 1:
            table[word] = bytes(pairs)
    return guesses.GuessTable(
        slugs=tuple(str(each) for each in machine.classes_),
        base=tuple(round(float(each), 4) for each in machine.intercept_),
        rarity=step,
        weight=unit,
        words=table,
    )


def main(arguments: list[str]) -> int:
    """Fit and write, or check; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--labelled", nargs="+", type=Path, metavar="FILE")
    given = parser.parse_args(arguments)
    if given.check:
        missing = sorted(set(standard().slugs) - set(guesses.decode(TARGET.read_bytes()).slugs))
        if missing:
            print(
                f"{TARGET.name} knows nothing of {', '.join(missing)}: run `python tools/guesses.py`", file=sys.stderr
            )
        return int(bool(missing))
    rows = collected("errors") + collected("errors-2")
    if given.labelled:
        rows = [json.loads(line) for path in given.labelled for line in path.read_text("utf-8").splitlines()]
    texts = list(samples(rows))
    table = fit(texts)
    TARGET.write_bytes(guesses.encode(table))
    weights = sum(len(row) // 2 for row in table.words.values())
    print(
        f"wrote {TARGET.name}: {len(texts)} texts, {len(rows)} of them labelled failures; {len(table.slugs)} causes, "
        f"{len(table.words)} words, {weights} weights, {TARGET.stat().st_size} bytes"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
