"""A controller with its router on a real port, over TLS, in front of a lab in memory."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from jumplab.transport.endpoint import Endpoint, Tls
from jumplab_operator.controller.authentication import Authenticator
from jumplab_operator.controller.credentials import CredentialIssuer
from jumplab_operator.controller.dialling import Dialler
from jumplab_operator.controller.offers import Offers
from jumplab_operator.controller.server import controller_server, listen
from jumplab_operator.pki import issue_server_certificate, make_authority
from jumplab_operator.router.relay import Router
from jumplab_operator.router.tokens import TokenReader
from tests.controller.lab import MemoryLab
from tests.controller.world import Clock, Controller


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
    authenticator = Authenticator(lab, issuer, lab.current_tokens, clock)
    server = controller_server(lab, authenticator, dialler, router)
    port = listen(server, "127.0.0.1:0", (certificate.key_pem, certificate.certificate_pem))
    await server.start()
    checking = asyncio.create_task(authenticator.check_beside())
    yield Controller(lab, clock, Endpoint(f"127.0.0.1:{port}", Tls(authority.certificate_pem)), router, dialler)
    checking.cancel()
    router.close()
    await server.stop(0)
