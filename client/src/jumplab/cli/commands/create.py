"""`jumplab create`."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from jumplab.cli.kinds import KindGroup
from jumplab.cli.options import (
    TimestampType,
    administrator_options,
    client_option,
    lease_options,
    output_option,
)

if TYPE_CHECKING:
    from jumplab.client.admin import Kind
    from jumplab.client.views import LeaseView


@click.group(cls=KindGroup)
def create() -> None:
    """Create a lease. Administrators: create an exporter or a client."""


@create.command(name="lease")
@click.argument("positional_name", metavar="[NAME]", required=False)
@lease_options
@click.option("--begin", type=TimestampType(), help="Begin time; until then an exporter is reserved. Default: now.")
@click.option("--wait", is_flag=True, help="Wait until the lease is ready.")
@output_option
@client_option
def create_lease(
    positional_name: str | None,
    selector: str,
    exporter: str,
    members: dict[str, str],
    duration: timedelta,
    max_duration: timedelta | None,
    name: str | None,
    begin: datetime | None,
    tags: dict[str, str],
    wait: bool,
    wait_timeout: timedelta | None,
    output: str | None,
    client_name: str | None,
) -> None:
    """Create a lease. It lasts until it is released or its time is over.

    NAME is the lease's name; without it one is generated. An ended lease of yours with this name is replaced.
    With --wait, one that can't be had is released again, and so is one whose waiting is interrupted.
    """
    from jumplab.cli.exit_status import print_note
    from jumplab.cli.output import LEASE_COLUMNS, write
    from jumplab.cli.running import run
    from jumplab.client import acquiring
    from jumplab.client.config_files import load_client
    from jumplab.client.controller import Controller
    from jumplab.client.gangs import parse_members

    if positional_name is not None and name is not None:
        raise click.UsageError("the name is given twice, as NAME and with --name; give it once")
    config = load_client(client_name)
    timeout = wait_timeout or config.patience.wait_timeout
    request = acquiring.make_request(
        config,
        selector=selector,
        exporter=exporter,
        members=parse_members(members),
        duration=duration,
        name=positional_name if name is None else name,
        begin=begin,
        tags=tags,
        max_duration=max_duration,
    )

    async def ask() -> "LeaseView":
        async with Controller.connected(config) as controller:
            if not wait:
                return await controller.create_lease(request)
            async with acquiring.acquired(controller, request, timeout=timeout, notify=print_note) as acquired:
                acquired.persist()
                return acquired.lease

    lease = run(ask())
    if output is None:
        had = ", ".join(f'"{member.exporter}"' for member in lease.members) or f'"{lease.exporter}"'
        state = f"is ready on exporter{'s' if lease.members else ''} {had}" if wait else "created"
        click.echo(f'lease "{lease.name}" {state}')
    else:
        write([lease], LEASE_COLUMNS, output, single=True)


def _add_command(kind: "Kind") -> None:
    @create.command(name=kind.lower(), help=f"Administrators: add {kind.lower()} NAME and write its configuration.")
    @click.argument("name")
    @click.option(
        "-l",
        "--label",
        "labels",
        metavar="KEY=VALUE",
        multiple=True,
        help="A label. Repeat the option for more labels.",
    )
    @click.option(
        "--save", is_flag=True, help="Write the configuration to its default file instead of standard output."
    )
    @click.option(
        "--rotate", is_flag=True, help=f"Replace the token of {kind.lower()} NAME, which exists; the old one ends."
    )
    @click.option("--out", metavar="FILE", type=click.Path(dir_okay=False), help="Write the configuration to FILE.")
    @administrator_options
    def add(
        name: str,
        labels: tuple[str, ...],
        save: bool,
        rotate: bool,
        out: str | None,
        kubeconfig: str | None,
        namespace: str | None,
    ) -> None:
        from jumplab.cli import credential_files
        from jumplab.client.admin import Administrator

        if out == "":
            raise click.UsageError("--out is empty; name a file, or leave it out to print the configuration")
        if save and out:
            raise click.UsageError("--save and --out contradict each other; give one of them")
        if rotate and labels:
            raise click.UsageError("--rotate changes the token alone; leave out --label")
        read = credential_files.read_labels(labels)
        path = credential_files.chosen_path(kind, name, save=save, out=out)
        administrator = Administrator(kubeconfig, namespace)
        if rotate:
            credential_files.replace_token(administrator, kind, name, path)
        else:
            credential_files.add_to_lab(administrator, kind, name, read, path)
            if save and kind == "Client":
                credential_files.use_first_client(name)


_add_command("Exporter")
_add_command("Client")
