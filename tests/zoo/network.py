"""Hubs, services and certificates, on ports of this machine."""

from __future__ import annotations

import json

from zoo.exhibit import Room
from zoo.servers import Answer, answering, certificate, closed_port, listening
from zoo.workshop import Workshop

ROOM = Room()

DOWNLOAD = "from huggingface_hub import hf_hub_download\nhf_hub_download('org/model', 'config.json')\n"
HUB = ("module:huggingface_hub",)
CHAT = """
import openai
client = openai.OpenAI(base_url='http://127.0.0.1:{port}/v1', api_key='sk-zoo', max_retries=0, timeout={timeout})
client.chat.completions.create(model='m', messages=[{{'role': 'user', 'content': 'hi'}}])
"""
OPENAI = ("module:openai",)
TLS = ("program:openssl",)


def refused_by_hub(shop: Workshop, status: int, code: str, message: str) -> str:
    """What the hub's library says when the hub refuses a file."""
    with answering(Answer(status, headers={"X-Error-Code": code, "X-Error-Message": message})) as port:
        return shop.python(DOWNLOAD, env={"HF_ENDPOINT": f"http://127.0.0.1:{port}"})


@ROOM.exhibit("hub-unreachable", needs=HUB, slow=True)
def hub_that_nobody_answers(shop: Workshop) -> str:
    """The hub is a port of this machine at which nobody listens."""
    return shop.python(DOWNLOAD, env={"HF_ENDPOINT": f"http://127.0.0.1:{closed_port()}"})


@ROOM.exhibit("hub-unreachable", "model-not-found", needs=HUB)
def hub_in_offline_mode(shop: Workshop) -> str:
    """Offline mode, and the file is not in the cache."""
    return shop.python(DOWNLOAD, env={"HF_HUB_OFFLINE": "1"})


@ROOM.exhibit("hub-unauthorized", needs=HUB)
def gated_model(shop: Workshop) -> str:
    """A hub that refuses a gated model."""
    return refused_by_hub(shop, 403, "GatedRepo", "Access to model org/model is restricted.")


@ROOM.exhibit("hub-unauthorized", "model-not-found", needs=HUB)
def repository_that_is_private_or_not_there(shop: Workshop) -> str:
    """A hub that answers 401, which it does for private repositories and for none."""
    return refused_by_hub(shop, 401, "RepoNotFound", "Invalid username or password.")


@ROOM.exhibit("shard-missing", "model-not-found", needs=HUB)
def file_that_the_repository_lacks(shop: Workshop) -> str:
    """A hub that has the repository and not the file."""
    return refused_by_hub(shop, 404, "EntryNotFound", "Entry not found")


@ROOM.exhibit("model-not-found", needs=HUB)
def name_that_is_no_repository(shop: Workshop) -> str:
    """A path is given where the name of a repository belongs."""
    return shop.python(
        "from huggingface_hub import hf_hub_download\nhf_hub_download('/data/my/model', 'config.json')\n"
    )


@ROOM.exhibit("tls-failure", needs=(*TLS, "module:requests"))
def unknown_certificate_for_requests(shop: Workshop) -> str:
    """requests and a certificate that signs itself."""
    with answering(Answer(200), tls=certificate(shop)) as port:
        return shop.python(f"import requests\nrequests.get('https://localhost:{port}/v1/models')\n")


@ROOM.exhibit("tls-failure", needs=(*TLS, "module:httpx"))
def unknown_certificate_for_httpx(shop: Workshop) -> str:
    """httpx and a certificate that signs itself."""
    with answering(Answer(200), tls=certificate(shop)) as port:
        return shop.python(f"import httpx\nhttpx.get('https://localhost:{port}/v1/models')\n")


@ROOM.exhibit("tls-failure", needs=TLS)
def certificate_for_another_name(shop: Workshop) -> str:
    """A certificate that is trusted, and made for another name."""
    both = certificate(shop, "other.example")
    code = """
        import ssl, urllib.request
        context = ssl.create_default_context(cafile='cert.pem')
        urllib.request.urlopen('https://localhost:{port}/', context=context)
    """
    with answering(Answer(200), tls=both) as port:
        return shop.python(code.format(port=port))


@ROOM.exhibit("tls-failure", needs=(*TLS, "program:curl"))
def unknown_certificate_for_curl(shop: Workshop) -> str:
    """curl and a certificate that signs itself."""
    with answering(Answer(200), tls=certificate(shop)) as port:
        return shop.run("curl", "-sS", f"https://localhost:{port}/v1/models")


@ROOM.exhibit("tls-failure", needs=TLS)
def unknown_certificate_for_openssl(shop: Workshop) -> str:
    """openssl s_client and a certificate that signs itself."""
    with answering(Answer(200), tls=certificate(shop)) as port:
        return shop.run("openssl", "s_client", "-verify_return_error", "-connect", f"localhost:{port}")


@ROOM.exhibit("tls-failure", needs=(*TLS, "program:git"))
def unknown_certificate_for_git(shop: Workshop) -> str:
    """git and a certificate that signs itself."""
    with answering(Answer(200), tls=certificate(shop)) as port:
        return shop.run("git", "clone", f"https://localhost:{port}/org/model.git")


@ROOM.exhibit("tls-failure", needs=(*TLS, "program:node"))
def unknown_certificate_for_node(shop: Workshop) -> str:
    """Node and a certificate that signs itself."""
    with answering(Answer(200), tls=certificate(shop)) as port:
        return shop.run("node", "-e", f"require('https').get('https://localhost:{port}/')")


@ROOM.exhibit("tls-failure")
def tls_to_a_plain_port(shop: Workshop) -> str:
    """https is spoken to a server of plain http."""
    with answering(Answer(200)) as port:
        return shop.python(f"import urllib.request\nurllib.request.urlopen('https://127.0.0.1:{port}/')\n")


@ROOM.exhibit("tls-failure", needs=TLS)
def protocol_that_is_too_old(shop: Workshop) -> str:
    """A client that speaks TLS 1.1 at most."""
    with answering(Answer(200), tls=certificate(shop)) as port:
        return shop.run("openssl", "s_client", "-tls1_1", "-connect", f"localhost:{port}")


@ROOM.exhibit("tls-failure", needs=("module:requests",))
def bundle_that_is_not_there(shop: Workshop) -> str:
    """The variable that names the list of authorities leads nowhere."""
    environment = {"REQUESTS_CA_BUNDLE": "/etc/ssl/corporate-ca.pem"}
    return shop.python("import requests\nrequests.get('https://localhost:1/')\n", env=environment)


WRONG_KEY = {"error": {"message": "Incorrect API key provided: sk-zoo.", "type": "invalid_request_error"}}


@ROOM.exhibit("auth-failure", needs=OPENAI)
def wrong_key(shop: Workshop) -> str:
    """OpenAI's client and a server that does not know its key."""
    with answering(Answer(401, json.dumps(WRONG_KEY))) as port:
        return shop.python(CHAT.format(port=port, timeout=10))


@ROOM.exhibit("auth-failure", needs=OPENAI, slow=True)
def missing_role(shop: Workshop) -> str:
    """OpenAI's client and a server that answers 403."""
    with answering(Answer(403, '{"error": {"message": "The role `user` may not do that."}}')) as port:
        return shop.python(CHAT.format(port=port, timeout=10))


@ROOM.exhibit("auth-failure", needs=OPENAI, slow=True)
def no_key_at_all(shop: Workshop) -> str:
    """OpenAI's client without a key."""
    return shop.python("import openai\nopenai.OpenAI()\n")


@ROOM.exhibit("auth-failure", needs=("program:curl",))
def wrong_key_for_curl(shop: Workshop) -> str:
    """curl and a server that answers 401."""
    with answering(Answer(401)) as port:
        return shop.run("curl", "-sSf", f"http://127.0.0.1:{port}/v1/models")


@ROOM.exhibit("auth-failure")
def wrong_key_for_urllib(shop: Workshop) -> str:
    """Python's own client and a server that answers 401."""
    with answering(Answer(401)) as port:
        return shop.python(f"import urllib.request\nurllib.request.urlopen('http://127.0.0.1:{port}/v1/models')\n")


@ROOM.exhibit("overload", needs=OPENAI)
def too_many_requests(shop: Workshop) -> str:
    """OpenAI's client and a server that answers 429."""
    with answering(Answer(429, '{"error": {"message": "Rate limit reached for requests"}}')) as port:
        return shop.python(CHAT.format(port=port, timeout=10))


@ROOM.exhibit("overload", needs=OPENAI, slow=True)
def queue_is_full(shop: Workshop) -> str:
    """OpenAI's client and a server that answers 503."""
    with answering(Answer(503, '{"error": {"message": "The queue of the model is full"}}')) as port:
        return shop.python(CHAT.format(port=port, timeout=10))


@ROOM.exhibit("overload", needs=OPENAI, slow=True)
def answer_that_does_not_come(shop: Workshop) -> str:
    """OpenAI's client and a server that takes the request and never answers."""
    with listening() as port:
        return shop.python(CHAT.format(port=port, timeout=0.3))
