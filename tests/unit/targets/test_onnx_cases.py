"""What is judged to run is loaded by the installed ONNX Runtime, and what is judged to run nowhere is not."""

from __future__ import annotations

import onnx_judgement
import pytest


def test_a_share_of_onnxs_own_models_is_judged_as_the_runtime_does() -> None:
    """One in ten of the models in its wheel."""
    counts, differ = onnx_judgement.compare(share=10, cases=False)
    assert differ == []
    assert counts["runs", "loads"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_of_onnxs_own_models_are_judged_as_the_runtime_does() -> None:
    counts, differ = onnx_judgement.compare()
    assert differ == []
    assert sum(counts.values()) > 1_500
