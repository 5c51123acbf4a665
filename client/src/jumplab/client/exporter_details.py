"""What else can be known of exporters: their drivers, and whom they serve until when."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from jumplab.client.controller import Controller
from jumplab.client.views import ExporterView
from jumplab.transport import errors

_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class ExporterDetails(ExporterView):
    """An exporter with what other requests tell of it.

    holder: the client that has it.  free: when its lease is to end; None where it has none, or that isn't known.
    drivers: the names of those at the top of its tree.
    """

    holder: str = ""
    free: datetime | None = None
    drivers: tuple[str, ...] = ()


async def with_details(controller: Controller, exporters: Sequence[ExporterView]) -> list[ExporterDetails]:
    """The exporters with their details. Raises TransportError; one that was deleted meanwhile has no drivers."""
    leases = {lease.name: lease for lease in await controller.leases()}
    # A lab may have a thousand exporters, and each is a request.
    turn = asyncio.Semaphore(_AT_ONCE)

    async def drivers(name: str) -> tuple[str, ...]:
        async with turn:
            try:
                root = await controller.drivers(name)
            except errors.NotFound:
                return ()
        return tuple(child.name for child in root.children if not child.is_alias) if root is not None else ()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(drivers(each.name), name=f"drivers of {each.name}") for each in exporters]
    found: list[ExporterDetails] = []
    for exporter, task in zip(exporters, tasks, strict=True):
        lease = leases.get(exporter.lease)
        client, end = (lease.client, lease.expected_end) if lease is not None else ("", None)
        view = {field.name: getattr(exporter, field.name) for field in fields(exporter)}
        found.append(ExporterDetails(**view, holder=client, free=end, drivers=task.result()))
    return found
