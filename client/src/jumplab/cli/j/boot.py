"""`j boot put FILE`: a file for the board to load, with its progress at a terminal."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from jumplab.cli.j.local_files import opened_input, progress, sentences
from jumplab.cli.j.own_clients import own_client
from jumplab.driver import AsyncDriverClient


def boot_commands(client: Callable[[], AsyncDriverClient]) -> Mapping[str, click.Command]:
    """The commands of a boot server.  client: gives its AsyncBootServerClient, when a command runs."""

    @click.command()
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
    @click.option("--name", help="What the board asks for; default: the file's own name.")
    async def put(file: str, name: str | None) -> None:
        """Serve FILE to the board until the lease ends; -: standard input, with --name."""
        if file == "-" and name is None:
            raise click.UsageError("standard input has no name that the board could ask for; give one with --name")
        server = _as_boot_server(client())
        with sentences(file), progress(file, None) as shown, opened_input(file) as source:
            served = await server.put(source, name=name, progress=shown.count)
        click.echo(f"{served.name} is served: {served.size_bytes} bytes, sha256 {served.sha256}")

    return {"put": put}


def _as_boot_server(client: AsyncDriverClient) -> Any:
    from jumplab.drivers.boot import AsyncBootServerClient

    return own_client(client, AsyncBootServerClient, "a boot server")
