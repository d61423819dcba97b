"""ONNX Runtime with faults: put before the real one on PYTHONPATH, it breaks as FAULTY_RUNTIME says.

The variable holds JSON: operator → fault, as in `{"Softmax": "crash"}`, for models that take float32; and `import` →
fault for what happens when it is loaded. Faults: `crash`, `hang`, `wrong`, `slow`, `raise:TEXT`, `stick:TEXT`
(raised ever after), `noise`, `exit`.
`provider` → a name adds an execution provider, which is the CPU under that name.
"""

import ctypes
import importlib
import json
import os
import pathlib
import sys
import time

_FAULTS = json.loads(os.environ.get("FAULTY_RUNTIME", "{}"))


_stuck: list[str] = []


def _break(fault: str) -> None:
    if fault == "crash":
        ctypes.string_at(0)
    elif fault == "hang":
        time.sleep(600)
    elif fault == "exit":
        os._exit(7)
    elif fault == "slow":
        time.sleep(0.05)
    elif fault == "noise":
        os.write(1, b"\xff\xfe no answer\n" * 3 + b'{"end": "never begun", "outcome": "ok"}\n[]\n')
    elif fault.startswith("raise:"):
        raise RuntimeError(fault[6:])
    elif fault.startswith("stick:"):
        _stuck.append(fault[6:])
        raise RuntimeError(fault[6:])


_break(_FAULTS.get("import", ""))
_here = str(pathlib.Path(__file__).parents[1])
sys.path[:] = [path for path in sys.path if path != _here]
del sys.modules["onnxruntime"]
_real = importlib.import_module("onnxruntime")
_Session, _listed = _real.InferenceSession, _real.get_available_providers
_provider = _FAULTS.get("provider")


class _Faulty(_Session):
    def __init__(self, model, options=None, providers=None):
        names = [each if isinstance(each, str) else each[0] for each in providers]
        self.fault, self.renamed = "", _provider if _provider in names else ""
        if self.renamed:
            _break(_FAULTS.get("open", ""))
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "0")
        super().__init__(model, options, providers=["CPUExecutionProvider"])
        if self.get_inputs()[0].type == "tensor(float)":
            self.fault = next((fault for name, fault in _FAULTS.items() if name.encode() in model), "")

    def get_providers(self):
        return [self.renamed] if self.renamed else super().get_providers()

    def run_with_iobinding(self, binding, options=None):
        _break(f"raise:{_stuck[0]}" if _stuck else self.fault)
        super().run_with_iobinding(binding, options)

    def io_binding(self):
        binding = super().io_binding()
        if self.fault == "wrong":
            right = binding.copy_outputs_to_cpu
            binding.copy_outputs_to_cpu = lambda: [each + 1 for each in right()]
        return binding


_real.InferenceSession = _Faulty
_real.get_available_providers = lambda: [*([_provider] if _provider else []), *_listed()]
sys.modules["onnxruntime"] = _real
