"""The truth: every item alone through the model, as JSON. `raw_answers.py ITEMS`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import same_model

if __name__ == "__main__":
    model = same_model.load()
    items = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    json.dump([model.run([item])[0].tolist() for item in items], sys.stdout)
