"""A controller with its router on a real port, over TLS, in front of a lab in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from grpc import aio

from jumplab.protocol.client_v1.client_pb2_grpc import ClientServiceStub
from jumplab.protocol.v1.controller_pb2_grpc import ControllerServiceStub
from jumplab.transport.channel import open_channel
from jumplab.transport.endpoint import Endpoint, Identity, Tls
from jumplab_operator.controller.authentication import FRESH, RECHECK, Authenticator
from jumplab_operator.controller.credentials import CredentialIssuer
from jumplab_operator.controller.dialling import Dialler
from jumplab_operator.controller.offers import Offers
from jumplab_operator.controller.server import controller_server, listen
from jumplab_operator.pki import issue_server_certificate, make_authority
from jumplab_operator.router.relay import Router
from jumplab_operator.router.tokens import TokenReader
from tests.controller.lab import NAMESPACE, MemoryLab


@dataclass
class Clock:
    """The controller's time; a test may move it on."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def pass_recheck(self) -> None:
        self.ahead += RECHECK

    def pass_freshness(self) -> None:
        self.ahead += FRESH


@dataclass
class Controller:
    """What a test holds: the lab, and callers' ways in."""

    lab: MemoryLab
    clock: Clock
    endpoint: Endpoint
    router: Router
    dialler: Dialler

    @asynccontextmanager
    async def calling(
        self, kind: str, name: str, token: str, namespace: str = NAMESPACE
    ) -> AsyncIterator[tuple[Any, Any]]:
        """The stubs of both services, for one identity."""
        async with open_channel(self.endpoint, identity=Identity(namespace, kind, name, token)) as channel:
            yield ControllerServiceStub(channel), ClientServiceStub(channel)


@pytest.fixture
async def controller() -> AsyncIterator[Controller]:
    clock, key = Clock(), ec.generate_private_key(ec.SECP256R1())
    issuer = CredentialIssuer(key, now=clock)
    lab = MemoryLab(issuer)
    authority = make_authority(clock())
    certificate = issue_server_certificate(authority, ["127.0.0.1"], clock())
    known = TokenReader(key.public_key())
    dialler = Dialler(lab, Offers(clock), "router.example:443", key, clock, known)
    router = Router(key.public_key(), prolonged=dialler.prolonged, now=clock, known=known)
    authenticator = Authenticator(lab, issuer, lab.current_token, clock)
    server = controller_server(lab, authenticator, dialler, router)
    port = listen(server, "127.0.0.1:0", (certificate.key_pem, certificate.certificate_pem))
    await server.start()
    checking = asyncio.create_task(authenticator.check_beside())
    yield Controller(lab, clock, Endpoint(f"127.0.0.1:{port}", Tls(authority.certificate_pem)), router, dialler)
    checking.cancel()
    router.close()
    await server.stop(0)


@asynccontextmanager
async def refused(code: grpc.StatusCode, *words: str) -> AsyncIterator[None]:
    """What is done within must be refused with this code and a sentence that has these words."""
    with pytest.raises(aio.AioRpcError) as caught:
        yield
    assert caught.value.code() is code, caught.value.details()
    for word in words:
        assert word in (caught.value.details() or "")
