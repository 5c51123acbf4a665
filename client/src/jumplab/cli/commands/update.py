"""`jumplab update`."""

from datetime import datetime, timedelta

import click

from jumplab.cli.options import DurationType, MomentType, client_option


@click.group()
def update() -> None:
    """Extend, shorten and hand over leases."""


@update.command(name="lease")
@click.argument("name")
@click.option("--duration", type=DurationType(), help="How long it lasts in all, from when it was ready.")
@click.option("--end", type=MomentType(), help="When it ends, in place of --duration; a moment that has passed: now.")
@click.option("--to", "heir", metavar="CLIENT", default="", help="Hand it over to this client.")
@client_option
def update_lease(
    name: str, duration: timedelta | None, end: datetime | None, heir: str, client_name: str | None
) -> None:
    """Change a lease of yours. What is refused leaves it as it was."""
    from jumplab.cli.running import run
    from jumplab.client.config_files import load_client
    from jumplab.client.controller import Controller, LeaseChange
    from jumplab.client.lease_status import change_sentence
    from jumplab.client.views import LeaseView

    if duration is None and end is None and not heir:
        raise click.UsageError("say what to change: --duration, --end or --to")
    if duration is not None and end is not None:
        raise click.UsageError("--duration and --end contradict each other; give one of them")

    async def change() -> LeaseView:
        async with Controller.connected(load_client(client_name)) as controller:
            return await controller.update_lease(name, LeaseChange(duration, end, heir))

    click.echo(change_sentence(run(change()), datetime.now().astimezone()))
