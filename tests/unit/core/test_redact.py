"""What leaves the machine names nobody, and stays useful."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core import keys
from airworthy.core.facts import Facts, Known, Unknown, dump
from airworthy.core.redact import redact, redact_text
from airworthy.core.values import Device, Disk, Distribution, Endpoint, PciDevice
from airworthy.core.version import Version

SECRETS = [
    ("/home/dana/venv/bin/python", "/home/<user>/venv/bin/python"),
    ("/home/dana", "/home/<user>"),
    ("PATH=/home/dana/bin:/home/lee/bin", "PATH=/home/<user>/bin:/home/<user>/bin"),
    ("/export/home/dana/x", "/export/home/<user>/x"),
    ("/Users/dana/Library", "/Users/<user>/Library"),
    ("/data/users/dana/x", "/data/users/<user>/x"),
    (r"C:\Users\dana\AppData", r"C:\Users\<user>\AppData"),
    ("https://dana:hunter2@pypi.example.org/simple", "https://<secret>@pypi.example.org/simple"),
    ("git+https://ghp_abcdefghijklmnopqrstuvwx@github.com/a/b", "git+https://<secret>@github.com/a/b"),
    ("hf_abcdefghijklmnopqrstuvwxyzABCD", "<token>"),
    ("key sk-proj-0123456789abcdefghij used", "key <token> used"),
    ("nvapi-0123456789abcdefghijklmnop", "<token>"),
    ("AKIAIOSFODNN7EXAMPLE", "<token>"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N", "<token>"),
    ("HF_TOKEN=abc123def", "HF_TOKEN=<secret>"),
    ('"password": "hunter2"', '"password": "<secret>"'),
    ("https://x.org/a?api_key=abc&b=1", "https://x.org/a?api_key=<secret>&b=1"),
    ("Authorization: Bearer abcdefgh.ijkl", "Authorization: Bearer <token>"),
    ("GPU-3c1a9e00-6f5e-4bd2-9a1c-0d4b7f1e2a30", "<uuid>"),
    ("MIG-3C1A9E00-6F5E-4BD2-9A1C-0D4B7F1E2A30", "<uuid>"),
    ("machine 3c1a9e00-6f5e-4bd2-9a1c-0d4b7f1e2a30", "machine <uuid>"),
    ("link/ether 52:54:00:12:34:56", "link/ether <mac>"),
    ("Serial Number: 1320921000123", "Serial Number: <serial>"),
    ("serial=1320921000123", "serial=<serial>"),
    ("connect to 10.20.30.40:8000 refused", "connect to <address>:8000 refused"),
    ("from 2001:db8::1 and fe80::1ff:fe23:4567:890a", "from <address> and <address>"),
    ("mail dana@example.org", "mail <email>"),
]
KEPT = [
    "driver 550.54.14, CUDA 12.4",
    "libcudart.so.12.4.127",
    "libcublas.so.12.4.5.8",
    "0000:01:00.0 on the PCI bus",
    "127.0.0.1:8000 and 0.0.0.0",
    "2026-11-20T09:28:06+00:00",
    "12:30:01",
    "std::bad_alloc",
    "NVIDIA H100 80GB HBM3",
    "/opt/homebrew/bin/python3",
    "cp311-cp311-manylinux_2_28_x86_64",
    "tokenizers 0.20.1",
]


@pytest.mark.parametrize(("text", "expected"), SECRETS)
def test_what_names_somebody_goes(text: str, expected: str) -> None:
    assert redact_text(text) == expected


@pytest.mark.parametrize("text", KEPT)
def test_what_a_diagnosis_needs_stays(text: str) -> None:
    assert redact_text(text) == text


def test_names_go_wherever_they_stand_as_words() -> None:
    names = ("dana", "gpu7", "root", "ab")
    assert redact_text("gpu7: dana's /scratch/dana_models, root, ab, danaides", names) == (
        "<name>: <name>'s /scratch/<name>_models, root, ab, danaides"
    )


def test_facts_lose_names_and_keep_versions_and_sizes() -> None:
    facts = Facts(
        {
            keys.DISKS.name: Known((Disk(use="home", path="/home/dana", total=9, free=4),), "statvfs"),
            keys.NVIDIA_DEVICES.name: Known(
                (
                    Device(
                        vendor="nvidia",
                        name="NVIDIA H200",
                        memory=150754820096,
                        uuid="GPU-3c1a9e00-6f5e-4bd2-9a1c-0d4b7f1e2a30",
                    ),
                ),
                "NVML",
            ),
            keys.PCI_DEVICES.name: Known(
                (PciDevice(address="0000:01:00.0", vendor="10de", device="2330", kind="030200", driver="nvidia"),),
                "/sys/bus/pci/devices",
            ),
            keys.DISTRIBUTIONS.name: Known(
                (
                    Distribution(
                        name="nvidia-cublas-cu12",
                        version=Version("12.4.5.8"),
                        location="/home/dana/venv/lib",
                        requires=("nvidia-nvjitlink-cu12==12.4.5.8", "own @ https://dana:pw12345@git.example.org/own"),
                    ),
                ),
                "metadata in /home/dana/venv/lib",
            ),
            keys.OS_KERNEL.name: Known("Linux 5.15.153.1-microsoft-standard-WSL2", "uname"),
            keys.NVIDIA_DRIVER.name: Known(Version("550.54.14"), "NVML"),
            keys.LIBC_VERSION.name: Unknown("/home/dana/x: no answer from 10.1.2.3"),
            keys.TARGET_ENDPOINT.name: Known(Endpoint(host="10.0.0.5", port=8000, state="free"), "bind"),
        }
    )
    shared = redact(facts, names=("gpu7",))
    text = dump(shared).decode()
    for secret in ("dana", "3c1a9e00", "pw12345", "10.1.2.3", "10.0.0.5"):
        assert secret not in text
    assert set(shared) == set(facts)
    assert shared.taken == facts.taken
    assert shared.value(keys.OS_KERNEL) == "Linux 5.15.153.1-microsoft-standard-WSL2"
    assert shared.value(keys.NVIDIA_DRIVER) == Version("550.54.14")
    (package,) = shared.value(keys.DISTRIBUTIONS)
    assert package.version == Version("12.4.5.8")
    assert package.requires[0] == "nvidia-nvjitlink-cu12==12.4.5.8"
    (device,) = shared.value(keys.NVIDIA_DEVICES)
    assert (device.name, device.memory, device.uuid) == ("NVIDIA H200", 150754820096, "")
    assert shared.value(keys.PCI_DEVICES) == facts.value(keys.PCI_DEVICES)


@given(st.text(max_size=400))
def test_any_text_can_be_redacted_and_twice_is_once(text: str) -> None:
    once = redact_text(text, ("dana",))
    assert redact_text(once, ("dana",)) == once


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["a@", "1.2.3.", "ab:", "/home/", "token=", "x://", "eyJaaaaaaaa.", "serial "])
def test_long_lines_take_no_time(piece: str) -> None:
    redact_text(piece * (400_000 // len(piece)), ("dana",))
