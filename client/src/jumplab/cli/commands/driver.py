"""`jumplab driver`."""

from pathlib import Path

import click

from jumplab.cli.driver_package import EXAMPLES, write_package


@click.group()
def driver() -> None:
    """Begin a driver of your own."""


@driver.command()
@click.argument("name")
@click.option(
    "--interface",
    type=click.Choice(list(EXAMPLES)),
    default="own",
    show_default=True,
    help="The interface of the driver. own: a new one, with its clients.",
)
def new(name: str, interface: str) -> None:
    """Write a package with a driver, a simulator of its device, and tests that pass.

    NAME is the name of the package, as acme-relay, and of its folder, which is made here.
    """
    folder = write_package(interface, name, Path())
    click.echo(folder)
    click.echo(f"{folder / 'README.md'} says how to test it, how to try it, and what to change.", err=True)
