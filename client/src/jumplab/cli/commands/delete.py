"""`jumplab delete`."""

import click

from jumplab.cli.options import client_option


@click.group()
def delete() -> None:
    """Release leases."""


@delete.command(name="lease")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@client_option
def delete_lease(names: tuple[str, ...], client_name: str | None) -> None:
    """Release leases. A lease that no longer exists is an error."""
    from jumplab.cli.running import run
    from jumplab.client.config_files import load_client
    from jumplab.client.controller import Controller

    async def release_each() -> None:
        async with Controller.connected(load_client(client_name)) as controller:
            for name in names:
                await controller.delete_lease(name)
                click.echo(f'lease "{name}" released')

    run(release_each())
