"""The short path: a socket for the lease's holder on the exporter's own machine, instead of the router."""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jumplab.system_errors import system_sentence
from jumplab.transport.errors import NotAllowed
from jumplab.transport.links import ConnectionLost
from jumplab.transport.listener import AcceptedLink, LocalListener
from jumplab.transport.same_machine import machine_id
from jumplab_exporter.own_folder import own_folder

# The client and the exporter learn of a session at the same moment, the one or the other a little earlier.
_ANNOUNCEMENT_BOUND_SECONDS = 5.0
_OPENING_BOUND_SECONDS = 60.0

_log = logging.getLogger(__name__)


class ExpectedClients:
    """The clients that may come to the socket during one lease: bearers of the tokens that the controller announced.

    As at a router, a token opens one session, within a minute, and that session opens further streams while it lasts.
    clock: seconds, only differences count.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._expected: dict[bytes, _ExpectedClient] = {}
        self._more = asyncio.Event()
        self.on_dropped: Callable[[str], None] = lambda _: None
        """Called with the session of a client that is to be disconnected."""

    def expect(self, tokens: Iterable[tuple[bytes, str]]) -> None:
        """Clients that come with these tokens, by their SHA-256, each with the id of the credential by which it has
        dialled. Repetitions are ignored."""
        for digest, credential in tokens:
            until = self._clock() + _OPENING_BOUND_SECONDS
            self._expected.setdefault(digest, _ExpectedClient(until, credential))
        more, self._more = self._more, asyncio.Event()
        more.set()

    def forget(self) -> None:
        """No client is expected any more; those that are connected are disconnected."""
        self._expected.clear()

    def keep_only(self, credentials: Collection[str]) -> None:
        """Clients that have dialled by other credentials are disconnected, and have to dial again; empty: none has.

        Clients whose credential isn't known stay: their controller is of an earlier version.
        """
        for digest, expected in list(self._expected.items()):
            if credentials and expected.credential and expected.credential not in credentials:
                del self._expected[digest]
                self.on_dropped(expected.session)

    async def admit(self, token: str, session: str) -> None:
        """Raises NotAllowed for good; ConnectionLost where the client is to dial again."""
        try:
            async with asyncio.timeout(_ANNOUNCEMENT_BOUND_SECONDS):
                expected = await self._expected_client(hashlib.sha256(token.encode()).digest())
        except TimeoutError as error:
            raise ConnectionLost("the exporter does not know this session; dial again") from error
        if not expected.session and self._clock() > expected.until:
            raise ConnectionLost("the token has expired; dial again for a new one")
        if expected.session not in ("", session):
            raise NotAllowed("the token has already been used; dial again for a new one")
        expected.session = session

    async def _expected_client(self, digest: bytes) -> "_ExpectedClient":
        while digest not in self._expected:
            await self._more.wait()
        return self._expected[digest]


@dataclass(slots=True)
class _ExpectedClient:
    """until: when its token ceases to open a session.  session: the one that it has opened."""

    until: float
    credential: str = ""
    session: str = ""


class ClientSocket(Protocol):
    """Where clients on this machine come."""

    def listening(
        self, expected_clients: ExpectedClients, serve: Callable[[AcceptedLink], Awaitable[None]]
    ) -> AbstractAsyncContextManager[None]:
        """Serves clients while the context lasts."""


@dataclass(frozen=True, slots=True)
class LocalSocket:
    """The socket for clients on this machine. machine: its name;  socket: there during a lease; None: there is none."""

    machine: str = ""
    socket: Path | None = None

    @asynccontextmanager
    async def listening(
        self, expected_clients: ExpectedClients, serve: Callable[[AcceptedLink], Awaitable[None]]
    ) -> AsyncIterator[None]:
        """Serves expected clients while the context lasts; without a socket, clients go through the router."""
        async with AsyncExitStack() as stack:
            if self.socket is not None:
                try:
                    listener = LocalListener(self.socket.parent, expected_clients.admit, serve)
                    await stack.enter_async_context(listener)
                    expected_clients.on_dropped = listener.drop
                except OSError as error:
                    _log.warning(
                        "clients on this machine go through the router: %s: %s", self.socket, system_sentence(error)
                    )
            yield


@contextmanager
def short_path() -> Iterator[LocalSocket]:
    """In a folder of this process alone; its socket is gone with it."""
    with ExitStack() as stack:
        try:
            path = LocalSocket(machine_id(), stack.enter_context(own_folder()) / "session.sock")
        except OSError as error:
            _log.warning("clients on this machine go through the router: %s", system_sentence(error))
            path = LocalSocket()
        yield path
