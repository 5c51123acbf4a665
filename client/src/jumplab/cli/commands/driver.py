"""`jumplab driver`."""

from pathlib import Path
from typing import Any

import click

from jumplab.cli.driver_package import EXAMPLES, write_package


class _InterfaceType(click.Choice[str]):
    """An interface that there is a template for."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        return (
            f"{super().get_invalid_choice_message(value, ctx).rstrip('.')}; for a driver of another interface follow "
            "docs/drivers/own.md"
        )


@click.group()
def driver() -> None:
    """Begin a driver of your own."""


@driver.command()
@click.argument("name")
@click.option(
    "--interface",
    type=_InterfaceType(list(EXAMPLES)),
    default="own",
    show_default=True,
    help="The interface of the driver. own: a new one, with its clients. docs/drivers/own.md is about others, such as "
    "storage and network.",
)
def new(name: str, interface: str) -> None:
    """Write a package with a driver, a simulator of its device, and tests that pass.

    NAME is the name of the package, as acme-relay, and of its folder, which is made here.
    """
    folder = write_package(interface, name, Path())
    click.echo(folder)
    click.echo(f"{folder / 'README.md'} says how to test it, how to try it, and what to change.", err=True)
