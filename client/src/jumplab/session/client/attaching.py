"""Attaching: from an open link to a session."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from jumplab.driver import errors
from jumplab.protocol.v1.session_pb2 import Frame, Hello, Welcome
from jumplab.session.client.loader import ClientClasses
from jumplab.session.client.session import Session
from jumplab.session.frames import FrameWriter, read_frames
from jumplab.transport.errors import TransportError
from jumplab.transport.links import EnvelopeStream, Link

_ATTACHING_BOUND_SECONDS = 30.0
_LEAVING_BOUND_SECONDS = 1.0


@asynccontextmanager
async def attach(link: Link, *, classes: ClientClasses | None = None, client: str = "") -> AsyncIterator[Session]:
    """Attaches to the exporter at the other end of the link, and closes the link at the end.

    classes: which client classes may be loaded.  client: who attaches, for the exporter's log.
    Raises SessionLost, SessionEnded, and what ClientClasses.client_for raises.
    """
    async with AsyncExitStack() as stack:
        stack.push_async_callback(link.aclose)
        greeted = await stack.enter_async_context(_greeted(link, client))
        session = Session(link, greeted.welcome, greeted.writer, classes or ClientClasses())
        await stack.enter_async_context(_in_background(session.serve(greeted.frames), "frames from the exporter"))
        stack.callback(session.close)
        yield session


@dataclass(frozen=True, slots=True)
class _Greeted:
    frames: AsyncIterator[Frame]
    writer: FrameWriter
    welcome: Welcome


@asynccontextmanager
async def _greeted(link: Link, client: str) -> AsyncIterator[_Greeted]:
    """Says hello and hears the welcome; sends frames while the context lasts, and the last of them at its end."""
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(_ATTACHING_BOUND_SECONDS):
                stream = await link.open(0)
                stack.push_async_callback(stream.aclose)
                writer = FrameWriter(stream)
                writer.post(Frame(hello=Hello(client=client)))
                await stack.enter_async_context(_in_background(_send(writer), "frames to the exporter"))
                greeted = await _welcomed(stream, writer)
        except TransportError as error:
            raise errors.SessionLost(f"could not attach: {error}") from error
        except TimeoutError as error:
            message = f"the exporter did not answer within {_ATTACHING_BOUND_SECONDS:.0f} s"
            raise errors.SessionLost(message) from error
        stack.push_async_callback(_flush, writer)
        yield greeted


async def _welcomed(stream: EnvelopeStream, writer: FrameWriter) -> _Greeted:
    frames = read_frames(stream)
    first = await anext(frames, None)
    match first and first.WhichOneof("kind"):
        case "welcome":
            assert first is not None
            return _Greeted(frames, writer, first.welcome)
        case "goodbye":
            assert first is not None
            raise errors.SessionEnded(first.goodbye.reason)
    raise errors.SessionLost("the exporter did not answer as an exporter does")


async def _send(writer: FrameWriter) -> None:
    """Sends frames; a lost connection is told by the reading side."""
    with contextlib.suppress(TransportError):
        await writer.run()


async def _flush(writer: FrameWriter) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LEAVING_BOUND_SECONDS):
            await writer.flushed()


@asynccontextmanager
async def _in_background(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Runs `work` while the context lasts. Not a TaskGroup: what the context's body raises stays what it is."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
