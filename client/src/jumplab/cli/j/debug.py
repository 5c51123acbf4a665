"""`j debug forward [WHERE]`, a place for GDB's `target remote`; `j debug load FILE ADDRESS`; `j debug reset --halt`."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from jumplab.cli.j.local_files import opened_input, sentences
from jumplab.cli.j.network import forward_command
from jumplab.cli.j.own_clients import own_client
from jumplab.driver import AsyncDriverClient


class Address(click.ParamType[int]):
    """A place in memory: decimal, or hexadecimal after 0x."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            address = value if isinstance(value, int) else int(value, 0)
        except ValueError:
            self.fail(f'"{value}" is no address; write it as 0x40200000', param, ctx)
        if address < 0:
            self.fail("an address is not negative", param, ctx)
        return address


def debug_commands(client: Callable[[], AsyncDriverClient]) -> Mapping[str, click.Command]:
    """The commands of a debug port.  client: gives its AsyncDebugClient, when a command runs."""

    @click.command()
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
    @click.argument("address", type=Address())
    async def load(file: str, address: int) -> None:
        """Write FILE into memory from ADDRESS on; -: standard input."""
        with sentences(file), opened_input(file) as source:
            loaded = await _as_debug(client()).load(source, address)
        click.echo(f"loaded at {loaded.address:#x}: {loaded.size_bytes} bytes, sha256 {loaded.sha256}")

    @click.command()
    @click.option("--halt", is_flag=True, help="Stay halted before the first instruction.")
    async def reset(*, halt: bool) -> None:
        """Reset the device."""
        await _as_debug(client()).reset(halt=halt)

    return {"forward": forward_command(client), "load": load, "reset": reset}


def _as_debug(client: AsyncDriverClient) -> Any:
    from jumplab.drivers.debug import AsyncDebugClient

    return own_client(client, AsyncDebugClient, "a debug port")
