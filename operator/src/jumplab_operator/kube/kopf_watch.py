"""kopf as a watch: hands each change of a custom resource to the main loop, and does nothing else.

It runs in a thread and event loop of its own, since on its way out it cancels every task created after its start; it
is started again whenever it ends. After a gap in a watch it lists again, without events for what was deleted meanwhile:
such listed objects come with type None, and call for a list of our own.
"""

import asyncio
import base64
import contextlib
import dataclasses
import itertools
import logging
import selectors
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from datetime import timedelta
from typing import Any

import kopf

from jumplab_operator.clock import Clock
from jumplab_operator.kube.access import KubeAccess
from jumplab_operator.kube.kopf_storage import NoEssence, NoProgress
from jumplab_operator.kube.object_store import KINDS
from jumplab_operator.resources import GROUP, VERSION, Resource

_log = logging.getLogger(__name__)

_AGAIN = timedelta(seconds=1)
_STOP_SECONDS = 10.0
_CLOSING_SECONDS = 5.0
"""A bound that only a fault of the loop's reaches."""

OnEvent = Callable[[type[Resource], str | None, Mapping[str, Any]], None]
"""Called in the main loop with the kind, the type of the event (None: listed), and the object."""


Watch = Callable[[OnEvent], Coroutine[None, None, None]]
"""Passes changes on until cancelled."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Connection(kopf.ConnectionInfo):
    """One whose trust may grow while it is in use, where it is given."""

    trust: ssl.SSLContext | None = None

    def as_ssl_context(self) -> ssl.SSLContext:
        return self.trust or super().as_ssl_context()


class _ForEver:
    """Pauses in seconds between attempts, without end: an API server may be away for long."""

    def __iter__(self) -> Iterator[float]:
        return itertools.chain((0.1, 0.2, 0.5, 1.0), itertools.repeat(2.0))


class WatchLoop(asyncio.SelectorEventLoop):
    """An event loop that can close all its connections at once.

    aiohttp closes TLS connections in the background, and waits there for the API server's end, which may never come.
    The transport that aiohttp holds can't always be aborted: asyncio forgets its connection at a second close, and a
    connection that is not made yet has none. So the sockets' own transports are aborted, which the base loop knows.
    """

    _transports: Mapping[int, asyncio.Transport]
    """The base loop's own: each socket's transport, as long as somebody holds it."""

    def __init__(self) -> None:
        self._sockets = selectors.DefaultSelector()
        super().__init__(self._sockets)

    async def close_connections(self) -> None:
        """Returns once no connection is left; the API server is not waited for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_SECONDS):
                while self._abort_connections() or len(self._sockets.get_map()) > 1:  # noqa: ASYNC110 -- no event tells
                    await asyncio.sleep(0.001)

    def _abort_connections(self) -> bool:
        """Whether a connection was left."""
        left = [it for it in self._transports.values() if it.get_extra_info("socket").fileno() != -1]
        for transport in left:
            transport.abort()
        return bool(left)


def of_cluster(access: KubeAccess, namespaces: tuple[str, ...], clock: Clock) -> Watch:
    """kopf's watches, of these namespaces; of all where none is named."""

    async def watch(on_event: OnEvent) -> None:
        while True:
            await _watch_once(access, namespaces, on_event)
            _log.warning("the watches ended; starting them again")
            await clock.sleep(_AGAIN)

    return watch


async def _watch_once(access: KubeAccess, namespaces: tuple[str, ...], on_event: OnEvent) -> None:
    loop = asyncio.get_running_loop()
    ended, stop = asyncio.Event(), threading.Event()

    def hand_over(kind: type[Resource], change: str | None, plain: Mapping[str, Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the main loop is closed: nobody needs it any more
            loop.call_soon_threadsafe(on_event, kind, change, plain)

    def run() -> None:
        try:
            watching = WatchLoop()
            with asyncio.Runner(loop_factory=lambda: watching) as runner:
                runner.run(_operator(access, namespaces, hand_over, stop))
                runner.run(watching.close_connections())
        except Exception:  # noqa: BLE001 -- the thread's root: it is logged, and the watches are started again
            _log.exception("the watches failed")
        finally:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=run, name="kopf", daemon=True).start()
    try:
        await ended.wait()
    finally:
        stop.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await ended.wait()


async def _operator(access: KubeAccess, namespaces: tuple[str, ...], on_event: OnEvent, stop: threading.Event) -> None:
    logging.getLogger("kopf").setLevel(logging.ERROR)  # it warns at each start that a thread takes no signals
    await kopf.operator(
        registry=_registry(access, on_event),
        settings=_settings(),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
        stop_flag=stop,
    )


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = NoEssence()
    settings.persistence.progress_storage = NoProgress()
    settings.networking.error_backoffs = _ForEver()
    # Else it asks for all namespaces and definitions first, which a role with least rights refuses, for ever: no watch
    # would begin. Ours are there before it starts.
    settings.scanning.disabled = True
    return settings


def _registry(access: KubeAccess, on_event: OnEvent) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def log_in(**_: Any) -> kopf.ConnectionInfo:
        ca = base64.b64encode(access.ca_pem.encode()).decode() if access.ca_pem else None
        return _Connection(
            server=access.url,
            ca_data=ca,
            scheme="Bearer",
            token=access.token,
            proxy_url=access.proxy,
            trust=access.trust,
        )

    for kind in KINDS:
        _register(registry, kind, on_event)
    return registry


def _register(registry: kopf.OperatorRegistry, kind: type[Resource], on_event: OnEvent) -> None:
    @kopf.on.event(GROUP, VERSION, kind.PLURAL, registry=registry, id=f"watch-{kind.PLURAL}")
    async def receive(event: kopf.RawEvent, **_: Any) -> None:
        on_event(kind, event["type"], dict(event["object"]))
