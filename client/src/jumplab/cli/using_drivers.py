"""The common part of `shell` and `run`: a command with the drivers of a lease, or of a file without a lease."""

import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from jumplab.cli.exit_status import print_note
from jumplab.cli.lease_context import LeaseOptions, acquire
from jumplab.cli.leased_shell import Commission, open_shell
from jumplab.cli.local import ready_drivers
from jumplab.cli.parent_process import ParentProcess
from jumplab.cli.running import Interruptions, run_interruptible
from jumplab.client import sessions
from jumplab.client.acquiring import not_released
from jumplab.client.config import DriverSettings
from jumplab.client.config_files import load_client
from jumplab.client.controller import Controller
from jumplab.client.driver_source import LeasedDrivers
from jumplab.session.client import RECONNECT_WITHIN
from jumplab.transport.errors import TransportError


@dataclass(frozen=True, slots=True)
class Source:
    """Where the drivers are: of a lease, or in an exporter's configuration file.

    unattended: nobody is at a terminal who may come back, and the lease is in use while the command lives.
    """

    wanted: LeaseOptions
    client_name: str | None
    reconnect_within: timedelta | None
    exporter_config: str | None
    with_parent: bool
    unattended: bool = False


def use_drivers(source: Source, commission: Callable[[Interruptions], Commission]) -> int:
    """Leases, runs the command, and releases; the command's exit status."""
    with_drivers = _with_lease if source.exporter_config is None else _with_file
    work = with_drivers(source, commission)
    return run_interruptible(work, ParentProcess.watched(source.with_parent, os.environ))


def _with_lease(
    source: Source, commission: Callable[[Interruptions], Commission]
) -> Callable[[Interruptions], Coroutine[Any, Any, int]]:
    config = load_client(source.client_name)

    async def lease_and_run(interruptions: Interruptions) -> int:
        status = None
        try:
            async with (
                Controller.connected(config) as controller,
                acquire(
                    controller, config, source.wanted, interactive=not source.unattended, busy=source.unattended
                ) as acquired,
            ):
                patience = sessions.reconnect_within(config, source.reconnect_within)
                drivers = LeasedDrivers(controller, acquired)
                status = await open_shell(drivers, config.drivers, patience, commission(interruptions))
        except TransportError as error:
            if status is None:
                raise
            print_note(not_released(acquired.lease.name, acquired.limit, error))
        return status

    return lease_and_run


def _with_file(
    source: Source, commission: Callable[[Interruptions], Commission]
) -> Callable[[Interruptions], Coroutine[Any, Any, int]]:
    assert source.exporter_config is not None
    file = source.exporter_config

    async def start_and_run(interruptions: Interruptions) -> int:
        async with ready_drivers(file) as drivers:
            # The file is the user's own, and so is whatever client class its drivers name.
            return await open_shell(drivers, DriverSettings(unsafe=True), RECONNECT_WITHIN, commission(interruptions))

    return start_and_run
