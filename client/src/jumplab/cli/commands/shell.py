"""`jumplab shell`."""

from datetime import timedelta

import click

from jumplab.cli import completing
from jumplab.cli.options import client_option, lease_options, reconnect_option


@click.command(context_settings={"ignore_unknown_options": False})
@lease_options
@click.option(
    "--lease",
    "lease_name",
    metavar="NAME",
    shell_complete=completing.leases,
    help="Use this existing lease, and do not release it.",
)
@reconnect_option
@client_option
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def shell(
    selector: str,
    exporter: str,
    members: dict[str, str],
    duration: timedelta,
    name: str | None,
    wait_timeout: timedelta | None,
    lease_name: str | None,
    reconnect_within: timedelta | None,
    client_name: str | None,
    command: tuple[str, ...],
) -> int:
    """Lease an exporter and open a shell in which `j` controls it. The lease ends with the shell.

    With a COMMAND (after --), runs that instead and exits with its status.
    """
    from jumplab.cli.lease_context import LeaseOptions, acquire
    from jumplab.cli.leased_shell import open_shell
    from jumplab.cli.running import run
    from jumplab.client import sessions
    from jumplab.client.config_files import load_client
    from jumplab.client.controller import Controller

    config = load_client(client_name)
    wanted = LeaseOptions(selector, exporter, members, duration, name, wait_timeout, lease_name)

    async def lease_and_run() -> int:
        async with Controller.connected(config) as controller, acquire(controller, config, wanted) as acquired:
            patience = sessions.reconnect_within(config, reconnect_within)
            return await open_shell(controller, acquired, config.drivers, command, patience)

    return run(lease_and_run())
