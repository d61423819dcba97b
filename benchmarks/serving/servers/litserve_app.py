"""LitServe's server."""

import os

import litserve
import same_model


class Api(litserve.LitAPI):
    """The model behind LitServe's steps."""

    def setup(self, device):
        """Load in the worker."""
        self.model = same_model.load()

    def decode_request(self, request):
        """One request's row or text."""
        return request[same_model.FIELD]

    def batch(self, inputs):
        """As the model takes them."""
        return list(inputs)

    def predict(self, inputs):
        """Run; without batches LitServe gives one input alone."""
        return self.model.run(inputs if isinstance(inputs, list) and same_model.MAX_BATCH > 1 else [inputs])

    def unbatch(self, output):
        """One answer a request."""
        return list(output)

    def encode_response(self, output):
        """As JSON."""
        return {"output": (output[0] if output.ndim == 2 else output).tolist()}


if __name__ == "__main__":
    api = Api(max_batch_size=same_model.MAX_BATCH, batch_timeout=same_model.DELAY_MS / 1000)
    server = litserve.LitServer(
        api, accelerator="cpu", devices=1, workers_per_device=same_model.COPIES, timeout=60, fast_queue=True
    )
    server.run(
        host="127.0.0.1",
        port=same_model.PORT,
        num_api_servers=int(os.environ.get("BENCH_API_SERVERS", "1")),
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
