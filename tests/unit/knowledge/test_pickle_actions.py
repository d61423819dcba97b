"""An attack is said only of names that are imported to act."""

from __future__ import annotations

import pytest

from airworthy.artifacts.encodings.pickle_names import ALLOWED
from airworthy.knowledge.pickle_actions import acts


@pytest.mark.parametrize(
    "name",
    [
        *("os.system", "posix.system", "nt.system", "builtins.eval", "__builtin__.execfile", "subprocess.Popen"),
        *("operator.attrgetter", "_operator.methodcaller", "types.CodeType", "runpy._run_code", "pickle.loads"),
        *("builtins.getattr", "io.FileIO", "torch.load", "shutil.rmtree", "cloudpickle.cloudpickle._make_function"),
    ],
)
def test_what_runs_commands_or_reaches_things_acts(name: str) -> None:
    assert acts(name)


@pytest.mark.parametrize(
    "name",
    [
        *("functools.partial", "operator.itemgetter", "builtins.range", "builtins.len", "builtins.Ellipsis"),
        *("builtins.ValueError", "subprocess.CalledProcessError", "os.stat_result", "socket.AddressFamily"),
        *("types.SimpleNamespace", "sklearn.tree._tree.Tree", "ours.evaluate", "builtins.hash", "builtins.type"),
    ],
)
def test_what_only_holds_data_does_not(name: str) -> None:
    assert not acts(name)


def test_nothing_that_is_allowed_acts() -> None:
    assert not {name for name in ALLOWED if acts(name)}
