"""A controller with its router on a real port, over TLS, in front of a lab in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from grpc import aio

from jumplab.protocol.client_v1.client_pb2_grpc import ClientServiceStub
from jumplab.protocol.v1.controller_pb2_grpc import ControllerServiceStub
from jumplab.transport.channel import open_channel
from jumplab.transport.endpoint import Endpoint, Identity
from jumplab_operator.controller.authentication import FRESH, RECHECK
from jumplab_operator.controller.dialling import Dialler
from jumplab_operator.router.relay import Router
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


@asynccontextmanager
async def refused(code: grpc.StatusCode, *words: str) -> AsyncIterator[None]:
    """What is done within must be refused with this code and a sentence that has these words."""
    with pytest.raises(aio.AioRpcError) as caught:
        yield
    assert caught.value.code() is code, caught.value.details()
    for word in words:
        assert word in (caught.value.details() or "")
