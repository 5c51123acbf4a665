"""`jumplab console --log-of`: what a console said in a lease, which may have ended."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import click

from jumplab.cli.console_log import ConsoleLog
from jumplab.cli.lease_context import member_of
from jumplab.client.config import ClientConfig
from jumplab.client.controller import Controller
from jumplab.client.kept_logs import LogReader, reading
from jumplab.control_sequences import printable
from jumplab.driver import errors
from jumplab.drivers.console.kept_logs import KeptLog
from jumplab.transport.errors import NotFound


async def write_kept_log(
    config: ClientConfig,
    lease: str,
    driver: str | None,
    file: Path | None,
    *,
    offset: int = 0,
    control_sequences: bool = False,
) -> None:
    """Writes a console's log behind what a file has, or to standard output.

    driver: the path of the console, after its member in a lease of several exporters; None: the only one.
    offset: which byte of the log to begin with; a negative one counts back from its end.
    """
    async with Controller.connected(config) as controller:
        try:
            member, path = member_of(await controller.lease(lease), driver)
        except NotFound as error:
            raise NotFound(
                f"{error}; an ended lease is deleted after a while, and only the exporter's machine has its logs then",
                code=error.code,
            ) from error
        async with reading(controller, lease, member=member) as reader:
            log = chosen_log(reader, lease, path, member)
            with ConsoleLog.opened(file, control_sequences=control_sequences) as target:
                await copy_kept_log(reader, log, offset, target)


def chosen_log(reader: LogReader, lease: str, path: str | None, member: str) -> KeptLog:
    """The log that is meant. Raises UsageError, which says what there is."""
    prefix = f"{member}." if member else ""
    known = printable(", ".join(prefix + log.console for log in reader.logs))
    if path is None and len(reader.logs) > 1:
        raise click.UsageError(f'several consoles have a log in lease "{lease}": {known}; choose one with --driver')
    found = next((log for log in reader.logs if path in (None, log.console)), None)
    if found is None:
        raise click.UsageError(f'no console "{prefix}{path}" has a log in lease "{lease}" (there are: {known})')
    return found


async def copy_kept_log(reader: LogReader, log: KeptLog, offset: int, target: ConsoleLog) -> None:
    """Writes the log of one console from `offset` on. Raises DriverError, which says how far it came."""
    at = offset if offset >= 0 else max(0, log.size_bytes + offset)
    try:
        async with aclosing(reader.read(log.console, at)) as pieces:
            async for data in pieces:
                await asyncio.to_thread(target.append, data)
                at += len(data)
    except (errors.SessionLost, errors.SessionEnded, errors.StreamReset) as error:
        raise type(error)(f"{error}; this was the log up to its byte {at}; go on with --offset {at}") from error
    target.close()
