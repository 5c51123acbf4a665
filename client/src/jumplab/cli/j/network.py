"""`j NAME forward-tcp [PORT]`: a port of this machine that leads to a TCP service of the device."""

import asyncio
from collections.abc import Callable, Mapping

import click

from jumplab.cli.exit_status import print_note
from jumplab.driver import AsyncDriverClient


def network_commands(client: Callable[[], AsyncDriverClient]) -> Mapping[str, click.Command]:
    """The commands of a TCP service.  client: gives its client, when a command runs."""

    @click.command("forward-tcp")
    @click.argument("port", type=click.IntRange(0, 65535), default=0)
    @click.option("--host", default="127.0.0.1", show_default=True, help="Local address to listen on.")
    async def forward_tcp(port: int, host: str) -> None:
        """Forward PORT of this machine, or any free one, to the service until Ctrl-C; prints the address."""
        from jumplab.drivers.network.forwarding import forwarded

        try:
            async with forwarded(client(), port, host, lambda sentence: print_note(sentence, "j")) as forwarding:
                click.echo(f"{forwarding.host}:{forwarding.port}")
                await asyncio.Event().wait()  # until a signal cancels it
        except OSError as error:
            raise click.ClickException(f"can't listen on {host}:{port}: {error.strerror or error}") from error

    return {"forward-tcp": forward_tcp}
