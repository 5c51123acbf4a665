"""`jumplab admin`."""

from typing import TYPE_CHECKING

import click

from jumplab.cli import completing
from jumplab.cli.kinds import KindGroup
from jumplab.cli.options import administrator_options

if TYPE_CHECKING:
    from jumplab.client.admin import Kind


@click.group()
def admin() -> None:
    """Administrators: revoke clients and exporters."""


@admin.group(cls=KindGroup)
def revoke() -> None:
    """Revoke clients and exporters: within ten seconds nothing of theirs is open, and their leases have ended."""


def _add_command(kind: "Kind", effect: str) -> None:
    names_of = completing.all_clients if kind == "Client" else completing.all_exporters

    @revoke.command(name=kind.lower(), help=f"Revoke {kind.lower()}s. {effect}")
    @click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=names_of)
    @administrator_options
    def remove(names: tuple[str, ...], kubeconfig: str | None, namespace: str | None) -> None:
        from jumplab.client.admin import Administrator

        administrator = Administrator(kubeconfig, namespace)
        for name in names:
            administrator.revoke(kind, name)
            click.echo(f'{kind.lower()} "{name}" revoked')


_add_command("Client", "Their leases are released. They stay disabled; spec.enabled: true lets them in again.")
_add_command(
    "Exporter",
    "Their leases end, and their tokens are no longer valid. They stay disabled; spec.enabled: true and a new token "
    "let them in again.",
)
