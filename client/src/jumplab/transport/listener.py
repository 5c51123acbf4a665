"""The accepting end of local links."""

import asyncio
import contextlib
import hmac
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from jumplab.transport.errors import NotAuthenticated
from jumplab.transport.links import ConnectionLost, EnvelopeKind
from jumplab.transport.local import BUFFER_BYTES, LocalStream

_GREETING_BOUND_SECONDS = 5.0
_PAIRING_BOUND_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A numbered stream that the peer has opened."""

    number: int
    bulk: bool
    stream: LocalStream


class AcceptedLink:
    """The listener's end of one session: a Link whose streams the peer opens first."""

    def __init__(self) -> None:
        self._streams: dict[int, asyncio.Future[LocalStream]] = {}
        self._used: set[int] = set()
        self._arrivals: asyncio.Queue[tuple[int, bool]] = asyncio.Queue()

    def take_in(self, arrival: Arrival) -> bool:
        """Takes a stream in; False where its number is in use."""
        if arrival.number in self._used:
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
        try:
            async with asyncio.timeout(_PAIRING_BOUND_SECONDS):
                return await asyncio.shield(self._stream(number))
        except TimeoutError as error:
            raise ConnectionLost(f"the peer did not open stream {number}") from error

    async def aclose(self) -> None:
        for future in list(self._streams.values()):
            if future.done() and not future.cancelled():
                await future.result().aclose()
            else:
                future.cancel()

    def _forget(self, number: int) -> None:
        self._streams.pop(number, None)

    def _stream(self, number: int) -> asyncio.Future[LocalStream]:
        if number not in self._streams:
            self._streams[number] = asyncio.get_running_loop().create_future()
        return self._streams[number]


class LocalListener:
    """Accepts sessions on a Unix socket.

    folder: made with mode 0700, it holds the socket, whose place is `path`.  token: what peers must present.  serve: is
    called with each new session's link, which is closed when it returns; it deals with its own errors.

    Use as `async with`; leaving cancels what is being served and removes the socket.
    """

    def __init__(self, folder: Path, token: str, serve: Callable[[AcceptedLink], Awaitable[None]]) -> None:
        self.path = folder / "session.sock"
        self.token = token
        self._serve = serve
        self._sessions: dict[str, AcceptedLink] = {}
        self._tasks = asyncio.TaskGroup()
        self._served: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chmod(self.path.parent, 0o700)
        self.path.unlink(missing_ok=True)
        await self._tasks.__aenter__()
        self._server = await asyncio.start_unix_server(self._greet, self.path, limit=BUFFER_BYTES)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._served:
            task.cancel()
        await self._tasks.__aexit__(kind, error, traceback)
        self.path.unlink(missing_ok=True)

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = LocalStream(reader, writer)
        try:
            async with asyncio.timeout(_GREETING_BOUND_SECONDS):
                session, number, bulk = self._admitted(await reader.readline())
        except (OSError, ValueError, NotAuthenticated) as error:
            await turn_away(stream, str(error) or "the first line did not come")
            return
        if number == 0 and session not in self._sessions:
            self._begin(session)
        if session not in self._sessions:
            await turn_away(stream, "this session is over")
        elif not self._sessions[session].take_in(Arrival(number, bulk, stream)):
            await turn_away(stream, f"stream {number} of this session is open already")

    def _admitted(self, greeting: bytes) -> tuple[str, int, bool]:
        """Session, number and bulk. Raises ValueError and NotAuthenticated."""
        fields = json.loads(greeting)
        if not isinstance(fields, dict) or not isinstance(fields.get("stream"), int):
            raise ValueError("the first line was not that of a session's stream")
        if not hmac.compare_digest(str(fields.get("token")).encode(), self.token.encode()):
            raise NotAuthenticated("the token is not that of this socket's lease")
        return str(fields.get("session")), fields["stream"], bool(fields.get("bulk"))

    def _begin(self, session: str) -> None:
        link = self._sessions[session] = AcceptedLink()
        task = self._tasks.create_task(self._serve_one(session, link), name=f"local session {session[:8]}")
        self._served.add(task)
        task.add_done_callback(self._served.discard)

    async def _serve_one(self, session: str, link: AcceptedLink) -> None:
        try:
            await self._serve(link)
        finally:
            del self._sessions[session]
            await link.aclose()


async def turn_away(stream: LocalStream, reason: str) -> None:
    """Tells the peer why it is not served, and closes the stream."""
    with contextlib.suppress(ConnectionLost):
        await stream.send(reason.encode(), EnvelopeKind.RESET)
    await stream.aclose()
