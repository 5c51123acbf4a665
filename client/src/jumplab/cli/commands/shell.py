"""`jumplab shell`."""

from datetime import timedelta

import click

from jumplab.cli import completing
from jumplab.cli.options import (
    check_without_lease,
    client_option,
    exporter_config_option,
    keep_detached_option,
    lease_options,
    reconnect_option,
)


@click.command(context_settings={"ignore_unknown_options": False})
@lease_options
@click.option(
    "--lease",
    "lease_name",
    metavar="NAME",
    shell_complete=completing.leases,
    help="Use this existing lease, and do not release it.",
)
@keep_detached_option
@exporter_config_option
@reconnect_option
@client_option
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def shell(
    selector: str,
    exporter: str,
    members: dict[str, str],
    duration: timedelta,
    max_duration: timedelta | None,
    name: str | None,
    wait_timeout: timedelta | None,
    lease_name: str | None,
    keep_detached: bool,
    exporter_config: str | None,
    reconnect_within: timedelta | None,
    client_name: str | None,
    command: tuple[str, ...],
) -> int:
    """Lease an exporter and open a shell in which `j` controls it. The lease ends with the shell.

    With a COMMAND (after --), runs that instead and exits with its status. With --exporter-config there is no lease:
    the drivers run on this machine, and end with the shell.
    """
    from jumplab.cli.lease_context import LeaseOptions, acquire
    from jumplab.cli.leased_shell import open_shell
    from jumplab.cli.running import run
    from jumplab.client import sessions
    from jumplab.client.config_files import load_client
    from jumplab.client.controller import Controller
    from jumplab.client.driver_source import LeasedDrivers

    if exporter_config is not None:
        return _local_shell(exporter_config, command)
    config = load_client(client_name)
    wanted = LeaseOptions(
        selector, exporter, members, duration, name, wait_timeout, lease_name, max_duration, keep_detached
    )

    async def lease_and_run() -> int:
        async with Controller.connected(config) as controller, acquire(controller, config, wanted) as acquired:
            patience = sessions.reconnect_within(config, reconnect_within)
            return await open_shell(LeasedDrivers(controller, acquired), config.drivers, command, patience, client_name)

    return run(lease_and_run())


def _local_shell(exporter_config: str, command: tuple[str, ...]) -> int:
    from jumplab.cli.leased_shell import open_shell
    from jumplab.cli.local import ready_drivers
    from jumplab.cli.running import run
    from jumplab.client.config import DriverSettings
    from jumplab.session.client import RECONNECT_WITHIN

    check_without_lease(click.get_current_context())

    async def start_and_run() -> int:
        async with ready_drivers(exporter_config) as source:
            # The file is the user's own, and so is whatever client class its drivers name.
            return await open_shell(source, DriverSettings(unsafe=True), command, RECONNECT_WITHIN)

    return run(start_and_run())
