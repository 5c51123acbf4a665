"""`jumplab admin`."""

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from jumplab.cli import completing
from jumplab.cli.kinds import KindGroup
from jumplab.cli.options import DurationType, administrator_options

if TYPE_CHECKING:
    from jumplab.client.admin import Kind


_SAVE = click.option(
    "--save", is_flag=True, help="Write the configuration to its default file instead of standard output."
)
_OUT = click.option("--out", metavar="FILE", type=click.Path(dir_okay=False), help="Write the configuration to FILE.")


@click.group()
def admin() -> None:
    """Administrators: revoke clients and exporters, replace their tokens, and write their configurations."""


@admin.group(cls=KindGroup)
def revoke() -> None:
    """Revoke clients and exporters: within ten seconds nothing of theirs is open, and their leases have ended."""


@admin.group(cls=KindGroup)
def rotate() -> None:
    """Replace tokens. What was opened with the old token has to show the new one; leases stay."""


@admin.group(cls=KindGroup)
def refresh() -> None:
    """Write the tokens and the CA that are in force into configurations; nothing is replaced."""


def _add_refresh(kind: "Kind") -> None:
    names_of = completing.all_clients if kind == "Client" else completing.all_exporters

    @refresh.command(name=kind.lower(), help=f"Write the configuration of {kind.lower()} NAME as it is in force.")
    @click.argument("name", shell_complete=names_of)
    @_SAVE
    @_OUT
    @administrator_options
    def write(name: str, save: bool, out: str | None, kubeconfig: str | None, namespace: str | None) -> None:
        from jumplab.cli import credential_files
        from jumplab.client.admin import Administrator

        path = credential_files.chosen_path(kind, name, save=save, out=_checked(out, save=save))
        credential_files.refresh(Administrator(kubeconfig, namespace), kind, name, path)


def _checked(out: str | None, *, save: bool) -> str | None:
    if out == "":
        raise click.UsageError("--out is empty; name a file, or leave it out to print the configuration")
    if save and out:
        raise click.UsageError("--save and --out contradict each other; give one of them")
    return out


def _add_rotation(kind: "Kind") -> None:
    names_of = completing.all_clients if kind == "Client" else completing.all_exporters

    @rotate.command(name=kind.lower(), help=f"Replace the token of {kind.lower()} NAME and write its configuration.")
    @click.argument("name", shell_complete=names_of)
    @click.option("--overlap", type=DurationType(), help="Accept the old token for so long.  [default: not at all]")
    @_SAVE
    @_OUT
    @administrator_options
    def replace(
        name: str, overlap: timedelta | None, save: bool, out: str | None, kubeconfig: str | None, namespace: str | None
    ) -> None:
        from jumplab.cli import credential_files
        from jumplab.client.admin import Administrator

        path = credential_files.chosen_path(kind, name, save=save, out=_checked(out, save=save))
        credential_files.replace_token(Administrator(kubeconfig, namespace), kind, name, path, overlap)


for _kind in ("Client", "Exporter"):
    _add_rotation(_kind)
    _add_refresh(_kind)


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
