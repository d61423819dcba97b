"""Facts of what is to be started, tried or installed, and of what the settings ask."""

from __future__ import annotations

from airworthy.core.keys.key import Area, Key, T
from airworthy.core.values import DeviceTrial, Distribution, Endpoint, Policy, Requirements, StorageSpeed, TriedDevice
from airworthy.core.version import Version

TARGET_ENDPOINT: Key[Endpoint] = Key(
    "target.endpoint", Endpoint, Area.TARGET, "The address to listen on, and who is there."
)
TARGET_TENSOR_PARALLEL: Key[int] = Key(
    "target.tensor_parallel", int, Area.TARGET, "The number of devices that each layer is to be divided among."
)


STORAGE: Key[StorageSpeed] = Key(
    "target.storage", StorageSpeed, Area.TARGET, "How fast the storage is that a model is to be loaded from."
)
BATTERY_DEVICES: Key[tuple[TriedDevice, ...]] = Key(
    "battery.devices", tuple[TriedDevice, ...], Area.BATTERY, "Devices that the battery was run on; absent without any."
)
BATTERY_TRIALS: Key[tuple[DeviceTrial, ...]] = Key(
    "battery.trials",
    tuple[DeviceTrial, ...],
    Area.BATTERY,
    "What each test of the battery gave, in the order of the tests.",
)


def _plan(name: str, type_: type[T], doc: str) -> Key[T]:
    return Key(name, type_, Area.PLAN, doc)


PLAN_PACKAGES = _plan(
    "plan.packages", tuple[Distribution, ...], "Packages that are to be installed, with the tags of their wheels."
)
PLAN_SYSTEM = _plan("plan.system", str, "The system that they are for: `linux`, `windows`, `macos`.")
PLAN_INDEXES = _plan("plan.indexes", tuple[str, ...], "Package indexes that they come from, `whl/cu128`.")
PLAN_GROUPS = _plan("plan.groups", tuple[str, ...], "Dependency groups that are installed together.")
PLAN_ACCELERATOR = _plan("plan.accelerator", str, "What the model is to run on: `cuda`, `rocm`, `npu`.")
PLAN_DTYPE = _plan("plan.dtype", str, "The data type that it is to run in, `bfloat16`.")
PLAN_QUANTIZATION = _plan("plan.quantization", str, "How its weights are quantised, `fp8`, `awq`.")
PLAN_WEIGHTS_ONLY = _plan("plan.weights_only", bool, "Whether only the weights are quantised, not the activations.")
PLAN_MODEL = _plan("plan.model", str, "The model by name, where that is all that is known of it.")
PLAN_ATTENTION = _plan("plan.attention", str, "The attention kernels that are requested, `flash-attn`.")
PLAN_ENGINE_BUILT_WITH = _plan("plan.engine_built_with", Version, "The version that a compiled engine was built with.")
PLAN_ROCM_DRIVER = _plan("plan.rocm_driver", Version, "The ROCm release that the amdgpu kernel driver comes from.")
PLAN_LOADER_PATH = _plan("plan.loader_path", str, "`LD_LIBRARY_PATH`; absent where it is not set.")
PLAN_ENVIRONMENT_MANAGER = _plan("plan.environment_manager", str, "What makes the environment: `conda`, `venv`, `uv`.")
PLAN_EXTENSION_TOOLKIT = _plan("plan.extension_toolkit", Version, "The CUDA toolkit that builds an extension.")
PLAN_SYSTEM_TOOLKIT = _plan("plan.system_toolkit", Version, "The CUDA toolkit of the system, which the loader finds.")

REQUIREMENTS: Key[Requirements] = Key(
    "settings.requirements", Requirements, Area.SETTINGS, "What the settings ask a machine to have at least."
)
POLICY: Key[Policy] = Key(
    "settings.policy", Policy, Area.SETTINGS, "Which accelerators and drivers the settings allow."
)
