"""A server of images with the faults that a test asks for."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class ImageServer:
    """Serves /image on a free port.

    breaks: after how many bytes of the body each answer breaks off, in this order; later ones are whole.
    headers: of the answers, as ETag.  ranges: whether it knows ranges.  announces: its Content-Length, in place of the
    true one; 0: none at all.  answers: others in place of the image's, by path.  asked: the requests' headers.
    """

    content: bytes
    breaks: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"one"'})
    ranges: bool = True
    announces: int | None = None
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[web.Request] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        other = self.answers.get(request.path)
        if other is not None:
            return await other(request)
        start = 0
        same = request.headers.get("If-Range") in (self.headers.get("ETag"), self.headers.get("Last-Modified"))
        if self.ranges and same and "Range" in request.headers:
            start = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        response = web.StreamResponse(status=206 if start else 200, headers=self.headers)
        if start:
            response.headers["Content-Range"] = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
        body = self.content[start:]
        if self.announces != 0:
            response.content_length = len(body) if self.announces is None else self.announces
        await response.prepare(request)
        if self.breaks:
            await response.write(body[: self.breaks.pop(0)])
            return await broken_off(request, response)
        await response.write(body)
        if self.announces and self.announces > len(body):
            return await broken_off(request, response)
        return response


async def broken_off(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Ends the connection once what was written has left this process."""
    transport = request.transport
    assert transport is not None
    transport.close()  # sends what is buffered before
    return response


def redirecting(target: str, status: int = 302) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": target})

    return answer


@asynccontextmanager
async def serving(
    server: ImageServer, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[ImageServer]:
    """Listens meanwhile, at `server.url`."""
    application = web.Application()
    application.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, 0, ssl_context=tls).start()
        server.url = f"http{'s' if tls else ''}://{host}:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()


async def for_ever(_: web.Request) -> web.StreamResponse:
    """Never answers."""
    await asyncio.Event().wait()
    raise AssertionError
