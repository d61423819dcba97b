"""A deployment of Ray Serve, as its documentation's batches and its flags for throughput make it."""

import json
import logging
import os
import signal
import sys

import ray
import same_model
from ray import serve
from ray.serve.schema import LoggingConfig
from starlette.responses import Response

logging.getLogger("ray.serve").setLevel(logging.WARNING)


@serve.deployment(
    num_replicas=same_model.COPIES,
    max_ongoing_requests=int(os.environ.get("BENCH_ONGOING", "256")),
    max_queued_requests=int(os.environ.get("BENCH_MAX_QUEUE", "-1")),
    ray_actor_options={"num_cpus": 1},
    logging_config=LoggingConfig(log_level="WARNING", enable_access_log=False),
)
class Bench:
    """The model behind one replica or more."""

    def __init__(self) -> None:
        self.model = same_model.load()

    @serve.batch(max_batch_size=same_model.MAX_BATCH, batch_wait_timeout_s=same_model.DELAY_MS / 1000)
    async def batched(self, items):
        """One batch."""
        return list(self.model.run(items))

    async def __call__(self, request):
        """One request."""
        output = await self.batched(json.loads(await request.body())[same_model.FIELD])
        return Response(json.dumps({"output": output.tolist()}), media_type="application/json")


if __name__ == "__main__":
    ray.init(
        num_cpus=max(2, same_model.COPIES),
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=200 * 1024 * 1024,
        _temp_dir=os.environ["BENCH_SCRATCH"] + "/ray",
    )
    serve.start(http_options={"host": "127.0.0.1", "port": same_model.PORT})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    serve.run(Bench.bind(), name="bench", route_prefix="/predict", blocking=True)
