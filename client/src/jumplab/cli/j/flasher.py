"""`j flasher flash TARGET FILE`: an image for the device, with what the tool does meanwhile."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from jumplab.cli.j.local_files import opened_input, sentences
from jumplab.cli.j.own_clients import own_client
from jumplab.driver import AsyncDriverClient


def flasher_commands(client: Callable[[], AsyncDriverClient]) -> Mapping[str, click.Command]:
    """The commands of a flasher.  client: gives its AsyncFlasherClient, when a command runs."""

    @click.command()
    @click.argument("target")
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
    async def flash(target: str, file: str) -> None:
        """Write FILE into TARGET of the device; -: standard input."""
        with sentences(file), opened_input(file) as source:
            flashed = await _as_flasher(client()).flash(target, source)
        verified = ", verified by the tool" if flashed.verified else ""
        click.echo(f"flashed {target}: {flashed.size_bytes} bytes, sha256 {flashed.sha256}{verified}")

    return {"flash": flash}


def _as_flasher(client: AsyncDriverClient) -> Any:
    from jumplab.drivers.flasher import AsyncFlasherClient

    return own_client(client, AsyncFlasherClient, "a flasher")
