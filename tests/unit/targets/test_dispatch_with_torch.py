"""The dispatch table beside PyTorch's own dispatcher, for the back end that every build has."""

from __future__ import annotations

import pytest

from airworthy.knowledge.operators import ATEN_TARGETS, COMPOSITE, dispatch


@pytest.mark.torch
def test_the_cpus_column_is_that_of_the_dispatcher() -> None:
    torch = pytest.importorskip("torch", reason="needs the torch extra")
    table = dispatch()
    if table.version != f"PyTorch {torch.__version__.partition('+')[0]}":
        pytest.skip(f"the table is of {table.version}, installed is {torch.__version__}")
    has_kernel = torch._C._dispatch_has_computed_kernel_for_dispatch_key
    wrong = [
        name
        for name, code in table.operators["aten"].items()
        if (ATEN_TARGETS["cpu"] in code or COMPOSITE in code) != has_kernel(f"aten::{name}", "CPU")
    ]
    assert not wrong
