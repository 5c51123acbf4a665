"""The heartbeat of a lease: a session on each of its members, which shows that the lease's user is there."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from jumplab.client.controller import Controller
from jumplab.client.sessions import reconnecting
from jumplab.client.views import LeaseView
from jumplab.driver.errors import DriverError, SessionEnded
from jumplab.protocol.lease_rules import LONGEST_LEASE
from jumplab.session.client import ClientClasses, Session, attach
from jumplab.transport.backoff import Backoff
from jumplab.transport.errors import TransportError

_GENERIC = ClientClasses(allow=None)
_NO_SESSIONS: Mapping[str, Session] = {}

_log = logging.getLogger(__name__)


@asynccontextmanager
async def heartbeat(
    controller: Controller, lease: LeaseView, *, busy: bool = False, after: Mapping[str, Session] = _NO_SESSIONS
) -> AsyncIterator[None]:
    """Holds a session on every member of a ready lease while the context lasts, whether or not a driver is used.

    busy: the user is at work all this time.  after: sessions of members that are there already; the heartbeat of such a
    member begins when its session has ended. A lost session is attached again until the lease has ended. Never raises,
    and never delays whoever enters or leaves.
    """
    beats = [
        asyncio.create_task(_beat(controller, lease, member, after.get(member), busy=busy), name=f"beat {member}")
        for member in [member.name for member in lease.members] or [""]
    ]
    try:
        yield
    finally:
        for beat in beats:
            beat.cancel()
        await asyncio.gather(*beats, return_exceptions=True)


async def _beat(controller: Controller, lease: LeaseView, member: str, before: Session | None, *, busy: bool) -> None:
    if before is not None:
        await asyncio.shield(before.ended)
    # The lease's end is the only bound: while the lab is out of reach nobody can say that it has ended.
    again = reconnecting(controller, lease, LONGEST_LEASE, member=member)
    backoff = Backoff()
    while True:
        try:
            link = await again.dial()
        except SessionEnded as over:
            _log.debug("the heartbeat of lease %s ends: %s", lease.name, over)
            return
        except TransportError as error:
            _log.debug("the heartbeat of lease %s waits: %s", lease.name, error)
            await backoff.wait()
            continue
        try:
            async with attach(
                link, classes=_GENERIC, client="jumplab heartbeat", reconnecting=again, busy=busy
            ) as session:
                backoff.reset()
                await session.ended
        except DriverError as error:
            _log.debug("the heartbeat of lease %s was turned away: %s", lease.name, error)
        await backoff.wait()
