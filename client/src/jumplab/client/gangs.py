"""Leases of several exporters: what is asked for, and one object with every member's drivers under its name."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from jumplab.client.acquiring import AcquiredLease
from jumplab.client.config import DriverSettings
from jumplab.client.controller import Controller, Wanted
from jumplab.client.errors import ConfigurationError
from jumplab.client.heartbeat import heartbeat
from jumplab.client.sessions import session_of
from jumplab.driver import AsyncDriverClient, AsyncGenericClient, DriverNode
from jumplab.session.client import RECONNECT_WITHIN, Session


class AsyncGang(AsyncGenericClient):
    """The exporters of a lease of several: the root of each member's drivers is a child, under the member's name."""

    def __init__(self, members: Mapping[str, AsyncDriverClient]) -> None:
        first = next(iter(members.values()))
        super().__init__(DriverNode("", "", "", {}, first._node.caller, children=dict(members)))

    @property
    def epoch(self) -> str:
        """Changes where the process of any of the exporters is replaced."""
        return " ".join(member.epoch for member in self.children.values())


def parse_wanted(text: str) -> Wanted:
    """`@bench-3` is an exporter by its name, anything else a selector."""
    return Wanted(exporter=text[1:]) if text.startswith("@") else Wanted(selector=text)


def parse_members(members: Mapping[str, str]) -> Mapping[str, Wanted]:
    """The request for each member by its name. Raises ConfigurationError where one is empty."""
    wanted = {name: parse_wanted(text.strip()) for name, text in members.items()}
    for name, each in wanted.items():
        if not name or not (each.selector or each.exporter):
            raise ConfigurationError(
                f'member "{name}" has no exporter; give a selector such as board=x, or @NAME of an exporter'
            )
    return wanted


@asynccontextmanager
async def root_of(
    controller: Controller,
    acquired: AcquiredLease,
    drivers: DriverSettings,
    reconnect_within: timedelta = RECONNECT_WITHIN,
    *,
    from_lease_begin: bool = True,
    busy: bool = False,
) -> AsyncIterator[AsyncGenericClient]:
    """The root of a ready lease's drivers; of several exporters one root that has each member's as a child.

    The lease has its heartbeat while the context lasts, also after a session has been lost. The arguments and what is
    raised are as for `sessions.session_of`.
    """
    async with AsyncExitStack() as stack:
        sessions: dict[str, Session] = {}
        for member in [member.name for member in acquired.lease.members] or [""]:
            session = session_of(
                controller, acquired, drivers, reconnect_within, member, from_lease_begin=from_lease_begin, busy=busy
            )
            sessions[member] = await stack.enter_async_context(session)
        await stack.enter_async_context(heartbeat(controller, acquired.lease, busy=busy, after=sessions))
        roots = {member: session.root for member, session in sessions.items()}
        yield AsyncGang(roots) if acquired.lease.members else roots[""]
