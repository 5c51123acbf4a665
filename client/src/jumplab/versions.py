"""The version of each program, and of the Python that it runs on."""

from collections.abc import Callable
from typing import Any

import click


def version_line(program: str, distribution: str) -> str:
    """`jumplab-exporter 0.1.0 (Python 3.12.1)`."""
    import platform  # here, for each start of `jumplab` would pay for them
    from importlib.metadata import version

    return f"{program} {version(distribution)} (Python {platform.python_version()})"


def version_option(program: str, distribution: str) -> Callable[[Any], Any]:
    """The option `--version` of a program."""

    def show(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
        if wanted and not ctx.resilient_parsing:
            click.echo(version_line(program, distribution))
            ctx.exit()

    return click.option(
        "--version", is_flag=True, expose_value=False, is_eager=True, callback=show, help="Print the version and exit."
    )


def version_command(program: str, distribution: str) -> click.Command:
    """The command `version` of a program."""
    return click.Command(
        "version", help="Print the version.", callback=lambda: click.echo(version_line(program, distribution))
    )
