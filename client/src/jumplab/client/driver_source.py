"""Where a shell's drivers are: the seam between what works with drivers and how they are reached."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from jumplab.client.acquiring import AcquiredLease
from jumplab.client.controller import Controller
from jumplab.client.end_announcements import announce_end
from jumplab.client.sessions import attached, dial, reconnecting
from jumplab.session.client import RECONNECT_WITHIN, ClientClasses, Session
from jumplab.transport.links import Link

Notify = Callable[[str], None]

_log = logging.getLogger(__name__)


class DriverSource(Protocol):
    """Exporters whose drivers this process may use: each is a member, and one alone is the member "".

    lease_name: "" where there is no lease.  exporter_name: the first member's.  is_own: nobody else has used them
    since they became ready.
    """

    @property
    def lease_name(self) -> str: ...

    @property
    def exporter_name(self) -> str: ...

    @property
    def member_names(self) -> Sequence[str]: ...

    @property
    def is_own(self) -> bool: ...

    async def dial(self, member: str) -> Link:
        """A way to a member, good for one session. Raises TransportError, ClientError."""

    def attached(
        self,
        classes: ClientClasses,
        client: str,
        member: str = "",
        within: timedelta = RECONNECT_WITHIN,
        notify: Notify = _log.info,
    ) -> AbstractAsyncContextManager[Session]:
        """A session with a member.

        client: who attaches, for the exporter's log.  within: how long a lost connection may stay away; `notify` gets
        one sentence for each loss. Raises DriverError, TransportError, ClientError.
        """

    async def announce_end(self, notify: Notify) -> None:
        """Waits until the drivers can't be used any more, and says so."""


@dataclass(frozen=True, slots=True)
class LeasedDrivers:
    """A DriverSource: the exporters of a lease that is ready."""

    controller: Controller
    acquired: AcquiredLease

    @property
    def lease_name(self) -> str:
        return self.acquired.lease.name

    @property
    def exporter_name(self) -> str:
        return self.acquired.lease.exporter

    @property
    def member_names(self) -> Sequence[str]:
        return [member.name for member in self.acquired.lease.members] or [""]

    @property
    def is_own(self) -> bool:
        return not self.acquired.persists

    async def dial(self, member: str) -> Link:
        return await dial(self.controller, self.acquired, member=member)

    def attached(
        self,
        classes: ClientClasses,
        client: str,
        member: str = "",
        within: timedelta = RECONNECT_WITHIN,
        notify: Notify = _log.info,
    ) -> AbstractAsyncContextManager[Session]:
        again = reconnecting(self.controller, self.acquired.lease, within, notify, member)
        return attached(self.controller, self.acquired, classes, again, client, member)

    async def announce_end(self, notify: Notify) -> None:
        """Also warns before the end, and says the notice of the lease's preemption."""
        await announce_end(self.controller, self.acquired, notify)
