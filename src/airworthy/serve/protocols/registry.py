"""The list of protocols, in the order in which their paths are added to the table.

Other packages can't join: their entry points would be looked for while the first model loads, and a protocol decides
which role each route requires.
"""

from __future__ import annotations

from airworthy.core.registry import Registry
from airworthy.serve.protocols.interface import MakeProtocol

PROTOCOLS: Registry[MakeProtocol] = Registry(
    "protocol",
    {
        "service": "airworthy.serve.protocols.service.protocol:ServicePages",
        "open-inference": "airworthy.serve.protocols.open_inference.protocol:OpenInferenceProtocol",
        "openai": "airworthy.serve.protocols.openai.protocol:OpenAIProtocol",
        "responses": "airworthy.serve.protocols.responses.protocol:ResponsesProtocol",
        "ollama": "airworthy.serve.protocols.ollama.protocol:OllamaProtocol",
        "anthropic": "airworthy.serve.protocols.anthropic.protocol:AnthropicProtocol",
        "tei": "airworthy.serve.protocols.tei.protocol:TeiProtocol",
        "plain": "airworthy.serve.protocols.plain.protocol:PlainProtocol",
    },
)
"""All protocols by name."""
