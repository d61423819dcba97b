"""What programs print when nothing is wrong; no cause may be recognised in it."""

HEALTHY = {
    "pip": """
Looking in indexes: https://download.pytorch.org/whl/cu128
Collecting torch==2.8.0
  Downloading https://download.pytorch.org/whl/cu128/torch-2.8.0%2Bcu128-cp311-cp311-manylinux_2_28_x86_64.whl (889.0 MB)
     ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 889.0/889.0 MB 3.5 MB/s eta 0:00:00
Collecting nvidia-cuda-runtime-cu12==12.8.90 (from torch==2.8.0)
  Using cached nvidia_cuda_runtime_cu12-12.8.90-py3-none-manylinux2014_x86_64.whl.metadata (1.7 kB)
Requirement already satisfied: numpy<3,>=1.26 in /opt/venv/lib/python3.11/site-packages (2.1.3)
Installing collected packages: nvidia-cublas-cu12, nvidia-cudnn-cu12, nvidia-nccl-cu12, torch
Successfully installed nvidia-cublas-cu12-12.8.4.1 nvidia-cudnn-cu12-9.10.2.21 nvidia-nccl-cu12-2.27.3 torch-2.8.0
WARNING: Running pip as the 'root' user can result in broken permissions and conflicting behaviour with the system package manager.
[notice] A new release of pip is available: 24.0 -> 25.2
""",
    "uvicorn": """
INFO:     Started server process [1]
INFO:     Waiting for application startup.
INFO:     Application startup complete.
INFO:     Uvicorn running on http://0.0.0.0:8000 (Press CTRL+C to quit)
INFO:     10.0.0.7:51234 - "POST /v1/chat/completions HTTP/1.1" 200 OK
INFO:     10.0.0.7:51236 - "GET /health HTTP/1.1" 200 OK
INFO:     Shutting down
INFO:     Finished server process [1]
""",
    "vllm": """
INFO 11-20 09:01:02 [__init__.py:216] Automatically detected platform cuda.
INFO 11-20 09:01:07 [api_server.py:1896] vLLM API server version 0.10.2
INFO 11-20 09:01:14 [model.py:742] Resolved architecture: Qwen2ForCausalLM
WARNING 11-20 09:01:14 [model.py:1774] Casting torch.bfloat16 to torch.float16.
INFO 11-20 09:01:30 [cuda.py:351] Using Flash Attention backend on V1 engine.
Loading safetensors checkpoint shards: 100% Completed | 4/4 [00:02<00:00,  1.61it/s]
INFO 11-20 09:01:34 [gpu_model_runner.py:2653] Model loading took 14.2488 GiB and 3.11 seconds
INFO 11-20 09:01:52 [gpu_worker.py:298] Available KV cache memory: 20.41 GiB
INFO 11-20 09:01:53 [kv_cache_utils.py:868] GPU KV cache size: 382,144 tokens
Capturing CUDA graphs (mixed prefill-decode, PIECEWISE): 100%|██████████| 67/67 [00:03<00:00, 18.91it/s]
INFO 11-20 09:01:58 [core.py:218] init engine (profile, create kv cache, warmup model) took 23.79 seconds
INFO:     Application startup complete.
""",
    "torch": """
/opt/venv/lib/python3.11/site-packages/torch/nn/modules/transformer.py:385: UserWarning: enable_nested_tensor is True, but self.use_nested_tensor is False
  warnings.warn(
/opt/venv/lib/python3.11/site-packages/torch/utils/data/dataloader.py:668: UserWarning: 'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used.
FutureWarning: You are using `torch.load` with `weights_only=False` (the current default value), which uses the default pickle module implicitly.
torch: 2.8.0+cpu
torch CUDA runtime: None
/opt/venv/lib/python3.11/importlib/_bootstrap.py:241: RuntimeWarning: numpy.ufunc size changed, may indicate binary incompatibility. Expected 216 from C header, got 232 from PyObject
""",
    "progress": "\r".join(
        f"model.safetensors:  {n}%|{'#' * (n // 10)}| {n}M/100M [00:0{n % 9}<00:01, 79MB/s]" for n in range(0, 101, 5)
    )
    + "\nDownload complete: 100M\n",
    "nvidia_smi": """
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 570.124.06             Driver Version: 570.124.06     CUDA Version: 12.8     |
|-----------------------------------------+------------------------+----------------------+
|   0  NVIDIA H200                    On  |   00000000:19:00.0 Off |                    0 |
| N/A   31C    P0             76W /  700W |       1MiB / 143771MiB |      0%      Default |
""",
    "onnxruntime": """
2026-11-20 09:00:00.123 [W:onnxruntime:, session_state.cc:1280 VerifyEachNodeIsAssignedToAnEp] Some nodes were not assigned to the preferred execution providers which may or may not have an negative impact on performance.
Available providers: ['AzureExecutionProvider', 'CPUExecutionProvider']
2026-11-20 09:00:00.500 [I:onnxruntime:, inference_session.cc:2137 Initialize] Session successfully initialized.
""",
    "kubectl": """
Conditions:
  Type             Status  LastHeartbeatTime                 Reason                       Message
  MemoryPressure   False   Fri, 20 Nov 2026 09:00:00 +0000   KubeletHasSufficientMemory   kubelet has sufficient memory available
  DiskPressure     False   Fri, 20 Nov 2026 09:00:00 +0000   KubeletHasNoDiskPressure     kubelet has no disk pressure
  Ready            True    Fri, 20 Nov 2026 09:00:00 +0000   KubeletReady                 kubelet is posting ready status
""",
    "llama_cpp": """
llama_model_loader: loaded meta data with 26 key-value pairs and 291 tensors from /m/model.gguf (version GGUF V3 (latest))
print_info: file format = GGUF V3 (latest)
load_tensors: offloaded 33/33 layers to GPU
llama_context: n_ctx_per_seq (4096) < n_ctx_train (131072) -- the full capacity of the model will not be utilized
main: server is listening on http://127.0.0.1:8080 - starting the main loop
""",
}
