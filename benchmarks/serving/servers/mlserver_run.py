"""Writes MLServer's settings into a scratch folder and becomes MLServer there."""

import json
import os
import sys
from pathlib import Path

model = os.environ["BENCH_MODEL"]
folder = Path(os.environ["BENCH_SCRATCH"]) / f"mlserver-{model}"
folder.mkdir(parents=True, exist_ok=True)
port = int(os.environ["BENCH_PORT"])
settings = {
    "debug": False,
    "host": "127.0.0.1",
    "http_port": port,
    "grpc_port": port + 1,
    "metrics_port": port + 2,
    "metrics_dir": str(folder / ".metrics"),
    "parallel_workers": 0,
    "gzip_enabled": False,
}
model_settings = {
    "name": model,
    "implementation": "mlserver_runtime.Runtime",
    "max_batch_size": int(os.environ.get("BENCH_MAX_BATCH", "32")),
    "max_batch_time": float(os.environ.get("BENCH_DELAY_MS", "2")) / 1000,
}
logging = {"version": 1, "disable_existing_loggers": False, "root": {"level": "WARNING"}}
for name, content in (("settings", settings), ("model-settings", model_settings), ("logging", logging)):
    (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
os.environ["PYTHONPATH"] = str(Path(__file__).parent)
os.chdir(folder)
program = Path(sys.executable).with_name("mlserver")
os.execv(program, [str(program), "start", str(folder)])
