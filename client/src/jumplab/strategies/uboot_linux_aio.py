"""The ready strategy for boards that boot Linux with U-Boot, for asyncio."""

from typing import Protocol

from typing_extensions import TypeVar

from jumplab.driver import AsyncGenericClient
from jumplab.drivers.console import AsyncConsoleClient
from jumplab.drivers.power import AsyncPowerClient
from jumplab.strategies.aio import AsyncStrategy
from jumplab.strategies.errors import LoginFailed
from jumplab.strategies.states import State
from jumplab.strategies.uboot_linux import UBootLinuxSettings, UBootLinuxState
from jumplab.strategies.ways import ANY_STATE, probe, way


class AsyncPowerAndConsole(Protocol):
    """A board that this strategy works with."""

    @property
    def power(self) -> AsyncPowerClient: ...
    @property
    def console(self) -> AsyncConsoleClient: ...


AsyncPoweredBoard = TypeVar(
    "AsyncPoweredBoard",
    bound=AsyncPowerAndConsole | AsyncGenericClient,
    default=AsyncPowerAndConsole | AsyncGenericClient,
)
AnyUBootLinuxState = TypeVar("AnyUBootLinuxState", bound=State, default=UBootLinuxState)


class AsyncUBootLinux(UBootLinuxSettings, AsyncStrategy[AsyncPoweredBoard, AnyUBootLinuxState]):
    """UBootLinux for asyncio."""

    @property
    def power(self) -> AsyncPowerClient:
        """What switches the board."""
        return self.board.power

    @property
    def console(self) -> AsyncConsoleClient:
        """The console of U-Boot and Linux."""
        return self.board.console

    @way(ANY_STATE, "off")
    async def switch_off(self) -> None:
        """Switches the board off."""
        await self.power.off()

    @way("off", "bootloader")
    async def stop_in_bootloader(self) -> None:
        """Switches the board on, and stops U-Boot before it boots."""
        await self.console.flush()
        await self.power.on()
        came = await self.console.expect([self.autoboot, self.bootloader_prompt], self.bootloader_timeout)
        if came.which == 0:
            await self.console.send(self.autoboot_key)
            await self.console.expect(self.bootloader_prompt, self.bootloader_timeout)

    @way("bootloader", "shell")
    async def boot_linux(self) -> None:
        """Lets U-Boot boot, and logs in."""
        await self.console.flush()
        await self.console.send(f"{self.boot_command}\n")
        await self.console.expect(self.login_prompt if self.user else self.shell_prompt, self.boot_timeout)
        if self.user:
            await self.log_in()

    async def log_in(self) -> None:
        """Logs in at the prompt that asks for the user. Raises LoginFailed."""
        await self.console.send(f"{self.user}\n")
        answers = [self.password_prompt, self.login_refused, self.shell_prompt]
        asked = await self.console.expect(answers, self.login_timeout)
        if asked.which == 0:
            if not self.password:
                raise LoginFailed(self._password_missing())
            await self.console.send(f"{self.password}\n")
            answers = [self.login_refused, self.login_prompt, self.shell_prompt]
            asked = await self.console.expect(answers, self.login_timeout)
        if asked.which < 2:
            raise LoginFailed(self._login_refused())
        await self.console.run("true", self.shell_prompt, self.login_timeout)

    @probe("off")
    async def is_off(self) -> bool:
        """Whether the board is switched off."""
        return not await self.power.is_on()

    @probe("bootloader")
    async def is_in_bootloader(self) -> bool:
        """Whether U-Boot answers at its prompt."""
        return await self.power.is_on() and "U-Boot" in await self.console.run("version", self.bootloader_prompt)

    @probe("shell")
    async def is_in_shell(self) -> bool:
        """Whether a shell answers."""
        return await self.power.is_on() and (await self.console.run("true", self.shell_prompt)).status == 0
