"""From a lease that is ready to its drivers: dialling, and attaching.

Where the exporter is on this machine its own socket is the way, else a router. With JUMPLAB_ALWAYS_ROUTE=1 in the
environment it is the router in any case.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

from jumplab.client.acquiring import AcquiredLease
from jumplab.client.config import ClientConfig, DriverSettings
from jumplab.client.controller import Controller
from jumplab.client.lease_status import failure_of, foreign_to
from jumplab.client.views import LeaseView
from jumplab.driver.errors import SessionEnded, SessionLost
from jumplab.protocol.statuses import status_name
from jumplab.protocol.v1.session_pb2 import LogLine, StatusChange
from jumplab.session.client import RECONNECT_WITHIN, ClientClasses, Reconnecting, Session, attach
from jumplab.transport.backoff import Backoff
from jumplab.transport.errors import (
    CertificateRejected,
    NotAuthenticated,
    NotFound,
    NotPossibleNow,
    Refused,
    Unreachable,
)
from jumplab.transport.links import Link
from jumplab.transport.local import LocalLink
from jumplab.transport.routed import RoutedLink
from jumplab.transport.same_machine import is_usable, machine_id

DIAL_BOUND = timedelta(seconds=15)
_NO_TIME = timedelta(milliseconds=1)  # Jumpstarter's 0: a connection that is lost is not tried again

_log = logging.getLogger(__name__)
_exporter_log = logging.getLogger("jumplab.exporter")


def reconnect_within(config: ClientConfig, asked: timedelta | None) -> timedelta:
    """How long a lost connection may stay away: as asked, as the configuration says, or five minutes."""
    configured = config.patience.reconnect_within
    within = asked if asked is not None else RECONNECT_WITHIN if configured is None else configured
    return max(within, _NO_TIME)


async def dial(
    controller: Controller, acquired: AcquiredLease, *, member: str = "", backoff: Backoff | None = None
) -> Link:
    """A way to a ready lease's exporter, good for one session. A controller that is away is tried for as long as the
    configuration says, else for DIAL_BOUND.

    A lease whose exporter was lost before its first use gets another one: this waits for it.
    member: of a lease of several exporters, which; empty: the first.
    Raises TransportError, and what waiting for a lease raises.
    """
    backoff = backoff or Backoff()
    clock = asyncio.get_running_loop().time
    deadline = clock() + (controller.dial_within or DIAL_BOUND).total_seconds()
    while True:
        try:
            return await _link(controller, acquired.lease, member)
        except NotPossibleNow:
            if clock() > deadline:
                raise
            refused_at = clock()
            await acquired.until_ready()
            deadline += clock() - refused_at
        except Unreachable as error:
            if isinstance(error, CertificateRejected) or clock() > deadline:
                raise
        await backoff.wait()


@asynccontextmanager
async def session_of(
    controller: Controller,
    acquired: AcquiredLease,
    drivers: DriverSettings,
    reconnect_within: timedelta = RECONNECT_WITHIN,
    member: str = "",
    *,
    from_lease_begin: bool = True,
    busy: bool = False,
) -> AsyncIterator[Session]:
    """A session with a ready lease's exporter. Its log lines and status go to the logger `jumplab.exporter`.

    reconnect_within: how long a lost connection may stay away.  member: as for `dial`.  from_lease_begin: as for
    Session.  busy: as for `attach`.

    Raises TransportError where the controller refuses, DriverError where the exporter can't be attached to, and what
    waiting for a lease raises.
    """
    again = reconnecting(controller, acquired.lease, reconnect_within, member=member)
    async with attached(
        controller,
        acquired,
        client_classes(drivers),
        again,
        "jumplab",
        member,
        from_lease_begin=from_lease_begin,
        busy=busy,
    ) as session:
        session.on_log = partial(log, session)
        session.on_status = log_status
        yield session


@asynccontextmanager
async def attached(
    controller: Controller,
    acquired: AcquiredLease,
    classes: ClientClasses,
    again: Reconnecting,
    client: str,
    member: str = "",
    *,
    from_lease_begin: bool = True,
    busy: bool = False,
) -> AsyncIterator[Session]:
    """A session with a ready lease's exporter; where that is lost before it has answered, with the one that
    replaces it.

    again, client, from_lease_begin, busy: as for `attach`.  member, and what is raised: as for `session_of`.
    """
    async with AsyncExitStack() as stack:
        session = None
        while session is None:
            link = await dial(controller, acquired, member=member)
            try:
                attaching = attach(
                    link,
                    classes=classes,
                    client=client,
                    reconnecting=again,
                    from_lease_begin=from_lease_begin,
                    busy=busy,
                )
                session = await stack.enter_async_context(attaching)
            except SessionLost:
                if not await acquired.until_ready():
                    raise
        yield session


def reconnecting(
    controller: Controller,
    lease: LeaseView,
    within: timedelta = RECONNECT_WITHIN,
    notify: Callable[[str], None] = _log.info,
    member: str = "",
) -> Reconnecting:
    """How a session of this lease gets another connection: by dialling anew, for as long as the lease lasts.

    notify: receives one sentence for each loss of the connection.
    """

    async def dial_again() -> Link:
        try:
            return await _link(controller, lease, member)
        except NotFound as error:
            raise SessionEnded(f'lease "{lease.name}" was deleted') from error
        except NotAuthenticated as error:  # this token is never taken again
            raise SessionEnded(str(error)) from error
        except Refused:
            now = await controller.lease(lease.name)
            if failure := failure_of(now) or foreign_to(controller.client_name, now):
                raise SessionEnded(str(failure)) from failure
            raise

    return Reconnecting(dial_again, within, notify)


async def _link(controller: Controller, lease: LeaseView, member: str) -> Link:
    """The shortest way that can be used now; where the socket can't be, another session is dialled for the router."""
    machine = "" if os.environ.get("JUMPLAB_ALWAYS_ROUTE") == "1" else machine_id()
    route = await controller.attach(lease.name, uid=lease.uid, member=member, machine=machine)
    if route.socket is not None:
        if await is_usable(route.socket):
            return LocalLink(route.socket, route.token)
        route = await controller.attach(lease.name, uid=lease.uid, member=member)
    return route.link or RoutedLink(route.endpoint, route.token)


def client_classes(drivers: DriverSettings) -> ClientClasses:
    """Which client classes the configuration allows."""
    return ClientClasses(allow=drivers.allow, unsafe=drivers.unsafe)


def log_status(change: StatusChange) -> None:
    """Hands on where the exporter is in its life."""
    _exporter_log.info("the exporter's status is %s: %s", status_name(change.status), change.message)


def log(session: Session, line: LogLine) -> None:
    """Hands an exporter's log line to Python's logging, at its severity."""
    level = logging.getLevelNamesMapping().get(line.severity, logging.INFO)
    _exporter_log.log(level, "%s", session.shown(line))
