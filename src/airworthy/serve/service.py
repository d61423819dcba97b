"""The whole service of one process: models, gateway, HTTP server, signals, drain."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Optional, Protocol

import msgspec

from airworthy.core.errors import AirworthyError, Exit
from airworthy.core.model import ModelInfo
from airworthy.core.settings import ServeSettings, Settings
from airworthy.core.settings.upstreams import UpstreamSettings
from airworthy.engines.interface import RunnerOptions
from airworthy.serve.access.admin_key import AdminKey
from airworthy.serve.http.memory import tune_gc
from airworthy.serve.metrics.log_stream import log_to_stderr
from airworthy.serve.models.version import VERSION
from airworthy.serve.scheduling.tuner import Profile
from airworthy.serve.workers.link import STOP
from airworthy.serve.workers.supervisor import MakeLink

_HEAD_START = 0.002
"""Seconds for workers to be started and to receive what to load."""
BACKLOG = 65535
"""Connections that the kernel holds until they are accepted; it takes its own bound where that is lower."""


class CannotListen(AirworthyError):
    """The address can't be listened on."""

    code = "cannot-listen"
    message = "cannot listen on {host}:{port}: {reason}"
    hint = "{way_out}"
    exit = Exit.FINDINGS


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One model to serve: the model, and what runs it."""

    model: ModelInfo
    """The model; its name is the one it is served under."""
    engine: str
    """The engine's name in the registry."""
    options: RunnerOptions = RunnerOptions()
    """How its runners run."""
    profile: Optional[Profile] = None
    """How it runs best here, where that was found before."""
    generates: bool = False
    """Whether it generates text, rather than taking batches."""
    notes: tuple[str, ...] = ()
    """Further lines about it for its owner, `memory …`."""
    upstreams: tuple[UpstreamSettings, ...] = ()
    """The servers that run it; none where it runs here."""
    profile_key: str = ""
    """What a profile that a search finds is kept under; empty for no search."""
    version: str = ""
    """The version of its release; empty where it is of none."""


class ReleaseService(Protocol):
    """What a service needs to serve releases."""

    @property
    def settings(self) -> Settings:
        """Those of releases."""

    @property
    def names(self) -> Sequence[str]:
        """The names that follow what is promoted."""

    def announced(self, url: str) -> contextlib.AbstractContextManager[str]:
        """Let others know of the service for the length of a block; gives its name for this run."""

    def source(self, service: str) -> Any:
        """What is decided, a `serve.models.releases.manager.RolloutSource`."""

    def plan(self, name: str, version: int) -> tuple[Plan, bool, str]:
        """The plan of a version; whether memory has room for it beside another, and why. Blocking."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        CannotListen: the port is taken, forbidden, or the address is not here.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sock = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise CannotListen(host=host, port=port, reason=error.strerror or str(error), way_out=_way_out(error)) from None
    sock.setblocking(False)
    return sock


def _way_out(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "stop what holds the port, or take another with --port; `airworthy explain port-in-use` says how"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "take a port from 1024 up with --port"
    return "take an address of this host with --host, or 0.0.0.0 for all"


class InferenceService:
    """Serves models until it is asked to stop."""

    def __init__(
        self,
        plans: Sequence[Plan],
        settings: ServeSettings,
        on_ready: Callable[[InferenceService], None] | None = None,
        make_link: MakeLink | None = None,
        keep: Callable[[str, Profile], None] | None = None,
        trial_store: Any = None,
        releases: ReleaseService | None = None,
    ) -> None:
        """Plan it.

        Args:
            plans: the models.
            settings: how it runs.
            on_ready: called when all models are loaded.
            make_link: how workers are reached; as processes of this machine by default.
            keep: keeps what a search found under a plan's key; called from a thread of its own.
            trial_store: keeps what trial runs found of rows, a `serve.models.joining.TrialStore`.
            releases: what is needed to serve releases; None where none is served.
        """
        self._releases = releases
        self._keep = keep
        self._trial_store = trial_store
        self.plans = plans
        self.settings = settings
        self._admin_key = AdminKey(settings)
        self._on_ready = on_ready
        self._make_link = make_link
        self._failure: AirworthyError | None = None
        self._generation_metrics: Any = None
        self._upstream_metrics: Any = None
        self._server: Any = None
        self._stop_asked = False
        self._is_loaded = asyncio.Event()
        self._draining: asyncio.Task[None] | None = None
        self._grace = STOP
        self.address: tuple[str, int] = (settings.host, settings.port)
        """Where it listens; the port is the real one once it does."""
        self.grpc_port: int | None = None
        """Where the gRPC interface listens, once it does; None where it is off."""
        self.failed: Plan | None = None
        """The model that did not load; None while none has failed."""
        self.words = ""
        """The last lines that the workers of that model printed."""
        self.load_seconds: dict[str, float] = {}
        """Seconds from a worker's start to its being ready, by model."""

    @property
    def url(self) -> str:
        """Its base URL."""
        host, port = self.address
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - shown, not bound
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; returns after the drain.

        Raises:
            AirworthyError: the address can't be had, or a model didn't load.
        """
        with contextlib.closing(listen(self.settings.host, self.settings.port)) as sock:
            self.address = (self.settings.host, sock.getsockname()[1])
            with log_to_stderr():
                _run(self.serve(sock))
        if self._failure is not None:
            raise self._failure

    async def serve(self, sock: socket.socket) -> None:
        """Serve on a listening socket."""
        # A signal from here on ends it in order, also while the imports below run: by then there are processes.
        with _signals(asyncio.get_running_loop(), self.stop):
            await self._serve(sock)

    async def _serve(self, sock: socket.socket) -> None:
        # Workers start first: they load while this process imports its HTTP server.
        from airworthy.serve.metrics.loop_lag import LoopLag
        from airworthy.serve.metrics.metrics import Metrics
        from airworthy.serve.models.served import ServedModel
        from airworthy.serve.workers.process import ProcessLink

        meters = Metrics()
        make_link = self._make_link or ProcessLink
        store = self._make_store(meters)

        def make(plan: Plan) -> Any:
            if plan.generates:
                return self._generator(plan, make_link, meters)
            return ServedModel(
                plan.model,
                plan.engine,
                plan.options,
                self.settings,
                make_link,
                meters,
                plan.profile,
                store,
                self._trial_store,
                plan.version or VERSION,
            )

        models = {plan.model.name: make(plan) for plan in self.plans}
        for served in models.values():
            served.start()
        self._models: Mapping[str, Any] = models
        # Tasks run when the loop turns: without a pause the processes would start behind the imports below.
        await asyncio.sleep(_HEAD_START)
        from airworthy.serve.access.stages import AccessStages
        from airworthy.serve.http.server import Server
        from airworthy.serve.models.catalogue import Models
        from airworthy.serve.protocols.application import Application

        self._models = served_models = Models(models)
        access = AccessStages(self.settings, meters, self._admin_key)
        application = Application(served_models, self.settings, meters, access)
        self._server = Server(application.answer, self.settings, application.early_gate())
        loop = asyncio.get_running_loop()
        loading = loop.create_task(self._load())
        lag = loop.create_task(LoopLag(meters).watch())
        grpc: Any = None
        try:
            if self.settings.grpc_port is not None:
                from airworthy.serve.protocols.open_inference.grpc import GrpcServer

                grpc = GrpcServer(served_models, self.settings, meters, access)
                self.grpc_port = await self._listen_grpc(grpc, self.settings.grpc_port)
            if self._stop_asked:
                self.stop()
            async with self._following(served_models, make):
                await self._server.serve(sock)
                if self._draining is not None:
                    await self._draining
        finally:
            loading.cancel()
            lag.cancel()
            if self._draining is not None:
                await self._draining
            if grpc is not None:
                await grpc.stop()
            await asyncio.gather(*(served.stop(self._grace) for served in served_models.values()))
            for served in served_models.values():
                served.close()
            if store is not None:
                await store.close()

    @contextlib.asynccontextmanager
    async def _following(self, models: Any, make: Callable[[Plan], Any]) -> AsyncIterator[None]:
        """Follow for the length of a block which versions of releases are to be served."""
        if self._releases is None or not self._releases.names:
            yield
            return
        from airworthy.serve.models.releases.manager import PlannedVersion, ReleaseManager

        releases, loop = self._releases, asyncio.get_running_loop()

        async def prepare(name: str, version: int) -> PlannedVersion:
            plan, fits, why = await loop.run_in_executor(None, releases.plan, name, version)
            return PlannedVersion(make(plan), fits, why)

        with releases.announced(self.url) as service:
            source, options = releases.source(service), releases.settings.release
            manager = ReleaseManager(models, releases.names, source, prepare, self.settings, options)
            following = loop.create_task(self._follow(manager))
            try:
                yield
            finally:
                following.cancel()
                await manager.stop(self._grace)

    async def _follow(self, manager: Any) -> None:
        await self._is_loaded.wait()
        await manager.run()

    def _generator(self, plan: Plan, make_link: MakeLink, metrics: Any) -> Any:
        from airworthy.serve.metrics.generation import GenerationMetrics
        from airworthy.serve.models.served_generator import ServedGenerator

        if self._generation_metrics is None:
            self._generation_metrics = GenerationMetrics(metrics)
        counters, settings = self._generation_metrics, self.settings
        if plan.upstreams:
            from airworthy.serve.metrics.upstreams import UpstreamMetrics
            from airworthy.serve.workers.upstreams.link import UpstreamLink

            if self._upstream_metrics is None:
                self._upstream_metrics = UpstreamMetrics(metrics)
            make_link = partial(UpstreamLink, plan.upstreams, self._upstream_metrics)
            one = msgspec.structs.replace(settings.workers, count=1)  # a link needs no second one
            settings = msgspec.structs.replace(settings, workers=one)
        return ServedGenerator(
            plan.model, plan.engine, plan.options, settings, make_link, counters, plan.version or VERSION
        )

    def _make_store(self, meters: Any) -> Any:
        if not self.settings.cache.url:
            return None
        from airworthy.serve.cache.redis_store import RedisAnswers

        def count(result: str) -> None:
            meters.stored.labels(result).inc()

        return RedisAnswers(self.settings.cache.url, self.settings.cache.ttl, self.settings.cache.timeout, count)

    async def _listen_grpc(self, grpc: Any, port: int) -> int:
        try:
            bound: int = await grpc.start(self.settings.host, port)
        except OSError:
            # gRPC's own words are about its sockets; ours come from trying the same address.
            listen(self.settings.host, port).close()
            way_out = _way_out(OSError())
            raise CannotListen(host=self.settings.host, port=port, reason="gRPC", way_out=way_out) from None
        return bound

    def stop(self) -> None:
        """Begin the drain: no new connections, an answer for everyone inside, then the end. Called again: at once."""
        if self._server is None:
            self._stop_asked = True
            return
        if self._draining is None:
            self._server.stop()
            self._draining = asyncio.get_running_loop().create_task(self._drain(self.settings.drain))
        else:
            self._grace = 0.0
            self._server.stop(now=True)
            self._draining.cancel()
            self._draining = asyncio.get_running_loop().create_task(self._drain(0.0))

    def joining(self, name: str) -> str:
        """Whether a model's requests share runs, `yes` or `no, because …`; known once all models are loaded."""
        text: str = self._models[name].joining.text
        return text

    async def _drain(self, timeout: float) -> None:
        await asyncio.gather(*(served.drain(timeout) for served in self._models.values()))

    async def _load(self) -> None:
        try:
            for plan in self.plans:
                name, keep = plan.model.name, self._keep
                place = partial(keep, plan.profile_key) if keep is not None and plan.profile_key else None
                self.load_seconds[name] = (await self._models[name].loaded(place)).seconds
        except AirworthyError as error:
            self._failure, self.failed = error, plan
            self.words = self._models[name].words
            self.stop()
            return
        tune_gc()
        self._is_loaded.set()
        if self._on_ready is not None:
            self._on_ready(self)


def _run(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine on a loop of its own, the fastest that is installed."""
    loop = asyncio.new_event_loop()
    with contextlib.suppress(ImportError):
        import uvloop

        loop.close()
        loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(main)
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


@contextlib.contextmanager
def _signals(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
