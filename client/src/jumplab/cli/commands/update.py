"""`jumplab update`."""

from datetime import datetime, timedelta

import click

from jumplab.cli import completing
from jumplab.cli.kinds import KindGroup
from jumplab.cli.options import LeaseDurationType, TimestampType, client_option, output_option


@click.group(cls=KindGroup)
def update() -> None:
    """Extend, shorten or transfer a lease."""


@update.command(name="lease")
@click.argument("name", shell_complete=completing.leases)
@click.option(
    "--duration",
    type=LeaseDurationType(),
    help="New duration, counted from the moment at which the lease became ready.",
)
@click.option(
    "--end", type=TimestampType(), help="New end time, in place of --duration. A time in the past ends the lease now."
)
@click.option(
    "--to",
    "heir",
    metavar="CLIENT",
    default="",
    shell_complete=completing.holders,
    help="Transfer the lease to this client.",
)
@output_option
@client_option
def update_lease(
    name: str,
    duration: timedelta | None,
    end: datetime | None,
    heir: str,
    output: str | None,
    client_name: str | None,
) -> None:
    """Change one of your leases. A refused change has no effect."""
    from jumplab.cli.exit_status import print_result
    from jumplab.cli.output import LEASE_COLUMNS, write
    from jumplab.cli.running import run
    from jumplab.client.config_files import load_client
    from jumplab.client.controller import Controller, LeaseChange
    from jumplab.client.lease_status import change_sentence
    from jumplab.client.views import LeaseView

    if duration is None and end is None and not heir:
        raise click.UsageError("nothing to change; give --duration, --end or --to")
    if duration is not None and end is not None:
        raise click.UsageError("--duration and --end contradict each other; give one of them")

    async def change() -> LeaseView:
        async with Controller.connected(load_client(client_name)) as controller:
            return await controller.update_lease(name, LeaseChange(duration, end, heir))

    lease = run(change())
    if output is None:
        print_result(change_sentence(lease, datetime.now().astimezone()))
    else:
        write([lease], LEASE_COLUMNS, output, single=True)
