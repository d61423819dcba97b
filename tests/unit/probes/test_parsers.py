"""Parsers of what the kernel and tools print."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core import keys
from airworthy.core.facts import Known, Unknown
from airworthy.core.version import Version
from airworthy.probes.accelerators import nvidia, pci
from airworthy.probes.host import cgroups, cpu, disks, endpoint, memory, operating_system
from airworthy.probes.python import distributions
from airworthy.probes.python import frameworks as fw
from airworthy.probes.python.numpy_uses import by_requirement
from airworthy.probes.runner import gather
from airworthy.probes.seam.fake import FakeHost
from airworthy.probes.seam.host import Completed, HostError, Interpreter, Space
from recorded_hosts import host as recorded

TEXTS = st.one_of(st.text(max_size=300), st.text(alphabet="0123456789:.,-/\n \t=()ABCGPUx'\"", max_size=300))


@pytest.mark.parametrize(
    ("text", "cores"), [("0-3\n", 4), ("0", 1), ("0-3,8-11", 8), ("", 0), ("3-1", 0), ("0-x", 0), ("0-3,", 0)]
)
def test_core_ranges(text: str, cores: int) -> None:
    assert cpu.count_cores(text) == cores


@pytest.mark.parametrize(
    ("text", "quota"),
    [("150000 100000\n", 1.5), ("max 100000\n", None), ("50000", 0.5), ("", None), ("1 0", None), ("x", None)],
)
def test_cpu_max(text: str, quota: float | None) -> None:
    assert cpu.parse_cpu_max(text) == quota


@pytest.mark.parametrize(
    ("quota", "period", "cores"),
    [("400000\n", "100000\n", 4.0), ("-1\n", "100000\n", None), ("", "", None), ("1", "0", None)],
)
def test_cfs_quota(quota: str, period: str, cores: float | None) -> None:
    assert cpu.parse_cfs(quota, period) == cores


def test_instruction_sets_are_those_of_all_processors() -> None:
    text = "flags\t: fpu avx2 sse\n\nflags\t: fpu sse\n"
    assert cpu.instructions(text) == ("fpu", "sse")
    assert cpu.instructions("flags\t: fpu avx2\n\nflags\t: fp") == ("avx2", "fpu"), "the last line was cut"
    assert cpu.instructions("") == ()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("processor\t: 0\nmodel name\t: AMD  EPYC 7543\n", "AMD EPYC 7543"),
        ("processor\t: 0\ncpu\t\t: POWER9, altivec supported\n", "POWER9, altivec supported"),
        ("Processor\t: 0\n", ""),
        ("isa\t: rv64imafdc\nuarch\t: sifive,u74-mc\n", "sifive,u74-mc"),
    ],
)
def test_model_names(text: str, name: str) -> None:
    assert cpu.model_name(text) == name


def test_memory_of_an_old_kernel() -> None:
    sizes = memory.parse_meminfo(
        "MemTotal: 100 kB\nMemFree:  10 kB\nBuffers: 2 kB\nCached: 30 kB\nHugePages_Total: 0\n"
    )
    assert memory.available_memory(sizes) == 42 * 1024
    assert memory.available_memory({}) is None


@pytest.mark.parametrize(
    ("text", "limit"), [("max\n", None), ("2147483648\n", 2 << 30), ("9223372036854771712\n", None), ("", None)]
)
def test_memory_limits(text: str, limit: int | None) -> None:
    assert memory.parse_limit(text) == limit


def test_group_paths_go_up_to_what_the_mount_shows() -> None:
    mount = cgroups.Mount(2, frozenset(), "/", "/sys/fs/cgroup")
    assert cgroups.group_paths(mount, "/a/b") == ("/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup")
    inner = cgroups.Mount(1, frozenset({"memory"}), "/docker/1f", "/sys/fs/cgroup/memory")
    assert cgroups.group_paths(inner, "/docker/1f/x") == ("/sys/fs/cgroup/memory/x", "/sys/fs/cgroup/memory")
    assert cgroups.group_paths(inner, "/docker/1f2") == ("/sys/fs/cgroup/memory",)
    assert cgroups.group_paths(mount, "/../../etc") == ("/sys/fs/cgroup",)


def test_quota_is_the_least_up_the_tree() -> None:
    root = "/sys/fs/cgroup"
    host = FakeHost(
        {
            cgroups.MEMBERSHIP: "0::/a/b\n",
            cgroups.MOUNTS: "31 25 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
            f"{root}/a/b/cpu.max": "400000 100000\n",
            f"{root}/a/cpu.max": "250000 100000\n",
            f"{root}/a/b/memory.max": "1000\n",
            f"{root}/a/memory.max": "2000\n",
            f"{root}/a/memory.current": "1900\n",
            "/proc/meminfo": "MemTotal: 100 kB\nMemAvailable: 50 kB\n",
        }
    )
    facts = {key.name: fact for key, fact in memory.read(host)}
    assert facts["memory.limit"] == Known(1000, f"{root}/a/b/memory.max")
    assert facts["memory.available"] == Known(100, f"{root}/a/memory.current")
    quota = next(fact for key, fact in cpu.read(host_with_cpuinfo(host)) if key.name == "cpu.quota")
    assert quota == Known(2.5, f"{root}/a/cpu.max")


def host_with_cpuinfo(host: FakeHost) -> FakeHost:
    return FakeHost({**host.files, cpu.CPUINFO: "processor: 0\nflags: fpu\n"})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("glibc 2.36", ("glibc", "2.36")),
        ("ldd (Debian GLIBC 2.36-9+deb12u10) 2.36\nCopyright (C) 2022\n", ("glibc", "2.36")),
        ("ldd (GNU libc) 2.17\n", ("glibc", "2.17")),
        ("musl libc (x86_64)\nVersion 1.2.4_git20230717\nDynamic Program Loader\n", ("musl", "1.2.4")),
        ("bash: ldd: command not found", None),
        ("", None),
    ],
)
def test_c_libraries(text: str, found: tuple[str, str] | None) -> None:
    assert operating_system.parse_libc(text) == found


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n', "Debian GNU/Linux 12 (bookworm)"),
        ("NAME='openEuler'\nVERSION=\"22.03 (LTS-SP4)\"\n", "openEuler 22.03 (LTS-SP4)"),
        ('# PRETTY_NAME="x"\n', ""),
        ('PRETTY_NAME="a \\"b\\" \\$c"', 'a "b" $c'),
    ],
)
def test_os_releases(text: str, name: str) -> None:
    assert operating_system.parse_os_release(text) == name


ROW = "0, NVIDIA A100-SXM4-80GB, 81920, 81049, GPU-2b1f2c3d-0a9b-4c8d-8e7f-123456789abc, 535.161.08, 8.0\n"


def test_query_of_nvidia_smi() -> None:
    (row,) = nvidia.parse_query(ROW)
    assert (row.driver, row.device.architecture, row.device.memory) == ("535.161.08", "sm_80", 81920 << 20)
    (shared,) = nvidia.parse_query("0, NVIDIA GB10, [N/A], [N/A], GPU-1, 580.95.05, 12.1\n")
    assert (shared.device.memory, shared.device.architecture) == (None, "sm_121")
    (old,) = nvidia.parse_query(ROW.rpartition(",")[0], 6)
    assert old.device.architecture == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "未找到设备\n",
        "Segmentation fault\n",
        "index, name, memory.total [MiB]\n",
        ROW + "garbage\n",
        "0, a, b\n",
    ],
)
def test_other_output_of_nvidia_smi_is_refused(text: str) -> None:
    with pytest.raises(HostError):
        nvidia.parse_query(text)


def test_old_nvidia_smi_is_asked_again_without_the_field_that_it_does_not_know() -> None:

    host = recorded("rtx4090-driver-550")
    query = next(command for command in host.commands if "compute_cap" in command)
    (_, header) = (host.commands.pop(query), host.commands["nvidia-smi"])
    said = 'Field "compute_cap" is not a valid field to query.\n\n'
    host.commands[query] = Completed(2, said, "")
    host.commands[query.replace(",compute_cap", "")] = Completed(0, ROW.rpartition(",")[0], "")
    facts = gather(host, [nvidia.PROBE], strict=True)
    assert facts.value(keys.NVIDIA_DEVICES)[0].architecture == ""
    assert facts.value(keys.NVIDIA_DRIVER) == Version("535.161.08")
    assert facts.value(keys.NVIDIA_CUDA) == Version("12.4")
    assert isinstance(header, Completed)


@pytest.mark.parametrize(
    "said",
    [
        (4, "Failed to initialize NVML: Insufficient Permissions\n"),
        (255, "Failed to initialize NVML: Unknown Error\n"),
        (6, "No devices were found\n"),
        (
            15,
            "Unable to determine the device handle for GPU0000:41:00.0: GPU is lost.  Reboot the system\n",
        ),
        (0, ""),
        (-11, ""),
    ],
)
def test_failing_nvidia_smi_is_quoted(said: tuple[int, str]) -> None:

    status, text = said
    query = f"nvidia-smi --query-gpu={','.join(nvidia.QUERY)} --format=csv,noheader,nounits"
    host = FakeHost({"/dev/nvidiactl": ""}, {query: Completed(status, text, "")})
    for _, fact in nvidia.read(host):
        assert isinstance(fact, Unknown)
        assert " ".join(text.split()) in fact.reason
        assert "/dev/nvidiactl" in fact.reason


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 01:44:30 UTC 2024", "550.54.14"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (b@h)", "570.86.15"),
        ("NVRM version: NVIDIA UNIX aarch64 Kernel Module  580.95  Thu", "580.95"),
        ("GCC version:  gcc version 12.3.0", ""),
        ("", ""),
    ],
)
def test_proc_version(line: str, version: str) -> None:
    assert nvidia.parse_proc_version(line + "\n") == version


@pytest.mark.parametrize("text", ["CUDA Version: N/A", "CUDA Version: ERR!", "", "CUDA Verzion 12"])
def test_header_without_cuda_is_refused(text: str) -> None:
    with pytest.raises(HostError):
        nvidia.cuda_of_header(text)


def test_metadata_ends_with_its_header() -> None:
    text = (
        "Metadata-Version: 2.1\r\nName: Foo.Bar\r\nVersion: 1.0\r\nRequires-Dist: numpy>=1.26\r\n"
        'Requires-Dist: torch; extra == "gpu"\r\n\r\nName: other\r\nRequires-Dist: no\r\n'
    )
    found = distributions.parse_metadata(text)
    assert found == distributions.Metadata("Foo.Bar", "1.0", ("numpy>=1.26",))
    assert distributions.normalise_name("Foo.._Bar") == "foo-bar"


def test_ten_thousand_distributions() -> None:

    site = "/v/site-packages"
    files = {f"{site}/p{n}-1.{n}.dist-info/METADATA": f"Name: p{n}\nVersion: 1.{n}\n\n" for n in range(10_000)}
    host = FakeHost(files, interpreter=Interpreter("3.11.0", "/v/bin/python", "/v", ("/gone.zip", site, site)))
    start = time.monotonic()
    found = gather(host, [distributions.PROBE], strict=True).value(keys.DISTRIBUTIONS)
    assert len(found) == 10_000
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("requirement", "built_for"),
    [
        ("numpy<2", "1"),
        ("numpy<2.0,>=1.21.6", "1"),
        ("numpy (<2.0.0,>=1.23.5)", "1"),
        ("numpy~=1.26; python_version < '3.13'", "1"),
        ("numpy>=2.0", "2"),
        ("numpy>=2,<3", "2"),
        ("numpy<3,>=1.26", None),
        ("numpy>=1.21", None),
        ("numpy", None),
        ("numpy==1.26.4", "1"),
        ("numpydoc<2", None),
        ("numpy!=1.19.0,<1.27", "1"),
    ],
)
def test_numpy_by_requirement(requirement: str, built_for: str | None) -> None:
    found = by_requirement(requirement)
    assert (found[0] if found else None) == built_for


@pytest.mark.parametrize(
    ("local", "accelerator", "runtime"),
    [("cu124", "cuda", "12.4"), ("cu118", "cuda", "11.8"), ("cu130", "cuda", "13.0"), ("rocm6.2.4", "rocm", "6.2.4"),
     ("cpu", "cpu", None), ("cpu.cxx11.abi", "cpu", None), ("xpu", "xpu", None), ("git1234", "", None), ("", "", None)],
)  # fmt: skip
def test_local_tags(local: str, accelerator: str, runtime: str | None) -> None:
    assert fw.from_local_tag(local) == (accelerator, Version(runtime) if runtime else None)


def test_torch_builds() -> None:
    rocm = "__version__ = '2.6.0+rocm6.2.4'\ncuda: Optional[str] = None\nhip: Optional[str] = '6.2.41134-65d174c3e'\n"
    assert fw.parse_torch_version(rocm) == ("rocm", Version("6.2.41134-65d174c3e"))
    assert fw.parse_torch_version("cuda = '11.8'\n") == ("cuda", Version("11.8"))
    assert fw.parse_torch_version("cuda = None\nhip = None\n") == ("cpu", None)
    assert fw.parse_torch_version("") == ("", None)
    assert fw.find_architectures(b"a\0sm_90\0b") == ("sm_90",)
    assert fw.find_architectures(b"a\0sm_100 sm_120a compute_120\0b") == ("sm_100", "sm_120a", "compute_120")
    assert fw.find_architectures(b"a sm_90 b") == ()


def test_tensorflow_builds() -> None:
    text = (
        "build_info = collections.OrderedDict([('cpu_compiler', '/usr/bin/clang'), ('cuda_compute_capabilities', "
        "['sm_60', 'sm_89', 'compute_90']), ('cuda_version', '12.5.1'), ('is_cuda_build', True), "
        "('is_rocm_build', False)])"
    )
    assert fw.parse_tensorflow_build(text) == ("cuda", Version("12.5.1"), ("sm_60", "sm_89", "compute_90"))
    assert fw.parse_tensorflow_build("('is_cuda_build', False), ('is_rocm_build', False)") == ("cpu", None, ())
    assert fw.parse_tensorflow_build("('is_cuda_build', False), ('is_rocm_build', True)")[0] == "rocm"
    assert fw.parse_tensorflow_build("") == ("", None, ())


def test_holder_of_a_port() -> None:
    table = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 00000000:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 33 1 ff 100 0\n"
        "   1: 0100007F:1F40 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 44 1 ff 100 0\n"
    )
    host = FakeHost(
        {"/proc/net/tcp": table, "/proc/812/comm": "nginx\n", "/proc/812/fd/6": "", "/proc/1/comm": "init\n"},
        directories={"/proc/1/fd": HostError("/proc/1/fd: permission denied")},
        links={"/proc/812/fd/6": "socket:[33]"},
        ports={"0.0.0.0:8000": "in-use", "0.0.0.0:80": "forbidden"},
    )
    assert endpoint.find_holder(host, 8000) == "nginx (pid 812)"
    fact = endpoint.read_endpoint(host, "0.0.0.0", 8000)
    assert isinstance(fact, Known)
    assert (fact.value.state, fact.value.holder) == ("in-use", "nginx (pid 812)")
    forbidden = endpoint.read_endpoint(host, "0.0.0.0", 80)
    assert isinstance(forbidden, Known)
    assert (forbidden.value.state, forbidden.value.holder) == ("forbidden", "")


def test_place_that_is_to_be_made_is_measured_where_it_will_be() -> None:
    host = FakeHost(
        {"/data/.keep": "", "/tmp/x": ""},
        env={"HF_HOME": "/data/hf/hub"},
        disks={"/": Space(1, 1, 1, False), "/data": Space(9, 8, 7, True)},
    )
    ((_, fact),) = disks.read(host)
    assert isinstance(fact, Known)
    cache = next(disk for disk in fact.value if disk.use == "cache")
    assert (cache.path, cache.free, cache.read_only) == ("/data", 8, True)


@given(TEXTS)
def test_no_text_breaks_a_parser(text: str) -> None:
    cpu.model_name(text)
    cpu.instructions(text)
    assert cpu.count_cores(text) >= 0
    cpu.parse_cpu_max(text)
    cpu.parse_cfs(text, text)
    memory.parse_meminfo(text)
    memory.parse_limit(text)
    for mount in cgroups.parse_mounts(text):
        cgroups.group_paths(mount, text)
    cgroups.parse_membership(text)
    operating_system.parse_os_release(text)
    operating_system.parse_libc(text)
    nvidia.parse_proc_version(text)
    nvidia.architecture(text)
    distributions.parse_metadata(text)
    distributions.parse_tags(text)
    distributions.required_name(text)
    endpoint.parse_listeners(text)
    by_requirement("numpy" + text)
    fw.from_local_tag(text)
    fw.parse_torch_version(text)
    fw.parse_tensorflow_build(text)


@given(TEXTS, st.sampled_from([nvidia.parse_query, nvidia.cuda_of_header, lambda text: pci.parse_number(text, 4)]))
def test_text_is_parsed_or_refused_in_one_line(text: str, parse: Callable[[str], object]) -> None:
    reason = "parsed"
    try:
        assert parse(text)
    except HostError as error:
        reason = str(error)
    assert reason
    assert "\n" not in reason
