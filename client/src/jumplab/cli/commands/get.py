"""`jumplab get`."""

import click

from jumplab.cli.options import client_option, output_option


@click.group()
def get() -> None:
    """Show exporters, leases and the queue."""


@get.command()
@click.argument("name", required=False)
@click.option(
    "-l", "--selector", default="", metavar="SELECTOR", help="Show only exporters that match, for example board=x."
)
@output_option
@client_option
def exporters(name: str | None, selector: str, output: str | None, client_name: str | None) -> None:
    """Show all exporters, or exporter NAME."""
    from jumplab.cli.output import EXPORTER_COLUMNS, write
    from jumplab.cli.running import run
    from jumplab.client.config_files import load_client
    from jumplab.client.controller import Controller
    from jumplab.client.views import ExporterView

    async def ask() -> list[ExporterView]:
        async with Controller.connected(load_client(client_name)) as controller:
            return [await controller.exporter(name)] if name else await controller.exporters(selector)

    write(run(ask()), EXPORTER_COLUMNS, output, single=name is not None)


@get.command()
@click.argument("name", required=False)
@click.option(
    "-l", "--selector", default="", metavar="SELECTOR", help="Show only leases that match this label selector."
)
@click.option("--all", "show_all", is_flag=True, help="Include ended leases.")
@output_option
@client_option
def leases(name: str | None, selector: str, show_all: bool, output: str | None, client_name: str | None) -> None:
    """Show the leases that have not ended, or lease NAME."""
    from jumplab.cli.output import LEASE_COLUMNS, write
    from jumplab.cli.running import run
    from jumplab.client.config_files import load_client
    from jumplab.client.controller import Controller
    from jumplab.client.views import LeaseView

    async def ask() -> list[LeaseView]:
        async with Controller.connected(load_client(client_name)) as controller:
            return (
                [await controller.lease(name)] if name else await controller.leases(selector, only_active=not show_all)
            )

    write(run(ask()), LEASE_COLUMNS, output, single=name is not None)


@get.command()
@click.argument("selector", default="")
@output_option
@client_option
def queue(selector: str, output: str | None, client_name: str | None) -> None:
    """Show waiting leases in queue order. SELECTOR limits it to matching exporters."""
    from jumplab.cli.exit_status import print_note
    from jumplab.cli.output import QUEUE_COLUMNS, write
    from jumplab.cli.running import run
    from jumplab.client.config_files import load_client
    from jumplab.client.controller import Controller
    from jumplab.client.waiting import QueuedLease

    async def ask() -> tuple[list[QueuedLease], bool]:
        async with Controller.connected(load_client(client_name)) as controller:
            return await controller.queue(selector)

    found, more = run(ask())
    write(found, QUEUE_COLUMNS, output, single=False)
    if more:
        print_note("there are more; add a selector such as board=x to see the others")
