"""The client for tests with asyncio."""

import asyncio

import click
from jumplab.driver import AsyncDriverClient

from acme_chamber.interface import AcmeChamberInterface


class AsyncAcmeChamberClient(AsyncDriverClient, AcmeChamberInterface):
    """A chamber. It has the methods of the interface by itself; what is written here is added to them."""

    async def settle(self, celsius: float, tolerance: float = 0.5) -> None:
        """Sets the target and returns when it is reached."""
        await self.set_target(celsius)
        while abs(await self.temperature() - celsius) > tolerance:
            await asyncio.sleep(1)

    def cli(self) -> click.Group:
        """The commands of `j` that are added to those of the interface."""
        commands = click.Group()

        @commands.command()
        @click.argument("celsius", type=float)
        async def settle(celsius: float) -> None:
            """Set the target and wait until it is reached."""
            await self.settle(celsius)

        return commands
