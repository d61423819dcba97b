"""OpenAI's Responses interface, without state: `/v1/responses`."""
