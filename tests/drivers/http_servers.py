"""Servers at an address where a relay should be."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jumplab.driver.portal import Portal
from jumplab_exporter.testing import HttpSimulator

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Scripted(HttpSimulator):
    """A server whose answers a test writes.  handler: answers to everything;  seen: the requests, with their bodies."""

    def __init__(self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> None:
        super().__init__()
        self._handler = handler
        self.seen: list[tuple[str, str, str, dict[str, str]]] = []

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/{path:.*}", self._answer)]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.path_qs, await request.text(), dict(request.headers)))
        return await self._handler(request)


def answering(text: str, *, status: int = 200, **headers: str) -> Scripted:
    """A server that always says the same."""
    written = {key.replace("_", "-"): value for key, value in headers.items()}

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text, headers=written)

    return Scripted(handler)


@contextmanager
def raw_server(play: Play) -> Iterator[tuple[str, list[int]]]:
    """A TCP server that a test plays: its URL, and an entry for each connection."""
    connections: list[int] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(len(connections))
        try:
            await play(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def serving() -> AsyncIterator[str]:
        tasks: set[asyncio.Task[None]] = set()

        def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(take(reader, writer), name="connection")
            tasks.add(task)

        server = await asyncio.start_server(begin, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    with Portal() as portal, portal.entered(serving()) as url:
        yield url, connections


def self_signed(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """TLS settings of a device that has made its own certificate, and that certificate's file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file, key_file = folder / "relay.pem", folder / "relay.key"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key_file)
    return context, file
