"""`jumplab generate`."""

from typing import TYPE_CHECKING

import click

from jumplab.cli import completing
from jumplab.cli.options import client_option

if TYPE_CHECKING:
    from jumplab.client.views import DriverView


@click.group()
def generate() -> None:
    """Print code for tests."""


@generate.command()
@click.argument("exporter", shell_complete=completing.exporters)
@client_option
def board(exporter: str, client_name: str | None) -> None:
    """Print a class for the drivers of EXPORTER, to be given to jumplab.lease(…, board=…)."""
    from jumplab.cli.running import run
    from jumplab.client.board_source import board_source
    from jumplab.client.config_files import load_client
    from jumplab.client.controller import Controller
    from jumplab.client.errors import ClientError

    async def ask() -> "DriverView | None":
        async with Controller.connected(load_client(client_name)) as controller:
            return await controller.drivers(exporter)

    root = run(ask())
    if root is None:
        raise ClientError(f'exporter "{exporter}" has registered no drivers yet; start it, then try again')
    click.echo(board_source(exporter, root), nl=False)
