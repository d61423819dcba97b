"""The link to upstreams, in this process: retries, the choice among several, breakers, counts, cancellation."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from airworthy.core.model import ModelInfo
from airworthy.core.settings.upstreams import UpstreamSettings
from airworthy.engines.generation import Finished, GenerationRequest, Sampling, TextDelta
from airworthy.engines.interface import RunnerOptions
from airworthy.serve.workers.upstreams import http_client
from airworthy.serve.workers.upstreams import link as link_module
from airworthy.serve.workers.upstreams.link import UpstreamLink, UpstreamNotReady
from airworthy.serve.workers.wire import Chunk, Generate, Load, RunFailure, Tokenize, Tokens
from fakes.upstream import BODIES, FaultyUpstream, answer, error

LOAD = Load("upstream", ModelInfo(name="m", path="", format="upstream", entry=""), RunnerOptions())
HELLO = GenerationRequest(messages=({"role": "user", "content": "hello there"},))


class _Counters:
    def __init__(self) -> None:
        self.tries: list[tuple[str, str]] = []
        self.retries = 0
        self.sources: list[str] = []

    def tried(self, model: str, upstream: str, result: str) -> None:
        self.tries.append((upstream, result))

    def retried(self, model: str) -> None:
        self.retries += 1

    def counted(self, model: str, upstream: str, source: str) -> None:
        self.sources.append(source)

    def watch(self, *about: Any) -> None:
        pass


class _Linked:
    """A link with what came back."""

    def __init__(self, *settings: UpstreamSettings) -> None:
        self.counters = _Counters()
        self.replies: dict[int, list[Any]] = {}
        self._news = asyncio.Event()
        self.link = UpstreamLink(settings, self.counters, self._take, lambda end: None)
        self._number = 0

    def _take(self, message: Any, data: memoryview) -> None:
        self.replies.setdefault(message.id, []).append(message)
        self._news.set()

    def begin(self, request: GenerationRequest = HELLO, budget: float = 20.0, tenant: str = "") -> int:
        self._number += 1
        self.link.send(Generate(self._number, request, budget, tenant), ())
        return self._number

    async def until(self, number: int, is_it: Callable[[Any], bool]) -> Any:
        while True:
            found = next((each for each in self.replies.get(number, []) if is_it(each)), None)
            if found is not None:
                return found
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), 10)

    async def end(self, number: int) -> Finished | RunFailure:
        reply = await self.until(number, lambda each: isinstance(each, RunFailure) or _finished(each) is not None)
        return reply if isinstance(reply, RunFailure) else _finished(reply)  # type: ignore[return-value]

    async def ask(self, request: GenerationRequest = HELLO, budget: float = 20.0) -> Finished | RunFailure:
        return await self.end(self.begin(request, budget))

    def text(self, number: int) -> str:
        events = [event for each in self.replies[number] if isinstance(each, Chunk) for event in each.events]
        return "".join(event.text for event in events if isinstance(event, TextDelta))


def _finished(message: Any) -> Finished | None:
    events = message.events if isinstance(message, Chunk) else ()
    return next((event for event in events if isinstance(event, Finished)), None)


def _run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 60))


async def _until_false(condition: Callable[[], bool]) -> None:
    while condition():  # noqa: ASYNC110 - what is awaited happens in another task or at a socket
        await asyncio.sleep(0.01)


def _to(server: FaultyUpstream, model: str, **more: Any) -> UpstreamSettings:
    return UpstreamSettings(name="m", url=server.url, model=model, **more)


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "BACKOFF_S", 0.0)


@pytest.mark.parametrize("model", ["status-429", "status-502", "status-503", "nothing", "hang"])
def test_another_upstream_takes_what_one_could_not_begin(model: str) -> None:
    async def test() -> None:
        server = await FaultyUpstream().start()
        linked = _Linked(_to(server, model, first_chunk_timeout=0.3), _to(server, "ok", priority=1))
        await linked.link.start(LOAD, 5)
        number = linked.begin()
        assert await linked.end(number) == Finished("stop", 7, 2)
        assert linked.text(number) == "fit to fly"
        assert (len(server.of(model)), len(server.of("ok")), linked.counters.retries) == (1, 1, 1)
        await linked.link.stop(1)
        await server.stop()

    _run(test)


@pytest.mark.parametrize(
    "model", ["status-400", "status-401", "status-413", "status-422", "status-500", "cut", "context"]
)
def test_what_must_not_be_tried_again_is_not(model: str) -> None:
    async def test() -> None:
        server = await FaultyUpstream().start()
        linked = _Linked(_to(server, model), _to(server, "ok", priority=1))
        await linked.link.start(LOAD, 5)
        assert isinstance(await linked.ask(), RunFailure)
        assert (len(server.of(model)), len(server.of("ok")), linked.counters.retries) == (1, 0, 0)
        await linked.link.stop(1)
        await server.stop()

    _run(test)


def test_one_that_refuses_connections_is_gone_round() -> None:
    async def test() -> None:
        one, other = await FaultyUpstream("ok").start(), await FaultyUpstream("ok").start()
        linked = _Linked(_to(one, "ok"), _to(other, "ok", priority=1))
        await linked.link.start(LOAD, 5)
        await one.stop()
        assert [await linked.ask() for _ in range(5)] == [Finished("stop", 7, 2)] * 5
        assert linked.counters.tries.count((one.url, "upstream-failed")) == 3, "then its breaker is open"
        (state, _) = linked.link.describe()
        assert (state["state"], state["reason"].startswith("no connection")) == ("open", True)
        assert linked.link.is_available
        await other.stop()
        await linked.link.stop(1)

    _run(test)


def test_a_single_upstream_fails_fast_and_is_probed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airworthy.serve.workers.upstreams.breaker.FIRST_OPEN_S", 0.2)

    async def test() -> None:
        server = await FaultyUpstream("m").start()
        server.bodies["m"] = BODIES["status-500"]
        linked = _Linked(_to(server, "m"))
        await linked.link.start(LOAD, 5)
        for _ in range(3):
            await linked.ask()
        assert not linked.link.is_available
        failed = await linked.ask()
        assert isinstance(failed, RunFailure)
        assert (failed.code, failed.params["retry_after"], len(server.of("m"))) == ("upstream-unavailable", 1.0, 3)
        await _until_false(lambda: not linked.link.is_available)
        del server.bodies["m"]  # it hangs
        probe = linked.begin()
        await _until_false(lambda: len(server.of("m")) < 4)
        assert linked.link.describe()[0]["state"] == "half-open"
        beside = await linked.ask()
        assert isinstance(beside, RunFailure)
        assert (beside.code, len(server.of("m"))) == ("upstream-unavailable", 4)
        linked.link.cancel(probe)
        await linked.end(probe)
        server.bodies["m"] = BODIES["ok"]
        assert await linked.ask() == Finished("stop", 7, 2)
        assert linked.link.describe()[0]["state"] == "closed"
        await linked.link.stop(1)
        await server.stop()

    _run(test)


def test_retries_have_a_budget() -> None:
    async def test() -> None:
        server = await FaultyUpstream("m", "n").start()
        server.bodies.update(m=BODIES["status-429"].replace(b"Retry-After: 7", b"Retry-After: 0"), n=BODIES["ok"])
        linked = _Linked(*(_to(server, "m", retries=5, weight=each) for each in (1, 2)))
        linked.link._budget._saved = 2.0
        await linked.link.start(LOAD, 5)
        for upstream in linked.link._upstreams:
            upstream.breaker.pause = lambda now, seconds: None  # type: ignore[method-assign]
        assert isinstance(await linked.ask(), RunFailure)
        assert (len(server.of("m")), linked.counters.retries) == (3, 2)
        assert isinstance(await linked.ask(), RunFailure)
        assert len(server.of("m")) == 4
        await linked.link.stop(1)
        await server.stop()

    _run(test)


def test_weights_share_the_requests() -> None:
    async def test() -> None:
        one, other = await FaultyUpstream("ok").start(), await FaultyUpstream("ok").start()
        linked = _Linked(_to(one, "ok", weight=3), _to(other, "ok"))
        await linked.link.start(LOAD, 5)
        for _ in range(8):
            await linked.ask()
        assert (len(one.of("ok")), len(other.of("ok"))) == (6, 2)
        await linked.link.stop(1)
        await one.stop()
        await other.stop()

    _run(test)


def test_slots_of_an_upstream_are_a_bound() -> None:
    async def test() -> None:
        server = await FaultyUpstream("hang-mid-stream").start()
        linked = _Linked(_to(server, "hang-mid-stream", slots=2))
        ready = await linked.link.start(LOAD, 5)
        assert ready.generator is not None
        assert (ready.generator.slots, ready.generator.context) == (2, 8192)
        numbers = [linked.begin() for _ in range(3)]
        for number in numbers[:2]:
            await linked.until(number, lambda each: isinstance(each, Chunk))
        assert len(server.requests) == 2
        linked.link.cancel(numbers[0])
        assert await linked.end(numbers[0]) == Finished("cancelled", 4, 1)
        await linked.until(numbers[2], lambda each: isinstance(each, Chunk))
        for number in numbers[1:]:
            linked.link.cancel(number)
            await linked.end(number)
        await _until_false(lambda: server.gone < 3)
        await linked.link.stop(1)
        await server.stop()

    _run(test)


def test_a_request_cancelled_before_it_began_is_answered() -> None:
    async def test() -> None:
        server = await FaultyUpstream("ok").start()
        linked = _Linked(_to(server, "ok"))
        await linked.link.start(LOAD, 5)
        number = linked.begin()
        linked.link.cancel(number)
        assert await linked.end(number) == Finished("cancelled", 0, 0)
        assert server.requests == []
        await linked.link.stop(1)
        await server.stop()

    _run(test)


def test_a_comment_moves_only_the_clock_between_pieces() -> None:
    async def test() -> None:
        server = await FaultyUpstream("pings", "drip").start()
        first = _Linked(_to(server, "pings", first_chunk_timeout=0.3, chunk_timeout=10, retries=0))
        await first.link.start(LOAD, 5)
        failed = await first.ask()
        assert isinstance(failed, RunFailure)
        assert failed.code == "upstream-timeout"
        # 24 comments, 0.05 s apart, take longer than this clock's limit.
        between = _Linked(_to(server, "drip", chunk_timeout=0.8))
        await between.link.start(LOAD, 5)
        assert await between.ask() == Finished("stop", 7, 2)
        for each in (first, between):
            await each.link.stop(1)
        await server.stop()

    _run(test)


def test_tokens_are_counted_by_the_server_where_it_reports_none() -> None:
    async def test() -> None:
        server = await FaultyUpstream("no-usage", owner="vllm", max_model_len=4096).start()
        linked = _Linked(_to(server, "no-usage"))
        ready = await linked.link.start(LOAD, 5)
        assert ready.generator is not None
        assert (ready.generator.context, ready.generator.logprobs) == (4096, 20)
        assert await linked.ask() == Finished("stop", 42, 2)
        assert linked.counters.sources == ["counted"]
        linked.link.send(Tokenize(99, request=HELLO), ())
        assert await linked.until(99, lambda each: True) == Tokens(99, 42)
        linked.link.send(Tokenize(100, "text"), ())
        assert (await linked.until(100, lambda each: True)).code == "invalid-generation"
        await linked.link.stop(1)
        await server.stop()

    _run(test)


def test_each_tenant_has_a_salt_of_its_own() -> None:
    async def test() -> None:
        server = await FaultyUpstream("ok", owner="sglang").start()
        linked = _Linked(_to(server, "ok"))
        await linked.link.start(LOAD, 5)
        for tenant in ("a", "b", "a"):
            await linked.end(linked.begin(tenant=tenant))
        salts = [body["cache_salt"] for body in server.of("ok")]
        assert salts[0] == salts[2] != salts[1]
        await linked.link.stop(1)
        await server.stop()

    _run(test)


def test_a_field_goes_to_an_upstream_that_takes_it_or_is_refused() -> None:
    async def test() -> None:
        server = await FaultyUpstream("ok").start()
        biased = GenerationRequest(messages=HELLO.messages, sampling=Sampling(logit_bias={"1": 1.0}))
        both = _Linked(_to(server, "ok", kind="ollama"), _to(server, "ok", kind="vllm", priority=1))
        await both.link.start(LOAD, 5)
        assert await both.ask(biased) == Finished("stop", 7, 2)
        assert server.of("ok")[-1]["logit_bias"] == {"1": 1.0}
        alone = _Linked(_to(server, "ok", kind="ollama"))
        await alone.link.start(LOAD, 5)
        failed = await alone.ask(biased)
        assert isinstance(failed, RunFailure)
        assert failed.code == "invalid-generation"
        assert failed.params["detail"].startswith("`logit_bias`")
        for each in (both, alone):
            await each.link.stop(1)
        await server.stop()

    _run(test)


def test_it_waits_for_a_server_that_is_starting_and_for_no_other(tmp_path: Path) -> None:
    async def test() -> None:
        server = await FaultyUpstream("ok").start()
        port = server.port
        with pytest.raises(UpstreamNotReady, match="it serves no 'other'"):
            await _Linked(_to(server, "other")).link.start(LOAD, 60)
        with pytest.raises(UpstreamNotReady, match="can't be read"):
            await _Linked(_to(server, "ok", key=str(tmp_path / "none"))).link.start(LOAD, 60)
        await server.stop()
        with pytest.raises(UpstreamNotReady, match="no connection"):
            await _Linked(_to(server, "ok")).link.start(LOAD, 0.5)
        late = _Linked(_to(server, "ok"))
        starting = asyncio.ensure_future(late.link.start(LOAD, 20))
        await _until_false(lambda: not late.link._upstreams or "no connection" not in late.link._upstreams[0].problem)
        assert not late.link.is_available
        await server.start(port)
        assert (await starting).generator is not None
        await late.link.stop(1)
        await server.stop()

    _run(test)


def test_a_model_that_an_upstream_unloads_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "CHECK_INTERVAL_S", 0.02)

    async def test() -> None:
        server = await FaultyUpstream("ok").start()
        linked = _Linked(_to(server, "ok"))
        await linked.link.start(LOAD, 5)
        server.models[:] = ["another"]
        await _until_false(lambda: linked.link.is_available)
        assert linked.link.describe()[0]["state"] == "absent"
        failed = await linked.ask()
        assert isinstance(failed, RunFailure)
        assert failed.code == "upstream-unavailable"
        server.models[:] = ["ok"]
        await _until_false(lambda: not linked.link.is_available)
        assert await linked.ask() == Finished("stop", 7, 2)
        await linked.link.stop(1)
        await server.stop()

    _run(test)


def test_a_busy_answer_is_retried_within_the_deadline_alone() -> None:
    async def test() -> None:
        server = await FaultyUpstream("m").start()
        server.bodies["m"] = answer("503 Service Unavailable", error("loading"))
        linked = _Linked(_to(server, "m", retries=5))
        await linked.link.start(LOAD, 5)
        assert isinstance(await linked.ask(budget=0.0), RunFailure)
        assert len(server.of("m")) == 0, "its time was over before"
        await linked.link.stop(1)
        await server.stop()

    _run(test)


def test_tls_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = _server_tls(tmp_path)

    async def test() -> None:
        server = FaultyUpstream("ok")
        listening = await asyncio.start_server(server._serve, "127.0.0.1", 0, ssl=context)
        port = listening.sockets[0].getsockname()[1]
        settings = UpstreamSettings(name="m", url=f"https://127.0.0.1:{port}", model="ok")
        with pytest.raises(UpstreamNotReady, match="TLS"):
            await _Linked(settings).link.start(LOAD, 0.1)
        trusting = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
        monkeypatch.setattr(http_client, "_tls", lambda: trusting)
        linked = _Linked(settings)
        await linked.link.start(LOAD, 5)
        assert await linked.ask() == Finished("stop", 7, 2)
        await linked.link.stop(1)
        listening.close()

    _run(test)


def _server_tls(folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate for 127.0.0.1 that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(timezone.utc)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "server.key").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context


def test_a_link_that_is_ended_fails_what_its_clients_wait_for() -> None:
    async def test() -> None:
        server = await FaultyUpstream().start()
        linked = _Linked(_to(server, "hang-mid-stream"))
        await linked.link.start(LOAD, 5)
        wanted, unwanted = linked.begin(), linked.begin()
        for number in (wanted, unwanted):
            await linked.until(number, lambda each: isinstance(each, Chunk) and bool(each.events))
        linked.link.cancel(unwanted)
        linked.link.kill()
        failed, cancelled = await linked.end(wanted), await linked.end(unwanted)
        assert isinstance(failed, RunFailure)
        assert failed.code == "upstream-unavailable"
        assert isinstance(cancelled, Finished)
        assert cancelled.reason == "cancelled"
        await linked.link.stop(1)
        await server.stop()

    _run(test)


@pytest.mark.parametrize("status", ["200 OK", "500 Internal Server Error"])
def test_bytes_that_are_no_utf_8_are_an_answer_of_no_server(status: str) -> None:
    async def test() -> None:
        server = await FaultyUpstream("m").start()
        server.bodies["m"] = answer(status, '{"error": {"message": "\u5185\u5b58\u4e0d\u8db3"}}'.encode("gbk"))
        linked = _Linked(_to(server, "m"))
        await linked.link.start(LOAD, 5)
        failed = await linked.ask()
        assert isinstance(failed, RunFailure)
        assert failed.code == "upstream-failed"
        await linked.link.stop(1)
        await server.stop()

    _run(test)


def test_a_key_in_the_place_of_its_file_is_not_repeated() -> None:
    async def test() -> None:
        server = await FaultyUpstream("m").start()
        linked = _Linked(_to(server, "m", key="sk-verysecret"))
        with pytest.raises(UpstreamNotReady) as caught:
            await linked.link.start(LOAD, 5)
        assert "sk-verysecret" not in caught.value.text
        assert server.url in caught.value.text
        await server.stop()

    _run(test)
