"""Pickles followed without being loaded: what they import is told, and every trick to hide it fails closed."""

from __future__ import annotations

import io
import pickle
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import models
from airworthy.artifacts.encodings.pickle_names import ALLOWED
from airworthy.artifacts.encodings.pickle_opcodes import Bounded
from airworthy.artifacts.encodings.pickles import scan
from airworthy.artifacts.formats.pytorch import FORMAT
from airworthy.artifacts.identify import inspect
from airworthy.core.keys import MODEL_DEFECTS, MODEL_PICKLE_IMPORTS
from airworthy.core.values import PickleImport


def names(data: bytes) -> dict[str, bool]:
    return {each.name or each.reason: each.allowed for each in scan(Bounded(io.BytesIO(data)), "m").imports}


def refused(path: Path) -> list[str]:
    return [each.name or each.reason for each in inspect(path).facts.value(MODEL_PICKLE_IMPORTS) if not each.allowed]


class _Runs:
    def __reduce__(self) -> tuple[object, ...]:
        import os

        return os.system, ("echo run",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_call_is_told_in_every_protocol(protocol: int) -> None:
    found = names(pickle.dumps(_Runs(), protocol=protocol))
    assert [name for name, allowed in found.items() if not allowed] == ["posix.system"]


@pytest.mark.parametrize("protocol", range(6))
def test_containers_and_numbers_import_nothing_that_acts(protocol: int) -> None:
    value = {
        "a": [1, -5, 2**70, 1.5, None, True],
        "b": (1, "x", b"y"),
        "c": {1, 2},
        "e": bytearray(b"z"),
    }
    assert all(names(pickle.dumps(value, protocol=protocol)).values())


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"cos\nsystem\n(S'id'\ntR.", "os.system"),
        (b"(S'id'\nios\nsystem\n.", "os.system"),
        (b"(cos\nsystem\nS'id'\no.", "os.system"),
        (b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94.", "os.system"),
        (b"\x80\x04U\x02osU\x06system\x93.", "os.system"),
        (b"\x80\x04S'os'\nS'system'\n\x93.", "os.system"),
        (b"\x80\x04\x8c\x02osp5\n0\x8c\x06systemq\x070g5\nh\x07\x93.", "os.system"),
        (b"\x80\x04\x8c\x05torch\x8c\x0dhub.load_stateq\x00\x93.", "torch.hub.load_stat"),
        (b"\x80\x02\x82\x01.", "copyreg extension 1"),
        (b"cbuiltins\neval\n.", "builtins.eval"),
        (b"ctorch\nload\n.", "torch.load"),
        (b"cpkgutil\nresolve_name\n.", "pkgutil.resolve_name"),
    ],
)
def test_each_way_of_importing_is_seen(data: bytes, name: str) -> None:
    found = names(data)
    told = [each for each, allowed in found.items() if not allowed]
    assert told
    assert told[0].startswith(name) or "not followed" in told[0]
    if "hub" not in name:
        assert told[0] == name


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\x80\x04K\x01K\x02\x93.", "works out"),
        (b"\x80\x04h\x05.", "not followed"),
        (b"\x80\x04}R.", "more from its stack"),
        (b"\x80\x04}}R.", "no name"),
        (b"\x80\x04K\x01\x85Q}R.", "no name"),
        (b"ctorch\nTensor\n}b.", "changes a class"),
        (b"\x80\x04(K\x01", "not followed"),
        (b"\x80\x04K\x01", "not followed"),
        (b"\x80\x04\xff.", "not followed"),
        (b"c\xff\xfe\nsystem\n.", "not followed"),
        (b"\x80\x04e.", "mark"),
        (b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.", "not followed"),
        (b"", "not followed"),
    ],
)
def test_what_cannot_be_followed_is_refused(data: bytes, problem: str) -> None:
    *_, last = names(data).items()
    assert problem in last[0]
    assert not last[1]


def test_names_before_the_break_are_told() -> None:
    found = names(b"cos\nsystem\n(S'id'\ntR\xff")
    assert found["os.system"] is False
    assert len(found) == 2


def test_a_name_with_a_space_is_never_an_allowed_one() -> None:
    assert not any(names(b"ctorch Tensor\n\n.").values())
    assert not any(names(b"ctorch\nTensor x\n.").values())


def test_laughs_are_refused_and_cost_nothing() -> None:
    data = b"\x80\x02(K\x01tq\x00" + b"".join(b"0(" + b"h\x00" * 9 + b"tq\x00" for _ in range(200)) + b"."
    begun = time.perf_counter()
    (told,) = names(data)
    assert "unfolds" in told
    assert time.perf_counter() - begun < 1


def test_what_is_shared_often_is_no_attack() -> None:
    shared = ["x"] * 500
    assert names(pickle.dumps([shared] * 20_000)) == {}
    ring: list[object] = []
    ring += [ring, [ring]]
    assert names(pickle.dumps(ring)) == {}


def test_a_long_pickle_is_refused_and_not_read() -> None:
    file = Bounded(io.BytesIO(b"\x80\x02" + b"N0" * 1000 + b"N."), most=100)
    *_, last = scan(file, "m").imports
    assert "longer" in last.reason
    endless = Bounded(io.BytesIO(b"\x80\x02" + b"N0" * 1000 + b"N."))
    endless.opcodes = 50
    *_, last = scan(endless, "m").imports
    assert "steps" in last.reason


def test_a_module_of_an_older_file_is_told_by_its_class() -> None:
    source = models.Stored("k", 1)
    source.value = ("module", models.Name("ours.Net"), "net.py", "class Net: ...")
    found = scan(Bounded(io.BytesIO(models.torch_pickle(source)[:-1] + b")R.")), "m")
    assert [(each.name, each.allowed) for each in found.imports] == [("ours.Net", False)]
    assert not found.broken


def test_a_pickle_that_goes_where_nobody_follows_is_not_called_damaged() -> None:
    assert not scan(Bounded(io.BytesIO(b"\x80\x04K\x01K\x02\x93.")), "m").damaged
    assert scan(Bounded(io.BytesIO(b"\x80\x04K\x01K\x02")), "m").damaged


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_break_it(data: bytes) -> None:
    found = scan(Bounded(io.BytesIO(data)), "m")
    assert not found.broken or not found.imports[-1].allowed


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_spliced_pickles_never_break_it(data: st.DataObject) -> None:
    whole = models.torch_pickle({"a": models.Call("torch.Size", (1, 2)), "b": [1, "x" * 10]})
    at = data.draw(st.integers(0, len(whole)))
    scan(Bounded(io.BytesIO(whole[:at] + data.draw(st.binary(max_size=20)) + whole[at:])), "m")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.binary(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=15,
)


@settings(max_examples=100, deadline=None)
@given(value=_VALUES, protocol=st.integers(0, 5))
def test_whatever_pickle_writes_is_followed(value: object, protocol: int) -> None:
    found = scan(Bounded(io.BytesIO(pickle.dumps(value, protocol=protocol))), "m")
    assert found.broken == ""
    assert all(each.allowed for each in found.imports)


def test_a_tensor_file_is_counted_and_allowed(tmp_path: Path) -> None:
    for make in (models.torch_zip, models.torch_legacy):
        found = inspect(make(tmp_path / "model.pt"))
        assert (found.model.parameters, found.model.datatypes) == (9, {"FP32": 36})
        imports = found.facts.value(MODEL_PICKLE_IMPORTS)
        assert {each.name for each in imports} == {
            "torch._utils._rebuild_tensor_v2",
            "torch.FloatStorage",
            "collections.OrderedDict",
        }
        assert all(each.allowed for each in imports)


def test_a_payload_in_a_later_pickle_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps([1]) * 3 + b"cos\nsystem\n.")
    assert refused(path) == ["os.system"]


@pytest.mark.parametrize("start", [b"", b"\x80\x00", b"\x80\x01", b"\x80\x05", b"\x80\x09"])
def test_a_payload_is_seen_under_any_protocol_mark(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(start + b"cos\nsystem\n(S'id'\ntR.")
    assert refused(path) == ["os.system"]
    path.write_bytes(start + b"cos\nsystem\n(S'id'\ntR\xff")
    assert refused(path)[0] == "os.system"


def test_arrays_of_joblib_are_stepped_over(tmp_path: Path) -> None:
    import joblib
    import numpy as np

    value = {"w": np.arange(100.0), "n": [1, 2, 3], "o": np.array(["a", {"b": np.ones(3)}], dtype=object)}
    for packed in (0, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("xz", 3)):
        joblib.dump(value, path := tmp_path / "model.pkl", compress=packed)
        found = inspect(path)
        assert (found.model.format, refused(path)) == ("pickle", []), packed
        assert found.facts.value(MODEL_DEFECTS) == ()


def test_a_payload_among_the_bytes_of_an_array_is_seen(tmp_path: Path) -> None:
    """`pickle.load` takes for opcodes what joblib takes for numbers, and the other way round: both readings count."""
    import joblib
    import numpy as np

    path = tmp_path / "model.joblib"
    joblib.dump({"w": np.zeros(64, dtype=np.uint8)}, path)
    whole = path.read_bytes()
    assert refused(path) == []
    begin = (
        whole.index(b"ub", whole.index(b"alignment_bytes")) + 2
    )  # after the wrapper's BUILD: how much padding follows, padding, array
    rest = whole[begin + 1 + whole[begin] + 64 :]
    payload = b"cos\nsystem\n(S'id'\ntR."
    path.write_bytes(whole[:begin] + payload.ljust(1 + payload[0], b"\0") + bytes(64) + rest)
    assert refused(path) == ["os.system"]
    path.write_bytes(whole[:begin] + b".".ljust(1 + ord("."), b"\0") + bytes(64) + b"0" + payload)
    assert refused(path) == ["os.system"]


def test_a_legacy_file_with_a_forged_magic_number_is_still_followed(tmp_path: Path) -> None:
    path = models.torch_legacy(tmp_path / "model.pt")
    whole = path.read_bytes()
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)
    path.write_bytes(b"cbuiltins\neval\n(S'1'\ntR." + whole[len(magic) :])
    assert "builtins.eval" in refused(path)


def test_every_member_is_followed_whatever_its_name(tmp_path: Path) -> None:
    path = models.torch_zip(tmp_path / "model.pt")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/extra.bin", pickle.dumps(_Runs()))
        archive.writestr("archive/constants.pkl", b"c__torch__\nNet\n.")
    assert sorted(refused(path)) == ["__torch__.Net", "posix.system"]


def test_a_deflated_member_is_followed(tmp_path: Path) -> None:
    path = models.torch_zip(tmp_path / "model.pt", pickle.dumps(_Runs()), compression=zipfile.ZIP_DEFLATED)
    assert refused(path) == ["posix.system"]


def _patched(path: Path, old: bytes, new: bytes, *, last: bool = False) -> Path:
    whole = path.read_bytes()
    assert old in whole
    at = whole.rindex(old) if last else whole.index(old)
    path.write_bytes(whole[:at] + new + whole[at + len(old) :])
    return path


@pytest.mark.parametrize("flag", [0x1, 0x20, 0x40])
def test_zip_flags_that_hide_a_member_are_refused(tmp_path: Path, flag: int) -> None:
    path = models.torch_zip(tmp_path / "model.pt")
    whole = bytearray(path.read_bytes())
    central = whole.index(b"PK\x01\x02")
    whole[6] |= flag
    whole[central + 8] |= flag
    path.write_bytes(whole)
    assert refused(path)
    assert inspect(path).facts.value(MODEL_DEFECTS)


def test_headers_that_disagree_are_refused(tmp_path: Path) -> None:
    path = _patched(models.torch_zip(tmp_path / "model.pt"), b"archive/data.pkl", b"archive/dat4.pkl")
    assert refused(path)
    assert "structure" in {each.kind for each in inspect(path).facts.value(MODEL_DEFECTS)}


def test_a_wrong_checksum_is_told(tmp_path: Path) -> None:
    path = _patched(models.torch_zip(tmp_path / "model.pt"), b"weight", b"weigth")
    assert [each.kind for each in inspect(path).facts.value(MODEL_DEFECTS)] == ["checksum"]
    assert refused(path)


def test_two_members_of_one_name_are_told_and_both_followed(tmp_path: Path) -> None:
    path = models.torch_zip(tmp_path / "model.pt")
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("archive/data.pkl", pickle.dumps(_Runs()))
    assert "posix.system" in refused(path)
    assert [each.kind for each in inspect(path).facts.value(MODEL_DEFECTS)] == ["structure"]


def test_a_missing_or_short_storage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", models.torch_pickle(models._state(legacy=False)))
        archive.writestr("archive/data/0", bytes(20))
    assert [each.kind for each in inspect(path).facts.value(MODEL_DEFECTS)] == ["bounds", "missing"]


def test_bytes_after_the_archive_are_told(tmp_path: Path) -> None:
    path = models.torch_zip(tmp_path / "model.pt")
    with path.open("ab") as file:
        file.write(b"x")
    (defect,) = inspect(path).facts.value(MODEL_DEFECTS)
    assert defect.kind == "padded"


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 900), data=st.binary(max_size=12), drop=st.integers(0, 12))
def test_spliced_archives_never_break_it(tmp_path: Path, at: int, data: bytes, drop: int) -> None:
    path = models.torch_zip(tmp_path / "model.pt")
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + data + whole[at + drop :])
    FORMAT.inspect(path)


def test_the_allow_list_holds_nothing_that_acts() -> None:
    assert not {
        name for name in ALLOWED if name.rpartition(".")[2] in ("eval", "exec", "load", "system", "getattr", "open")
    }
    assert all("." in name for name in ALLOWED)
    assert PickleImport(member="m", name="torch.load", allowed="torch.load" in ALLOWED).allowed is False
