"""A client that goes on with its work during an attack, and times each of its calls."""

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from jumplab.protocol.client_v1 import client_pb2
from jumplab.protocol.client_v1.client_pb2_grpc import ClientServiceStub
from jumplab.protocol.grpc_loading import aio
from jumplab.transport.channel import open_channel
from tools.abuse.battlefield import LEASE, Battlefield
from tools.abuse.target import NAMESPACE
from tools.bench.lab import place

_BOUND_SECONDS = 20.0
_EVERY_SECONDS = 0.1
_NEW_EVERY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Call:
    """begun: on the monotonic clock.  is_new: on a connection of its own, handshake included."""

    begun: float
    seconds: float
    is_new: bool
    error: str


@dataclass(slots=True)
class Bystander:
    """Calls the controller over one connection, and over new ones; and the standalone API where there is one."""

    field: Battlefield
    calls: list[Call] = dataclasses.field(default_factory=list)

    async def run(self) -> None:
        """Until it is cancelled."""
        async with (
            open_channel(self.field.endpoint, identity=self.field.honest, own_connection=True) as channel,
            self._session() as session,
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(self._repeat(lambda: self._call(channel), is_new=False), name="calls")
            tasks.create_task(self._repeat(self._new_call, is_new=True), name="calls of newcomers")
            if self.field.target.api:
                tasks.create_task(self._repeat(lambda: self._request(session), is_new=False), name="requests")
                tasks.create_task(self._repeat(self._new_request, is_new=True), name="requests of newcomers")

    def slowest(self, since: float, *, new: bool) -> tuple[float, int, str]:
        """Of the calls since then: seconds of the slowest that was answered; how many failed, and how the last did."""
        of_kind = [call for call in self.calls if call.begun >= since and call.is_new is new]
        failed = [call.error for call in of_kind if call.error]
        longest = max((call.seconds for call in of_kind if not call.error), default=0.0)
        return longest, len(failed), failed[-1] if failed else ""

    async def _repeat(self, call: Callable[[], Awaitable[None]], *, is_new: bool) -> None:
        while True:
            begun, error = time.monotonic(), ""
            try:
                async with asyncio.timeout(_BOUND_SECONDS):
                    await call()
            except aio.AioRpcError as failure:
                error = f"{failure.code().name}: {failure.details()}"
            except (aiohttp.ClientError, OSError, TimeoutError) as failure:
                error = f"{type(failure).__name__}: {failure}"
            self.calls.append(Call(begun, time.monotonic() - begun, is_new, error))
            await asyncio.sleep(_NEW_EVERY_SECONDS if is_new else _EVERY_SECONDS)

    async def _call(self, channel: aio.Channel) -> None:
        await ClientServiceStub(channel).GetLease(
            client_pb2.GetLeaseRequest(name=f"namespaces/{NAMESPACE}/leases/{LEASE}")
        )

    async def _new_call(self) -> None:
        async with open_channel(self.field.endpoint, identity=self.field.honest, own_connection=True) as channel:
            await self._call(channel)

    def _session(self) -> aiohttp.ClientSession:
        headers = {"Authorization": f"Bearer {self.field.honest.token}"}
        return aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(ssl=self.field.target.tls()))

    async def _request(self, session: aiohttp.ClientSession) -> None:
        async with session.get(f"https://{self.field.target.api}{place('leases', LEASE)}") as answer:
            answer.raise_for_status()
            await answer.read()

    async def _new_request(self) -> None:
        async with self._session() as session:
            await self._request(session)
