"""Vendors' tools: what their parsers read, and what the probes make of machines with and without the device."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core import keys
from airworthy.core.facts import Absent, Known, Unknown
from airworthy.core.version import Version
from airworthy.probes.accelerators import amd, apple, ascend, intel, nvidia_health
from airworthy.probes.accelerators.rocm_json import parse_cards
from airworthy.probes.accelerators.smi import Told
from airworthy.probes.host import tuning
from airworthy.probes.host.memory import MEMINFO
from airworthy.probes.registry import PROBES
from airworthy.probes.runner import gather
from airworthy.probes.seam.fake import FakeHost
from airworthy.probes.seam.host import Completed, HostError, Nvml, NvmlDevice

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MIB = 1 << 20
OUTPUTS = tomllib.loads((Path(__file__).parent / "vendor_outputs.toml").read_text(encoding="utf-8"))["tool"]
IDS = {
    "amd": "1002",
    "ascend": "19e5",
    "cambricon": "cabc",
    "enflame": "1e36",
    "hygon": "1d94",
    "iluvatar": "1e3e",
    "intel": "8086",
    "kunlunxin": "1d22",
    "metax": "9999",
    "mthreads": "1ed5",
    "sophgo": "1f1c",
}
TABLES = ("cambricon", "enflame", "iluvatar", "kunlunxin", "metax", "mthreads", "sophgo")


def bus(vendor: str, kind: str = "120000", driver: str = "") -> dict[str, str]:
    folder = "/sys/bus/pci/devices/0000:3d:00.0"
    return {f"{folder}/vendor": f"0x{vendor}\n", f"{folder}/device": "0x1234\n", f"{folder}/class": f"0x{kind}\n"}


def parse(vendor: str, text: str) -> Told:
    if vendor == "ascend":
        return ascend.parse_info(text)
    module = sys.modules[PROBES.get(vendor).read.__module__]
    assert module is not None
    tool: Any = __import__(f"airworthy.probes.accelerators.{vendor}", fromlist=["TOOL"]).TOOL
    told: Told = tool.parse(text)
    return told


@pytest.mark.parametrize("case", OUTPUTS, ids=lambda case: case["vendor"])
def test_output_is_read(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(HostError, match=case["error"]):
            parse(case["vendor"], case["output"])
        return
    told = parse(case["vendor"], case["output"])
    assert told.driver == case["driver"]
    assert told.sdk == case.get("sdk", "")
    shown = [
        [d.name, (d.memory or 0) // MIB, -1 if d.memory_free is None else d.memory_free // MIB] for d in told.devices
    ]
    assert shown == case["devices"]
    assert [device.index for device in told.devices] == list(range(len(told.devices))) or case["vendor"] != "ascend"
    assert all(device.vendor == case["vendor"] for device in told.devices)


@pytest.mark.parametrize("vendor", sorted(IDS))
def test_absent_vendor_costs_nothing(vendor: str) -> None:
    class Counting(FakeHost):
        runs = 0

        def run(self, *argv: str, timeout: float = 1.0) -> Completed:
            Counting.runs += 1
            return super().run(*argv, timeout=timeout)

    host = Counting(bus("1a03", "030000"))
    facts = gather(host, [PROBES.get(vendor)], strict=True)
    assert Counting.runs == 0
    assert all(isinstance(fact, Absent) for fact in facts.values()), dict(facts)


@pytest.mark.parametrize("vendor", TABLES)
def test_device_without_its_tool_is_unknown_and_says_where_it_is(vendor: str) -> None:
    facts = gather(FakeHost(bus(IDS[vendor])), [PROBES.get(vendor)], strict=True)
    for name in (f"{vendor}.devices", f"{vendor}.driver"):
        fact = facts[name]
        assert isinstance(fact, Unknown)
        assert "is not installed" in fact.reason
        assert "0000:3d:00.0 on the PCI bus" in fact.reason


@pytest.mark.parametrize("vendor", [*TABLES, "ascend"])
def test_tool_that_fails_is_told_in_its_own_words(vendor: str) -> None:
    argv = (
        ("npu-smi", "info")
        if vendor == "ascend"
        else __import__(f"airworthy.probes.accelerators.{vendor}", fromlist=["TOOL"]).TOOL.argv
    )
    words = (
        "error while loading shared libraries: libvendor.so: cannot open shared object file: No such file or directory"
    )
    host = FakeHost(bus(IDS[vendor]), {" ".join(argv): Completed(127, "", f"{argv[0]}: {words}\n")})
    fact = gather(host, [PROBES.get(vendor)], strict=True)[f"{vendor}.devices"]
    assert isinstance(fact, Unknown)
    assert words in fact.reason


def test_healthy_vendor_from_bus_to_facts() -> None:
    case = next(case for case in OUTPUTS if case["vendor"] == "metax")
    facts = gather(
        FakeHost(bus("9999"), {"mx-smi": Completed(0, case["output"], "")}), [PROBES.get("metax")], strict=True
    )
    assert facts.value(keys.METAX_DRIVER) == Version("3.0.11")
    assert facts.value(keys.METAX_SDK) == Version("3.1.0.14")
    assert [device.name for device in facts.value(keys.METAX_DEVICES)] == ["MetaX N260", "MetaX N260"]


def test_kunlunxin_node_and_intels_tool_of_the_same_name() -> None:
    answers = {"xpu-smi": Completed(0, "Intel XPU System Management Interface -- v1.2\nIntel XPU ...", "")}
    fact = gather(FakeHost({"/dev/xpu0": "", **bus("1a03", "030000")}, answers), [PROBES.get("kunlunxin")])[
        "kunlunxin.devices"
    ]
    assert isinstance(fact, Unknown)
    assert "names no device" in fact.reason


NODE = "/sys/class/kfd/kfd/topology/nodes"
MI300 = {
    f"{NODE}/0/properties": "cpu_cores_count 96\nsimd_count 0\ngfx_target_version 0\n",
    f"{NODE}/1/properties": "simd_count 1216\ngfx_target_version 90402\nlocation_id 15616\ndomain 0\n",
    f"{NODE}/1/name": "ip discovery\n",
    f"{NODE}/1/mem_banks/0/properties": "heap_type 1\nsize_in_bytes 206141652992\nflags 0\n",
    "/sys/bus/pci/devices/0000:3d:00.0/product_name": "AMD Instinct MI300X OAM\n",
    "/sys/module/amdgpu/version": "6.8.5\n",
    "/opt/rocm/.info/version": "6.2.0-66\n",
}


def test_amd_from_sysfs() -> None:
    host = FakeHost({**bus("1002"), **MI300}, env={"HSA_OVERRIDE_GFX_VERSION": "9.4.2"})
    facts = gather(host, [amd.PROBE], strict=True)
    (device,) = facts.value(keys.AMD_DEVICES)
    assert (device.name, device.architecture, device.memory) == ("AMD Instinct MI300X OAM", "gfx942", 206141652992)
    assert facts.value(keys.AMD_DRIVER) == Version("6.8.5")
    assert facts.value(keys.ROCM_VERSION) == Version("6.2.0")
    assert facts.value(keys.AMD_GFX_OVERRIDE) == "9.4.2"


def test_amd_without_its_kernel_driver_asks_rocm_smi_and_tells_both() -> None:
    answers = {
        "rocm-smi --showproductname --showmeminfo vram --json": Completed(
            2, "", "ERROR:root:Driver not initialized (amdgpu not found in modules)\n"
        )
    }
    facts = gather(FakeHost(bus("1002", "030000"), answers), [amd.PROBE], strict=True)
    fact = facts[keys.AMD_DEVICES.name]
    assert isinstance(fact, Unknown)
    assert "Driver not initialized" in fact.reason
    assert "driven by no driver" in fact.reason
    driver = facts[keys.AMD_DRIVER.name]
    assert isinstance(driver, Unknown)
    assert "amdgpu is not loaded" in driver.reason


@pytest.mark.parametrize(
    ("number", "name"),
    [(90402, "gfx942"), (90010, "gfx90a"), (90012, "gfx90c"), (100306, "gfx1036"), (110000, "gfx1100"), (0, "")],
)
def test_gfx(number: int, name: str) -> None:
    assert amd.gfx(number) == name


def test_rocm_json_of_both_tools() -> None:
    hygon = (
        '{"card0": {"Device ID": "0x6210", "Card Series": "K100_AI", "vram Total Memory (MiB)": "65520", '
        '"vram Total Used Memory (MiB)": "2"}, "card1": {"Card Series": "K100_AI"}}'
    )
    first, second = parse_cards(hygon, "hygon", "hy-smi")
    assert (first.name, first.memory, first.memory_free) == ("K100_AI", 65520 * MIB, 65518 * MIB)
    assert second.memory is None
    rocm = (
        'WARNING: AMD GPU device(s) is/are in a low-power state\n{"card0": {"Card Series": "AMD Radeon RX 7900 XTX", '
        '"GFX Version": "gfx1100", "VRAM Total Memory (B)": "25753026560", "VRAM Total Used Memory (B)": "27000832"}}'
    )
    (card,) = parse_cards(rocm, "amd", "rocm-smi")
    assert (card.architecture, card.memory) == ("gfx1100", 25753026560)
    with pytest.raises(HostError, match="printed no JSON: ERROR"):
        parse_cards("ERROR:root:ROCm SMI returned 8", "amd", "rocm-smi")
    with pytest.raises(HostError, match="no card"):
        parse_cards('{"system": {"Driver version": "6.8.5"}}', "amd", "rocm-smi")


def test_hygon_driver_from_the_tool() -> None:
    answers = {
        "/opt/hyhal/bin/hy-smi --showproductname --showmeminfo vram --json": Completed(
            0, '{"card0": {"Card Series": "BW1000", "vram Total Memory (MiB)": "65520"}}', ""
        ),
        "/opt/hyhal/bin/hy-smi --showdriverversion": Completed(0, "== System ==\nDriver Version: 6.3.27-V1.2.5\n", ""),
    }
    files = {**bus("1d94", "0b4000"), "/opt/hyhal/bin/hy-smi": "", "/opt/dtk/.info/version": "25.04.1\n"}
    facts = gather(FakeHost(files, answers), [PROBES.get("hygon")], strict=True)
    assert facts.value(keys.HYGON_DRIVER) == Version("6.3.27")
    assert facts.value(keys.HYGON_SDK) == Version("25.04.1")
    assert facts.value(keys.HYGON_DEVICES)[0].name == "BW1000"


def test_ascend_files() -> None:
    case = next(case for case in OUTPUTS if case["vendor"] == "ascend")
    host = FakeHost(
        {
            **bus("19e5"),
            ascend.DRIVER_INFO: "Version=24.1.rc2\nascendhal_version=7.35.19\naicpu_version=1.0\n",
            "/usr/local/Ascend/ascend-toolkit/latest/x86_64-linux/ascend_toolkit_install.info": (
                "package_name=Ascend-cann-toolkit\nversion=8.2.RC1\ninnerversion=V100R001C22SPC001B231\n"
            ),
            "/usr/local/Ascend/nnal/atb/latest/version.info": "    Ascend-cann-atb : 8.2.RC1\n    Platform : aarch64\n",
        },
        {"npu-smi info": Completed(0, case["output"], "")},
        {"ATB_HOME_PATH": "/usr/local/Ascend/nnal/atb/latest/atb/cxx_abi_1"},
    )
    facts = gather(host, [ascend.PROBE], strict=True)
    assert facts.value(keys.ASCEND_DRIVER).text == "24.1.rc2"
    assert facts.value(keys.ASCEND_CANN).text == "8.2.RC1"
    assert facts.value(keys.ASCEND_NNAL).text == "8.2.RC1"
    assert facts.value(keys.ASCEND_NNAL_ABI) == 1
    assert len(facts.value(keys.ASCEND_DEVICES)) == 2


def test_huaweis_management_controller_is_no_accelerator() -> None:
    facts = gather(FakeHost(bus("19e5", "030000")), [ascend.PROBE], strict=True)
    assert isinstance(facts[keys.ASCEND_DEVICES.name], Absent)


def test_intel_with_and_without_its_tool() -> None:
    answer = '{"device_list": [{"device_id": 0, "device_name": "Intel(R) Data Center GPU Flex 170"}]}'
    host = FakeHost(bus("8086", "038000"), {"xpu-smi discovery -j": Completed(0, answer, "")})
    assert gather(host, [intel.PROBE], strict=True).value(keys.INTEL_DEVICES)[0].name.endswith("Flex 170")
    bare = gather(FakeHost(bus("8086", "030000")), [intel.PROBE], strict=True)
    assert bare.value(keys.INTEL_DEVICES)[0].name == "Intel device 1234"


def test_apple() -> None:
    mac = FakeHost(
        uname=("Darwin", "24.1.0", "arm64"),
        commands={" ".join(apple.COMMAND): Completed(0, "Apple M3 Max\n68719476736\n", "")},
    )
    (device,) = gather(mac, [apple.PROBE], strict=True).value(keys.APPLE_DEVICES)
    assert (device.name, device.memory) == ("Apple M3 Max", 68719476736)
    assert isinstance(gather(FakeHost(), [apple.PROBE])[keys.APPLE_DEVICES.name], Absent)
    refused = FakeHost(uname=("Darwin", "24.1.0", "arm64"), commands={" ".join(apple.COMMAND): Completed(1, "", "no")})
    assert isinstance(gather(refused, [apple.PROBE], strict=True)[keys.APPLE_DEVICES.name], Unknown)


def test_nvidia_health_from_the_library() -> None:
    device = NvmlDevice("NVIDIA H100", "GPU-1", 1, 1, "9.0", 1, 2, 0x44, 1, 1, 3)
    host = FakeHost(
        bus("10de", "030200"),
        {"dmesg": Completed(0, "[ 12.5] NVRM: Xid (PCI:0000:3D:00): 79, pid=812, GPU has fallen off the bus.\n", "")},
        nvml=Nvml("550.90.07", 12040, (device,)),
    )
    facts = gather(host, [nvidia_health.PROBE], strict=True)
    (health,) = facts.value(keys.NVIDIA_HEALTH)
    assert (health.ecc, health.uncorrected, health.mig, health.persistence) == ("enabled", 2, "enabled", "enabled")
    assert health.throttled == ("sw-power-cap", "hw-thermal")
    assert health.compute_mode == "exclusive-process"
    (xid,) = facts.value(keys.NVIDIA_XIDS)
    assert (xid.address, xid.number) == ("0000:3d:00", 79)
    assert "fallen off the bus" in xid.text


def test_nvidia_health_from_the_tool_and_a_log_that_is_refused() -> None:
    query = f"nvidia-smi --query-gpu={','.join(nvidia_health.QUERY)} --format=csv,noheader,nounits"
    host = FakeHost(
        bus("10de", "030200"),
        {
            query: Completed(0, "0, [N/A], [N/A], 0x0000000000000001, [N/A], Disabled, Default\n", ""),
            "dmesg": Completed(1, "", "dmesg: read kernel buffer failed: Operation not permitted\n"),
        },
    )
    facts = gather(host, [nvidia_health.PROBE], strict=True)
    (health,) = facts.value(keys.NVIDIA_HEALTH)
    assert (health.ecc, health.uncorrected, health.throttled, health.mig) == ("", None, (), "")
    assert (health.persistence, health.compute_mode) == ("disabled", "default")
    xids = facts[keys.NVIDIA_XIDS.name]
    assert isinstance(xids, Unknown)
    assert "Operation not permitted" in xids.reason


def test_tuning() -> None:
    host = FakeHost(
        {
            tuning.GOVERNOR: "powersave\n",
            tuning.TRANSPARENT: "always [madvise] never\n",
            tuning.MAP_COUNT: "65530\n",
            tuning.OVERCOMMIT: "2\n",
            tuning.SOURCE: "tsc\n",
            f"{tuning.TIMESYNC}/synchronized": "",
            f"{tuning.NODES}/node0/cpulist": "0-31,64-95\n",
            f"{tuning.NODES}/node0/meminfo": "Node 0 MemTotal:       131890528 kB\n",
            f"{tuning.NODES}/node1/cpulist": "\n",
            f"{tuning.NODES}/node1/meminfo": "Node 1 MemTotal:       0 kB\n",
            MEMINFO: (
                "MemTotal: 1000 kB\nSwapTotal:       8388604 kB\nSwapFree:        4194302 kB\n"
                "HugePages_Total:    1024\nHugepagesize:       2048 kB\n"
            ),
        }
    )
    facts = gather(host, [tuning.PROBE], strict=True)
    assert facts.value(keys.CPU_GOVERNOR) == "powersave"
    assert facts.value(keys.MEMORY_TRANSPARENT_HUGE_PAGES) == "madvise"
    assert (facts.value(keys.KERNEL_MAP_COUNT), facts.value(keys.KERNEL_OVERCOMMIT)) == (65530, 2)
    assert facts.value(keys.CLOCK_SYNCHRONISED) is True
    assert [(node.cores, node.memory) for node in facts.value(keys.NUMA_NODES)] == [(64, 131890528 * 1024), (0, 0)]
    assert facts.value(keys.MEMORY_SWAP) == 8388604 * 1024
    assert facts.value(keys.MEMORY_SWAP_FREE) == 4194302 * 1024
    assert facts.value(keys.MEMORY_HUGE_PAGES) == 2 << 30


def test_nothing_tuned_is_absent() -> None:
    facts = gather(FakeHost({MEMINFO: "MemTotal: 1000 kB\n"}), [tuning.PROBE], strict=True)
    for key in (keys.CPU_GOVERNOR, keys.NUMA_NODES, keys.MEMORY_SWAP, keys.MEMORY_HUGE_PAGES):
        assert isinstance(facts.fact(key), Absent)
    assert isinstance(facts.fact(keys.CLOCK_SYNCHRONISED), Unknown)


@given(st.text(max_size=400))
def test_any_text_is_read_or_refused(text: str) -> None:
    for vendor in (*TABLES, "ascend"):
        try:
            assert parse(vendor, text).devices
        except HostError as error:
            assert "\n" not in str(error)
    for parser in (
        intel.parse_discovery,
        nvidia_health.parse_health,
        lambda each: parse_cards(each, "amd", "rocm-smi"),
    ):
        try:
            assert parser(text)
        except HostError as error:
            assert "\n" not in str(error)
    assert isinstance(nvidia_health.parse_xids(text), tuple)
    assert isinstance(amd.parse_properties(text), dict)
    assert apple.parse_sysctl(text) is None or text


@given(st.integers(0, 10**9))
def test_any_number_is_a_target_or_none(number: int) -> None:
    assert amd.gfx(number) == "" or amd.gfx(number).startswith("gfx")


def test_known_is_used() -> None:
    """A fact of the tests above is a value with its source."""
    facts = gather(FakeHost({**bus("1002"), **MI300}), [amd.PROBE])
    assert isinstance(facts[keys.AMD_DEVICES.name], Known)
    assert facts.source(keys.AMD_DEVICES) == NODE


LISTED = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-0f0e0d0c-0b0a-0908-0706-050403020100)
  MIG 1g.5gb      Device  0: (UUID: MIG-11111111-2222-3333-4444-555555555555)
  MIG 3g.20gb     Device  1: (UUID: MIG-11111111-2222-3333-4444-666666666666)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-0f0e0d0c-0b0a-0908-0706-050403020101)
"""


def test_mig_instances_are_counted_by_device() -> None:
    assert nvidia_health.parse_instances(LISTED) == {0: 2, 1: 0}


@given(st.text(max_size=2000))
def test_any_list_of_devices(text: str) -> None:
    assert all(count >= 0 for count in nvidia_health.parse_instances(text).values())


def test_instances_are_asked_for_where_a_device_is_partitioned() -> None:
    query = f"nvidia-smi --query-gpu={','.join(nvidia_health.QUERY)} --format=csv,noheader,nounits"
    row = "{index}, Enabled, 0, 0x0000000000000000, {mig}, Enabled, Default\n"
    answer = Completed(0, row.format(index=0, mig="Enabled") + row.format(index=1, mig="Disabled"), "")
    host = FakeHost({"/dev/nvidia0": ""}, {query: answer, "nvidia-smi -L": Completed(0, LISTED, "")})
    found = dict(nvidia_health.read(host))[keys.NVIDIA_HEALTH]
    assert isinstance(found, Known)
    assert [each.instances for each in found.value] == [2, None]
    silent = FakeHost({"/dev/nvidia0": ""}, {query: answer})
    found = dict(nvidia_health.read(silent))[keys.NVIDIA_HEALTH]
    assert isinstance(found, Known)
    assert [each.instances for each in found.value] == [None, None]
