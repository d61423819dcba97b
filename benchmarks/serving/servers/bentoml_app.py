"""BentoML's service, with its adaptive batches where the run asks for more than one row a batch."""

import os

import bentoml
import numpy as np
import same_model

BATCHES = (
    {"batchable": True, "max_batch_size": same_model.MAX_BATCH, "max_latency_ms": 60_000}
    if same_model.MAX_BATCH > 1
    else {}
)
LIMIT = {"max_concurrency": int(os.environ["BENCH_MAX_QUEUE"])} if "BENCH_MAX_QUEUE" in os.environ else {}


@bentoml.service(workers=same_model.COPIES, traffic={"timeout": 60, **LIMIT}, logging={"access": {"enabled": False}})
class Bench:
    """The model behind one method."""

    def __init__(self) -> None:
        self.model = same_model.load()

    if same_model.MODEL == "minilm":

        @bentoml.api(**BATCHES)
        def predict(self, text: list[str]) -> np.ndarray:
            """Embeddings."""
            return self.model.run(text)

    else:

        @bentoml.api(**BATCHES)
        def predict(self, input: np.ndarray) -> np.ndarray:  # noqa: A002 - the request's field
            """Probabilities."""
            return self.model.run(input)
