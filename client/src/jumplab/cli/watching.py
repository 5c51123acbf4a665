"""Rows of a list as they change, for `jumplab get -w`."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

from jumplab.cli.exit_status import print_note
from jumplab.cli.output import RowWriter
from jumplab.client.controller import Controller
from jumplab.client.views import LeaseView
from jumplab.transport import errors

View = TypeVar("View", bound=Any)

_INTERVAL = timedelta(seconds=1)


async def watch(ask: Callable[[], Awaitable[Sequence[View]]], gone: Callable[[View], View], writer: RowWriter) -> None:
    """Writes each row that is new or has changed, until it is cancelled.

    ask: gives all rows at one moment; NotFound is none, but not at first.  gone: how a row is shown that is no longer
    there. A controller that goes away meanwhile is waited for. Raises TransportError.
    """
    shown = {view.name: view for view in await ask()}
    writer.write(list(shown.values()))
    is_away = False
    while True:
        await asyncio.sleep(_INTERVAL.total_seconds())
        try:
            found = {view.name: view for view in await ask()}
        except errors.CertificateRejected:
            raise
        except errors.NotFound:
            found = {}
        except errors.Unreachable as error:
            if not is_away:
                print_note(f"{error}; trying again")
            is_away = True
            continue
        is_away = False
        writer.write([*found.values(), *(gone(view) for name, view in shown.items() if name not in found)])
        shown = found


class EndedWhileWatched:
    """Leases that have ended since they were first shown. They are asked for one by one: a lab has thousands of others
    that have ended."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._active: set[str] = set()
        self._ended: dict[str, LeaseView] = {}

    async def added_to(self, active: Sequence[LeaseView]) -> list[LeaseView]:
        """The active leases, and those that were among them before and have ended; not those that are gone."""
        names = {lease.name for lease in active}
        for name in sorted(self._active - names):
            with suppress(errors.NotFound):
                lease = await self._controller.lease(name)
                if lease.ended:
                    self._ended[name] = lease
        self._active = names
        self._ended = {name: lease for name, lease in self._ended.items() if name not in names}
        return sorted([*active, *self._ended.values()], key=lambda lease: lease.name)
