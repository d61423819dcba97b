"""Choosing a PyTorch wheel that a host's driver and devices run; several remedies end in one."""

from __future__ import annotations

from airworthy.causes.commands import pip_install, windows_driver
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy
from airworthy.core.keys import CPU_ARCHITECTURE, FRAMEWORKS, NVIDIA_DEVICES, NVIDIA_DRIVER
from airworthy.core.messages import say
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge
from airworthy.knowledge.pytorch import TorchWheel


def torch_wheel(facts: Facts, architecture: str = "") -> TorchWheel | None:
    """The wheel to install in place of the present one; None where the tables know of none for this host.

    The release that is installed is preferred, then the newest of its major version, and CUDA as the driver allows.

    Args:
        facts: what is known; without a driver or an NVIDIA device nothing is proposed.
        architecture: the device in question, where it is not to be all of them.
    """
    driver = facts.get_value(NVIDIA_DRIVER, None)
    devices = {architecture} if architecture else {d.architecture for d in facts.get_value(NVIDIA_DEVICES, ())} - {""}
    if (driver is None and not devices) or facts.get_value(CPU_ARCHITECTURE, "x86_64") != "x86_64":
        return None  # the tables hold the wheels for x86_64 only
    installed = next((build.version for build in facts.get_value(FRAMEWORKS, ()) if build.name == "torch"), None)
    fitting = [wheel for wheel in Knowledge().torch_wheels() if _fits(wheel, driver, devices, facts)]
    if installed is not None:
        # Across major versions supported Pythons and interfaces differ too much to propose it.
        fitting = [wheel for wheel in fitting if wheel.release.major == installed.major]
        same = [w for w in fitting if (w.release.major, w.release.minor) == (installed.major, installed.minor)]
        fitting = same or fitting
    return fitting[0] if fitting else None


def _fits(wheel: TorchWheel, driver: Version | None, devices: set[str], facts: Facts) -> bool:
    known = Knowledge()
    required = known.minimum_driver(wheel.cuda, windows=windows_driver(facts))
    if required is None or (driver is not None and driver < required):
        return False
    return all(any(known.runs_on(code, device) for code in wheel.architectures) for device in devices)


def install(wheel: TorchWheel, facts: Facts) -> Remedy:
    """The remedy that installs a wheel."""
    driver, devices = facts.get_value(NVIDIA_DRIVER, None), facts.get_value(NVIDIA_DEVICES, ())
    known = any(device.architecture for device in devices)
    template = "Install PyTorch {release} built with CUDA {cuda}"
    if driver is not None and known:
        template += ", which this driver and device run."
    elif driver is not None:
        template += ", which this driver runs."
    else:
        template += ", which holds code for this device; it needs NVIDIA driver {required} or newer."
    required = Knowledge().minimum_driver(wheel.cuda, windows=windows_driver(facts))
    return Remedy(
        why=say(template, release=wheel.release, cuda=wheel.cuda, required=required),
        commands=(pip_install(facts, "--force-reinstall", f"torch=={wheel.release}.*", "--index-url", wheel.index),),
    )
