"""`jumplab delete`."""

from typing import TYPE_CHECKING

import click

from jumplab.cli import completing
from jumplab.cli.kinds import KindGroup
from jumplab.cli.options import administrator_options, client_option

if TYPE_CHECKING:
    from jumplab.client.admin import Kind


@click.group(cls=KindGroup)
def delete() -> None:
    """Release leases. Administrators: delete exporters and clients."""


@delete.command(name="lease")
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=completing.leases)
@client_option
def delete_lease(names: tuple[str, ...], client_name: str | None) -> int:
    """Release leases. They stay as ended leases; `jumplab get leases --all` shows them.

    A lease that has ended already stays as it is. A lease that does not exist is an error; the others are released.
    """
    from jumplab.cli.exit_status import print_note, print_result
    from jumplab.cli.running import run
    from jumplab.client.config_files import load_client
    from jumplab.client.controller import Controller
    from jumplab.client.lease_status import already_ended
    from jumplab.transport.errors import NotAllowed, NotFound

    async def release_each() -> int:
        status = 0
        async with Controller.connected(load_client(client_name)) as controller:
            for name in names:
                try:
                    ended = already_ended(await controller.lease(name))
                    await controller.delete_lease(name)
                except (NotFound, NotAllowed) as error:
                    print_note(str(error))
                    status = 1
                else:
                    print_result(ended or f'lease "{name}" released')
        return status

    return run(release_each())


def _add_command(kind: "Kind", effect: str) -> None:
    names_of = completing.all_clients if kind == "Client" else completing.all_exporters

    @delete.command(name=kind.lower(), help=f"Administrators: delete {kind.lower()}s. {effect}")
    @click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=names_of)
    @administrator_options
    def remove(names: tuple[str, ...], kubeconfig: str | None, namespace: str | None) -> int:
        from jumplab.cli.exit_status import print_note
        from jumplab.client.admin import Administrator
        from jumplab.client.errors import ClientError

        administrator = Administrator(kubeconfig, namespace)
        status = 0
        for name in names:
            try:
                administrator.delete(kind, name)
            except ClientError as error:
                print_note(str(error))
                status = 1
            else:
                click.echo(f'{kind.lower()} "{name}" deleted')
        return status


_add_command("Exporter", "Its lease ends, and its token is no longer valid.")
_add_command("Client", "Its leases are released, and its token is no longer valid.")
