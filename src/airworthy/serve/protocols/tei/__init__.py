"""The dialect of text-embeddings-inference: `/embed` and `/predict`."""
