"""A router on a real port, over TLS, and peers that speak to it with plain gRPC."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from cryptography.hazmat.primitives.asymmetric import ec
from grpc import aio

from jumplab.transport.channel import open_channel
from jumplab.transport.endpoint import Endpoint, Tls
from jumplab_operator.controller.server import SERVER_OPTIONS, listen
from jumplab_operator.pki import issue_server_certificate, make_authority
from jumplab_operator.router.relay import Router
from jumplab_operator.router.tokens import LIFETIME, Role, StreamClaims, mint

METHOD = "/jumplab.v1.RouterService/Stream"


@dataclass
class Bench:
    """A router, and everything a test needs to come to it. `ahead` moves the router's time on."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    ahead: timedelta = field(default_factory=timedelta)
    prolonged_to: datetime | None = None
    endpoint: Endpoint = field(default_factory=lambda: Endpoint(""))

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def claims(self, role: Role, **changes: Any) -> StreamClaims:
        now = self.now()
        claims = StreamClaims(
            "s1", role, "lease-uid", "lab/demo", "ci", "exporter-uid", now + timedelta(hours=1), now + LIFETIME
        )
        return replace(claims, **changes)

    def token(self, role: Role, **changes: Any) -> str:
        return mint(self.claims(role, **changes), self.key)


@dataclass
class Peers:
    """Opens streams as peers do, each on its own connection."""

    bench: Bench
    stack: AsyncExitStack

    async def stream(self, role: Role, number: int | str = 0, *, token: str | None = None, **changes: Any) -> Any:
        channel = open_channel(
            self.bench.endpoint, token=token or self.bench.token(role, **changes), own_connection=True
        )
        await self.stack.enter_async_context(channel)
        call = channel.stream_stream(METHOD)(metadata=(("x-jumplab-stream", str(number)),), timeout=240)
        self.stack.callback(call.cancel)
        return call

    async def pair(self, number: int = 0, **changes: Any) -> tuple[Any, Any]:
        """Both ends of one stream, joined."""
        client = await self.stream(Role.CLIENT, number, **changes)
        exporter = await self.stream(Role.EXPORTER, number, **changes)
        await client.write(b"hello")
        assert await exporter.read() == b"hello"
        return client, exporter


@asynccontextmanager
async def served(bench: Bench, meeting_bound: timedelta = timedelta(seconds=30)) -> AsyncIterator[Router]:
    router = Router(
        bench.key.public_key(), prolonged=lambda _: bench.prolonged_to, now=bench.now, meeting_bound=meeting_bound
    )
    server = aio.server(options=SERVER_OPTIONS)
    router.add_to(server)
    authority = make_authority(datetime.now(UTC))
    certificate = issue_server_certificate(authority, ["127.0.0.1"], datetime.now(UTC))
    port = listen(server, "127.0.0.1:0", (certificate.key_pem, certificate.certificate_pem))
    bench.endpoint = Endpoint(f"127.0.0.1:{port}", Tls(authority.certificate_pem))
    await server.start()
    try:
        yield router
    finally:
        router.close()
        await server.stop(0)
        await grpc_done()


async def grpc_done() -> None:
    """What gRPC does for its calls itself, at either end, is over a moment after them; fails where it is not."""
    async with asyncio.timeout(240):
        while any(map(_is_of_grpc, asyncio.all_tasks())):  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0.01)


def _is_of_grpc(task: asyncio.Task[Any]) -> bool:
    at_the_server = task.get_name() == "rpc_task" or task.get_name().startswith("HandleExceptions[")
    return at_the_server or "_handle_status_once_received" in getattr(task.get_coro(), "__qualname__", "")


async def ending(call: Any) -> tuple[grpc.StatusCode, str]:
    """Reads what is left of a stream; its status and sentence."""
    try:
        while await call.read() is not aio.EOF:
            pass
    except aio.AioRpcError as error:
        return error.code(), error.details() or ""
    return await call.code(), await call.details()
