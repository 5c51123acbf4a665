"""The accepting end of local links."""

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jumplab.private_files import private_folder
from jumplab.transport.errors import BadRequest, NotAuthenticated, NotPossibleNow, Refused, TransportError
from jumplab.transport.links import ConnectionLost, EnvelopeKind, EnvelopeStream
from jumplab.transport.local import LocalStream
from jumplab.transport.tokens import same_token
from jumplab.transport.used_numbers import UsedNumbers

_LETTING_GO_SECONDS = 1.0
_GREETING_BOUND_SECONDS = 5.0
_PAIRING_BOUND_SECONDS = 20.0
_STREAMS_AT_ONCE = 1024
_KNOCKING_AT_ONCE = 128
_PAUSE_SECONDS = 1.0  # where the process has no more descriptors, as asyncio's own servers do

_log = logging.getLogger(__name__)

# Whether a token opens a session of this name; raises Refused, or another TransportError where it may later.
Admit = Callable[[str, str], Awaitable[None]]


def only(token: str) -> Admit:
    """Admits whoever presents this token."""

    async def admit(presented: str, _session: str) -> None:
        if not same_token(token, presented):
            raise NotAuthenticated("the token is not that of this socket's lease")

    return admit


@dataclass(frozen=True, slots=True)
class Arrival:
    """A numbered stream that the peer has opened."""

    number: int
    bulk: bool
    stream: LocalStream


class AcceptedLink:
    """The listener's end of one session: a Link whose streams the peer opens first.  token: opened the session."""

    def __init__(self, token: str = "") -> None:
        self.token = token
        self._streams: dict[int, asyncio.Future[LocalStream]] = {}
        self._used = UsedNumbers()
        self._arrivals: asyncio.Queue[tuple[int, bool]] = asyncio.Queue()
        self._closed = False

    def admit_stream(self, arrival: Arrival) -> bool:
        """Takes a stream in; False where its number is in use, too many are open, or the link is closed."""
        if self._closed or arrival.number in self._used or len(self._streams) >= _STREAMS_AT_ONCE:
            return False
        self._used.add(arrival.number)
        self._stream(arrival.number).set_result(arrival.stream)
        arrival.stream.on_close = lambda: self._forget(arrival.number)
        self._arrivals.put_nowait((arrival.number, arrival.bulk))
        return True

    async def accept(self) -> Arrival:
        """The next stream that the peer opens, for those who do not know the numbers beforehand."""
        number, bulk = await self._arrivals.get()
        return Arrival(number, bulk, await self.open(number))

    async def open(self, number: int, *, bulk: bool = False) -> LocalStream:  # noqa: ARG002 - the peer has chosen
        """The peer's stream `number`, which it opens within 20 seconds, or ConnectionLost is raised."""
        if self._closed:
            raise ConnectionLost("the link is closed")
        try:
            async with asyncio.timeout(_PAIRING_BOUND_SECONDS):
                return await asyncio.shield(self._stream(number))
        except TimeoutError as error:
            raise ConnectionLost(f"the peer did not open stream {number}") from error

    async def aclose(self) -> None:
        self._closed = True
        for future in list(self._streams.values()):
            if not future.done():
                future.set_exception(ConnectionLost("the link is closed"))
                future.exception()  # perhaps nobody waits for it
            elif future.exception() is None:
                await future.result().aclose()

    def _forget(self, number: int) -> None:
        self._streams.pop(number, None)

    def _stream(self, number: int) -> asyncio.Future[LocalStream]:
        if number not in self._streams:
            self._streams[number] = asyncio.get_running_loop().create_future()
        return self._streams[number]


class LocalListener:
    """Accepts sessions on a Unix socket.

    folder: made with mode 0700, for the socket `path`.  admit: asked for each stream.  serve: is
    called with each new session's link, which is closed when it returns; it deals with its own errors.

    Use as `async with`; leaving removes the socket and cancels what is being served.
    """

    def __init__(self, folder: Path, admit: Admit, serve: Callable[[AcceptedLink], Awaitable[None]]) -> None:
        self.path = folder / "session.sock"
        self._admit = admit
        self._serve = serve
        self._sessions: dict[str, AcceptedLink] = {}
        self._tasks = asyncio.TaskGroup()
        self._running: set[asyncio.Task[None]] = set()
        self._server: socket.socket | None = None
        self._pause: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        private_folder(self.path.parent)
        self.path.unlink(missing_ok=True)
        await self._tasks.__aenter__()
        self._server = _listening(self.path)
        self._accept()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self.path.unlink(missing_ok=True)
        if self._pause is not None:
            self._pause.cancel()
        asyncio.get_running_loop().remove_reader(self._server)
        self._server.close()
        for task in self._running:
            task.cancel()
        await self._tasks.__aexit__(kind, error, traceback)

    def drop(self, session: str) -> None:
        """Closes the connection of a session, if it is there: its client has to come again."""
        if (link := self._sessions.get(session)) is not None:
            self._run(link.aclose(), f"dropping local session {session[:8]}")

    def _accept(self) -> None:
        """Accepts from now on."""
        assert self._server is not None
        asyncio.get_running_loop().add_reader(self._server, self._arrived, self._server)

    def _arrived(self, server: socket.socket) -> None:
        try:
            connection, _ = server.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # the client has gone
        except OSError as error:
            _log.warning("%s accepts nobody for %g s: %s", self.path, _PAUSE_SECONDS, error)
            loop = asyncio.get_running_loop()
            loop.remove_reader(server)
            self._pause = loop.call_later(_PAUSE_SECONDS, self._accept)
            return
        stream = LocalStream(connection)
        greeting = self._run(self._greet(stream), "greeting at the local socket")
        greeting.add_done_callback(lambda done: stream.hang_up() if done.cancelled() else None)

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        task = self._tasks.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _greet(self, stream: LocalStream) -> None:
        try:
            async with asyncio.timeout(_GREETING_BOUND_SECONDS):
                greeting = _read(await stream.greeting())
        except (OSError, ValueError) as error:
            await turn_away(stream, BadRequest(str(error) or "the first line did not come"))
            return
        try:
            await self._admit(greeting.token, greeting.session)
            self._admit_stream(greeting, stream)
        except TransportError as error:
            await turn_away(stream, error, greeting.number)

    def _admit_stream(self, greeting: "_Greeting", stream: LocalStream) -> None:
        session, number = greeting.session, greeting.number
        if number == 0 and session not in self._sessions:
            self._begin(greeting)
        if session not in self._sessions:
            raise ConnectionLost("this session is over")
        if not self._sessions[session].admit_stream(Arrival(number, greeting.bulk, stream)):
            raise NotPossibleNow(f"stream {number} of this session is open already, or {_STREAMS_AT_ONCE} others are")

    def _begin(self, greeting: "_Greeting") -> None:
        session = greeting.session
        link = self._sessions[session] = AcceptedLink(greeting.token)
        self._run(self._serve_one(session, link), f"local session {session[:8]}")

    async def _serve_one(self, session: str, link: AcceptedLink) -> None:
        try:
            await self._serve(link)
        finally:
            del self._sessions[session]
            await link.aclose()


def _listening(path: Path) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    try:
        server.setblocking(False)
        server.bind(str(path))
        server.listen(_KNOCKING_AT_ONCE)
    except BaseException:
        server.close()
        raise
    return server


@dataclass(frozen=True, slots=True)
class _Greeting:
    """The first line of a stream."""

    session: str
    token: str
    number: int
    bulk: bool


def _read(line: bytes) -> _Greeting:
    """Raises ValueError."""
    try:
        fields = json.loads(line)
    except RecursionError as error:
        raise ValueError("the first line was nested too deeply") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("stream"), int):
        raise ValueError("the first line was not that of a session's stream")
    session, token = str(fields.get("session")), str(fields.get("token"))
    (session + token).encode()  # half a surrogate pair is text in JSON, and nowhere else
    return _Greeting(session, token, fields["stream"], bool(fields.get("bulk")))


async def turn_away(stream: EnvelopeStream, error: TransportError, number: int = 0) -> None:
    """Sends the peer the reason why stream `number` is refused, and closes it.

    A refusal is for good; anything else is a lost connection to the peer, which may come again. It is closed once the
    peer has let go, or after a second: who still speaks when it is closed may not read the reason.
    """
    with contextlib.suppress(ConnectionLost, TimeoutError):
        if isinstance(error, Refused):
            await stream.send(str(error).encode(), EnvelopeKind.RESET)
        elif number == 0:
            await stream.send(str(error).encode(), EnvelopeKind.END)
        async with asyncio.timeout(_LETTING_GO_SECONDS):
            while True:
                await stream.receive()
    await stream.aclose()
