"""`jumplab get`."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from jumplab.cli import completing
from jumplab.cli.kinds import KindGroup
from jumplab.cli.options import (
    administrator_options,
    all_namespaces_option,
    client_option,
    output_option,
    own_namespace_only,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jumplab.client.admin import ClientView
    from jumplab.client.views import ExporterView, LeaseView
    from jumplab.client.waiting import QueuedLease

_watch_option = click.option("-w", "--watch", "watches", is_flag=True, help="Show rows as they change, until Ctrl-C.")


@click.group(cls=KindGroup)
def get() -> None:
    """Show exporters and their history, leases, the queue and, for administrators, clients."""


@get.command()
@click.argument("name", required=False, shell_complete=completing.exporters)
@click.option(
    "-l",
    "--selector",
    default="",
    metavar="SELECTOR",
    shell_complete=completing.exporter_selector,
    help="Show only exporters that match, for example board=x.",
)
@_watch_option
@output_option
@own_namespace_only
@client_option
def exporters(name: str | None, selector: str, watches: bool, output: str | None, client_name: str | None) -> None:
    """Show all exporters, or exporter NAME."""
    from jumplab.cli.output import EXPORTER_COLUMNS, WIDE_EXPORTER_COLUMNS, RowWriter, write
    from jumplab.cli.running import run
    from jumplab.cli.watching import watch
    from jumplab.client.config_files import load_client
    from jumplab.client.controller import Controller
    from jumplab.client.exporter_details import with_details

    columns = WIDE_EXPORTER_COLUMNS if output == "wide" else EXPORTER_COLUMNS
    in_full = output in ("wide", "json", "yaml")

    async def show() -> None:
        async with Controller.connected(load_client(client_name)) as controller:

            async def ask() -> "Sequence[ExporterView]":
                found = [await controller.exporter(name)] if name is not None else await controller.exporters(selector)
                return await with_details(controller, found) if in_full else found

            if watches:
                await watch(ask, _deleted_exporter, RowWriter(columns, output))
            write(await ask(), columns, output, single=name is not None)

    run(show())


@get.command()
@click.argument("name", required=False, shell_complete=completing.leases)
@click.option(
    "-l",
    "--selector",
    default="",
    metavar="SELECTOR",
    shell_complete=completing.lease_selector,
    help="Show only leases that match this label selector.",
)
@click.option("--all", "show_all", is_flag=True, help="Include ended leases.")
@_watch_option
@output_option
@own_namespace_only
@client_option
def leases(
    name: str | None, selector: str, show_all: bool, watches: bool, output: str | None, client_name: str | None
) -> None:
    """Show the leases that have not ended, or lease NAME."""
    from jumplab.cli.output import LEASE_COLUMNS, RowWriter, write
    from jumplab.cli.running import run
    from jumplab.cli.watching import EndedWhileWatched, watch
    from jumplab.client.config_files import load_client
    from jumplab.client.controller import Controller

    async def show() -> None:
        async with Controller.connected(load_client(client_name)) as controller:
            ended = EndedWhileWatched(controller)

            async def ask() -> "list[LeaseView]":
                if name is not None:
                    return [await controller.lease(name)]
                found = await controller.leases(selector, only_active=not show_all)
                return await ended.added_to(found) if watches and not show_all else found

            if watches:
                await watch(ask, _deleted_lease, RowWriter(LEASE_COLUMNS, output))
            write(await ask(), LEASE_COLUMNS, output, single=name is not None)

    run(show())


@get.command()
@click.argument("exporter", shell_complete=completing.exporters)
@output_option
@client_option
def history(exporter: str, output: str | None, client_name: str | None) -> None:
    """Show the last leases of EXPORTER, the newest first: who had it, when, and how each lease ended."""
    from jumplab.cli.output import HISTORY_COLUMNS, write
    from jumplab.cli.running import run
    from jumplab.client.config_files import load_client
    from jumplab.client.controller import Controller
    from jumplab.client.views import PastLeaseView

    async def ask() -> list[PastLeaseView]:
        async with Controller.connected(load_client(client_name)) as controller:
            return await controller.history(exporter)

    write(run(ask()), HISTORY_COLUMNS, output, single=False)


@get.command()
@click.argument("selector", default="", shell_complete=completing.exporter_selector)
@_watch_option
@output_option
@own_namespace_only
@client_option
def queue(selector: str, watches: bool, output: str | None, client_name: str | None) -> None:
    """Show waiting leases in queue order. SELECTOR limits it to matching exporters."""
    from jumplab.cli.exit_status import print_note
    from jumplab.cli.output import QUEUE_COLUMNS, RowWriter, write
    from jumplab.cli.running import run
    from jumplab.cli.watching import watch
    from jumplab.client.config_files import load_client
    from jumplab.client.controller import Controller

    async def show() -> None:
        async with Controller.connected(load_client(client_name)) as controller:

            async def ask() -> "Sequence[QueuedLease]":
                return (await controller.queue(selector))[0]

            if watches:
                await watch(ask, _out_of_queue, RowWriter(QUEUE_COLUMNS, output))
            found, more = await controller.queue(selector)
            write(found, QUEUE_COLUMNS, output, single=False)
            if more:
                print_note("there are more; add a selector such as board=x to see the others")

    run(show())


@get.command()
@click.argument("name", required=False, shell_complete=completing.all_clients)
@click.option(
    "-l",
    "--selector",
    default="",
    metavar="SELECTOR",
    shell_complete=completing.client_selector,
    help="Show only clients that match.",
)
@_watch_option
@output_option
@all_namespaces_option
@administrator_options
def clients(
    name: str | None,
    selector: str,
    watches: bool,
    output: str | None,
    all_namespaces: bool,
    kubeconfig: str | None,
    namespace: str | None,
) -> None:
    """Administrators: show all clients, or client NAME."""
    import asyncio

    from jumplab.cli.output import CLIENT_COLUMNS, NAMESPACE_COLUMN, RowWriter, write
    from jumplab.cli.running import run
    from jumplab.cli.watching import watch
    from jumplab.client.admin import Administrator

    administrator = Administrator(kubeconfig, namespace)
    if name is not None and all_namespaces:
        raise click.UsageError("one client is of one namespace; name it with -n instead of -A")
    columns = {**NAMESPACE_COLUMN, **CLIENT_COLUMNS} if all_namespaces else CLIENT_COLUMNS

    def ask() -> "Sequence[ClientView]":
        if name is not None:
            return [administrator.client(name)]
        return administrator.clients(selector, everywhere=all_namespaces)

    if watches:
        writer = RowWriter(columns, output)
        run(watch(lambda: asyncio.to_thread(ask), lambda shown: replace(shown, enabled=False), writer))
    write(ask(), columns, output, single=name is not None)


def _deleted_exporter(shown: "ExporterView") -> "ExporterView":
    from jumplab.client.exporter_details import ExporterDetails

    if isinstance(shown, ExporterDetails):
        shown = replace(shown, holder="", free=None)
    return replace(shown, online=False, status="Deleted", lease="")


def _deleted_lease(shown: "LeaseView") -> "LeaseView":
    return replace(shown, ended=True, conditions=())


def _out_of_queue(shown: "QueuedLease") -> "QueuedLease":
    """How a lease is shown that waits no longer: position 0."""
    place = replace(
        shown.queue_position, position=0, expected_begin=None, latest_begin=None, message="it waits no longer"
    )
    return replace(shown, queue_position=place)
