"""The output of a lease's consoles, also after its end: from the logs of the exporter that it had."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from jumplab.client.controller import Controller, Route
from jumplab.control_sequences import printable
from jumplab.driver import errors
from jumplab.drivers.console.kept_logs import AsyncKeptLogsClient, KeptLog
from jumplab.session.client import attach
from jumplab.transport.errors import NotFound, Refused
from jumplab.transport.routed import RoutedLink


@dataclass(frozen=True, slots=True)
class LogReader:
    """The console logs of one lease while they are read.  exporter: which has them.  logs: at least one."""

    exporter: str
    logs: tuple[KeptLog, ...]
    client: AsyncKeptLogsClient

    async def read(self, console: str, offset_bytes: int = 0) -> AsyncGenerator[bytes, None]:
        """A console's output from a byte on until now. Raises DriverError."""
        async with self.client.open("read", console=console, offset_bytes=offset_bytes) as stream:
            while data := await stream.receive():
                yield data
            await stream.result()


@asynccontextmanager
async def reading(controller: Controller, lease: str, *, member: str = "") -> AsyncIterator[LogReader]:
    """The console logs of a lease of the caller's, in force or ended. One session has ten minutes.

    member: of a lease of several exporters, which; empty: the first.
    Raises NotFound where there are none, TransportError where the controller refuses, DriverError where the exporter
    does not answer.
    """
    route = await _dial(controller, lease, member)
    try:
        async with attach(RoutedLink(route.endpoint, route.token), client="jumplab") as session:
            logs = session.root.children.get("logs")
            if not isinstance(logs, AsyncKeptLogsClient):
                raise errors.InterfaceMismatch(
                    f'exporter "{route.exporter}" hands console logs out in another way than this client knows; update '
                    "the older of the two"
                )
            found = await logs.consoles()
            if found.problem or not found.logs:
                problem = printable(found.problem) or "no console has said anything"
                raise NotFound(f'lease "{lease}": {problem}', code="NOT_FOUND")
            yield LogReader(route.exporter, tuple(found.logs), logs)
    except errors.SessionLost as error:
        raise errors.SessionLost(f'exporter "{route.exporter}": {error}') from error


async def _dial(controller: Controller, lease: str, member: str) -> Route:
    try:
        return await controller.dial_logs(lease, member=member)
    except Refused as error:
        if error.code != "UNIMPLEMENTED":
            raise
        message = "the controller is of a version that can't hand out console logs; have jumplab-operator updated"
        raise Refused(message, code=error.code) from error
