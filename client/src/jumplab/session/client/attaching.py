"""Attaching, and staying attached: the policy of a session's connections."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from jumplab.driver import errors
from jumplab.protocol.v1.session_pb2 import Frame, Frames, Hello, Leave, Welcome
from jumplab.session.client.loader import ClientClasses
from jumplab.session.client.session import Session
from jumplab.session.frames import MAGIC, GivenUp, read_payloads
from jumplab.session.life import SessionEvent
from jumplab.transport.backoff import Backoff
from jumplab.transport.errors import TransportError
from jumplab.transport.first_completed import first_completed
from jumplab.transport.links import EnvelopeStream, Link

RECONNECT_WITHIN = timedelta(minutes=5)

_GREETING_BOUND_SECONDS = 30.0
_LEAVING_BOUND_SECONDS = 1.0
_QUIET_SECONDS = 1.0

Dial = Callable[[], Awaitable[Link]]


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """How a session whose connection was lost gets another: at once, then with back-off.

    dial: gives a new link; raises TransportError where it may be tried again, DriverError where the session is over.
    within: how long to try, from the loss on.  tell: is given one sentence for each loss: that it is over, or after a
    second that it is not.
    """

    dial: Dial
    within: timedelta = RECONNECT_WITHIN
    notify: Callable[[str], None] = lambda _: None


@asynccontextmanager
async def attach(
    link: Link,
    *,
    classes: ClientClasses | None = None,
    client: str = "",
    reconnecting: Reconnecting | None = None,
    from_lease_begin: bool = True,
    busy: bool = False,
) -> AsyncIterator[Session]:
    """Attaches to the exporter at the other end of the link, and closes the link at the end.

    classes: which client classes may be loaded.  client: who attaches, for the exporter's log.  reconnecting: without
    it the session ends with its connection.  from_lease_begin: as for Session.  busy: the session counts as used for as
    long as it is attached.
    Raises SessionLost, SessionEnded, and what ClientClasses.client_for raises.
    """
    hello = Hello(client=client, session=secrets.token_hex(16), busy=busy)
    try:
        connection = await _greet(link, hello)
    except TransportError as error:
        raise errors.SessionLost(f"could not attach: {error}") from error
    try:
        session = Session(
            hello.session, connection.welcome, classes or ClientClasses(), from_lease_begin=from_lease_begin
        )
    except BaseException:
        await connection.leave()
        raise
    session.connect(connection.link)
    loop = _ConnectionLoop(session, hello, reconnecting)
    running = asyncio.create_task(loop.run(connection), name="the session's connection")
    try:
        yield session
    finally:
        over = session.life.is_over  # there is nobody who would hear a last word
        session.leave()
        try:
            if not over:
                await loop.flush()
        finally:  # also where whoever leaves is cancelled meanwhile
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            session.life.apply(SessionEvent.FORGOTTEN)


@dataclass(frozen=True, slots=True)
class _Connection:
    """A link whose exporter has answered."""

    link: Link
    stream: EnvelopeStream
    payloads: AsyncIterator[Frames]
    rest: Frames
    welcome: Welcome

    async def close(self) -> None:
        await self.stream.aclose()
        await self.link.aclose()

    async def leave(self) -> None:
        """Closes it for good, and tells the exporter so."""
        with contextlib.suppress(TransportError):
            await self.stream.send(Frames(frames=[Frame(leave=Leave())]).SerializeToString())
        await self.close()


async def _greet(link: Link, hello: Hello) -> _Connection:
    """Says hello and hears the welcome; closes the link where that fails.

    Raises TransportError, and SessionEnded where the exporter says so.
    """
    try:
        async with asyncio.timeout(_GREETING_BOUND_SECONDS):
            stream = await link.open(0)
            await stream.send(MAGIC + Frames(frames=[Frame(hello=hello)]).SerializeToString())
            payloads = read_payloads(stream)
            first = await anext(payloads)
    except TimeoutError as error:
        await link.aclose()
        message = f"could not attach: the exporter did not answer within {_GREETING_BOUND_SECONDS:.0f} s"
        raise errors.SessionLost(message) from error
    except GivenUp as error:
        await link.aclose()
        raise errors.SessionEnded(str(error)) from error
    except BaseException:
        await link.aclose()
        raise
    match first.frames[0].WhichOneof("kind") if first.frames else None:
        case "welcome":
            rest = Frames(frames=first.frames[1:], received=first.received)
            return _Connection(link, stream, payloads, rest, first.frames[0].welcome)
        case "goodbye":
            await link.aclose()
            raise errors.SessionEnded(first.frames[0].goodbye.reason)
    await link.aclose()
    raise errors.SessionLost("could not attach: the exporter did not answer as an exporter does")


class _ConnectionLoop:
    """Keeps one session connected."""

    def __init__(self, session: Session, hello: Hello, reconnecting: Reconnecting | None) -> None:
        self._session = session
        self._hello = hello
        self._reconnecting = reconnecting

    async def run(self, connection: _Connection) -> None:
        """Serves one connection after the other until the session is over."""
        following: _Connection | None = connection
        while following is not None:
            lost = await self._serve(following)
            self._session.disconnect()
            if self._session.life.is_over:
                return
            following = await self._next(lost)
            if following is not None:
                self._session.resume(following.link, following.welcome)

    async def flush(self) -> None:
        """Lets the last frames out."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVING_BOUND_SECONDS):
                await self._session.channel.flushed()

    async def _serve(self, connection: _Connection) -> str:
        """Serves one connection to its end, and says why it ended."""
        sending = self._session.channel.run(connection.stream, prefix=b"")
        reading = self._session.read(connection.rest, connection.payloads)
        try:
            await first_completed({"frames to the exporter": sending, "frames from the exporter": reading})
        except GivenUp as error:
            self._session.end(errors.SessionEnded(str(error)))
            return str(error)
        except TransportError as error:
            return str(error)
        finally:
            await connection.close()
        return "the exporter has closed the session"

    async def _next(self, lost: str) -> _Connection | None:
        """The connection that follows a lost one; None where the session is over."""
        if self._reconnecting is None:
            self._session.end(errors.SessionLost(f"the connection to the exporter was lost: {lost}"))
            return None
        seconds = self._reconnecting.within.total_seconds()
        try:
            with _one_line(self._reconnecting.notify, lost, seconds):
                async with asyncio.timeout(seconds):
                    return await self._reconnected(self._reconnecting.dial)
        except TimeoutError:
            message = f"the connection was lost ({lost}) and did not come back within {seconds:g} s"
            self._session.end(errors.SessionLost(message))
        except errors.DriverError as error:
            self._session.end(error)
        return None

    async def _reconnected(self, dial: Dial) -> _Connection:
        backoff = Backoff()
        while True:
            await backoff.wait()
            self._hello.epoch = self._session.epoch
            self._hello.received = self._session.channel.received
            with contextlib.suppress(TransportError):
                link = await dial()
                with contextlib.suppress(errors.SessionLost):
                    return await _greet(link, self._hello)


@contextlib.contextmanager
def _one_line(notify: Callable[[str], None], lost: str, seconds: float) -> Iterator[None]:
    """Says that a connection was lost: once it is back, or earlier where somebody would begin to wonder."""
    sentence = f"the connection was lost ({lost}); trying to get another for up to {seconds:g} s"
    late = asyncio.get_running_loop().call_later(_QUIET_SECONDS, notify, sentence)
    notified_at = late.when()
    try:
        yield
    finally:
        late.cancel()
    if asyncio.get_running_loop().time() < notified_at:
        notify(f"the connection was lost ({lost}) and is back")
