"""What blog posts tell: FastAPI, a plain function as the endpoint, ONNX Runtime, no batches.

No `from __future__ import annotations` here: FastAPI reads the annotations of a class made in a branch.
"""

import same_model
from fastapi import FastAPI
from pydantic import BaseModel

model = same_model.load()
app = FastAPI()

if same_model.MODEL == "minilm":

    class Request(BaseModel):
        """A text."""

        text: str

    @app.post("/predict")
    def predict(request: Request):
        """Its embedding."""
        return {"output": model.run([request.text])[0].tolist()}

else:

    class Request(BaseModel):
        """A row."""

        input: list[float]

    @app.post("/predict")
    def predict(request: Request):
        """Its probabilities."""
        return {"output": model.run([request.input])[0].tolist()}
