"""A runtime for MLServer, which joins the requests of a batch along the first axis."""

import asyncio
import os

import same_model
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

IN_THREAD = os.environ.get("BENCH_IN_THREAD", "0") == "1"
"""Whether the model runs beside the event loop, which pays for models that take long."""


class Runtime(MLModel):
    """The model behind the Open Inference Protocol."""

    async def load(self) -> bool:
        """Load."""
        self.model = same_model.load()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """One batch."""
        given = payload.inputs[0]
        rows = StringCodec.decode_input(given) if same_model.MODEL == "minilm" else NumpyCodec.decode_input(given)
        if IN_THREAD:
            output = await asyncio.get_running_loop().run_in_executor(None, self.model.run, rows)
        else:
            output = self.model.run(rows)
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("output", output)])
