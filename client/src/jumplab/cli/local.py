"""--exporter-config of `shell` and `console`: drivers of this machine, without a lease."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jumplab.cli.exit_status import print_note
from jumplab.client.local_exporter import LocalDrivers, local_drivers


@asynccontextmanager
async def ready_drivers(file: str) -> AsyncIterator[LocalDrivers]:
    """The drivers of an exporter's configuration file; that they are ready is printed on standard error."""
    async with local_drivers(file) as source:
        print_note(f'exporter "{source.exporter_name}" of {file} is ready, without a lease')
        yield source
