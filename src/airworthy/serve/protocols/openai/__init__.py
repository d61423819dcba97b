"""OpenAI's interface: models, embeddings, and reranking in its neighbours' shape."""
