"""Commands of remedies, spelt for the host; the wheel that fits it."""

from __future__ import annotations

import pytest

from airworthy.causes.commands import model_file, model_folder, pip_install, windows_driver
from airworthy.causes.wheels import install, torch_wheel
from airworthy.core.facts import Facts, Known
from airworthy.core.values import Device, FrameworkBuild
from airworthy.core.version import Version


def facts(**values: object) -> Facts:
    return Facts({name.replace("__", "."): Known(value, "test") for name, value in values.items()})


def test_pip_of_the_interpreter_that_was_looked_at() -> None:
    assert pip_install(facts(), "numpy<2") == "python -m pip install 'numpy<2'"
    there = facts(python__executable="/opt/my env/bin/python")
    assert pip_install(there, "torch") == "'/opt/my env/bin/python' -m pip install torch"
    windows = facts(os__kernel="Windows 10.0", python__executable=r"C:\Program Files\py\python.exe")
    assert pip_install(windows, "numpy<2") == r'"C:\Program Files\py\python.exe" -m pip install "numpy<2"'


def test_whose_driver_it_is() -> None:
    assert windows_driver(facts(os__kernel="Windows 10.0"))
    assert windows_driver(facts(os__kernel="Linux 5.15.146.1-microsoft-standard-WSL2"))
    assert not windows_driver(facts(os__kernel="Linux 6.1.0"))
    assert not windows_driver(facts())


@pytest.mark.parametrize(
    ("root", "member", "path"),
    [
        ("/m/bert", "model.safetensors", "/m/bert/model.safetensors"),
        ("/m/Qwen2.5-7B", "model.safetensors", "/m/Qwen2.5-7B/model.safetensors"),
        ("/m/model.pt", "archive/data.pkl", "/m/model.pt"),
        ("/m/bert", "/m/bert/x.bin", "/m/bert/x.bin"),
        ("", "x.bin", "x.bin"),
        ("/m/bert", "", "/m/bert"),
    ],
)
def test_model_file(root: str, member: str, path: str) -> None:
    assert model_file(facts(model__path=root), member) == path


def test_model_folder() -> None:
    assert model_folder(facts(model__path="/m/Qwen2.5-7B")) == "/m/Qwen2.5-7B"
    assert model_folder(facts(model__path="/m/a.onnx")) == "/m"
    assert model_folder(facts()) == "."


def host(architecture: str, driver: str, torch: str, **more: object) -> Facts:
    return facts(
        nvidia__devices=(Device(vendor="nvidia", name="x", architecture=architecture),),
        nvidia__driver=Version(driver),
        frameworks=(FrameworkBuild(name="torch", version=Version(torch), accelerator="cpu"),),
        **more,
    )


@pytest.mark.parametrize(
    ("architecture", "driver", "torch", "release", "tag"),
    [
        ("sm_90", "580.65.06", "2.9.0", "2.9", "cu130"),
        ("sm_90", "550.54.14", "2.9.0", "2.9", "cu128"),
        ("sm_61", "580.65.06", "2.9.0", "2.9", "cu126"),
        ("sm_120", "570.26", "2.5.1", "2.11", "cu128"),
        ("sm_70", "580.65.06", "2.11.0", "2.11", "cu126"),
    ],
)
def test_torch_wheel(architecture: str, driver: str, torch: str, release: str, tag: str) -> None:
    wheel = torch_wheel(host(architecture, driver, torch))
    assert wheel is not None
    assert (wheel.release.text, wheel.tag) == (release, tag)
    remedy = install(wheel, facts())
    assert f"torch=={release}.*" in remedy.commands[0]
    assert not remedy.safe


def test_no_wheel_is_proposed_without_knowledge() -> None:
    assert torch_wheel(facts()) is None
    assert torch_wheel(host("sm_90", "440.1", "2.9.0")) is None
    assert torch_wheel(host("sm_90", "580.1", "1.13.0")) is None
    assert torch_wheel(host("sm_90", "580.1", "2.9.0", cpu__architecture="aarch64")) is None


@pytest.mark.parametrize(
    ("architecture", "driver", "said"),
    [
        ("sm_90", "580.1", "which this driver and device run."),
        ("", "580.1", "which this driver runs."),
        ("sm_90", "", "which holds code for this device; it needs NVIDIA driver"),
    ],
)
def test_what_is_claimed_of_a_wheel_is_what_is_known(architecture: str, driver: str, said: str) -> None:
    known = facts(
        nvidia__devices=(Device(vendor="nvidia", name="the GPU", architecture=architecture),),
        **({"nvidia__driver": Version(driver)} if driver else {}),
    )
    wheel = torch_wheel(known)
    assert wheel is not None
    assert said in install(wheel, known).why
