"""The ready strategy for boards that boot Linux with U-Boot, for plain code."""

from typing import Protocol

from typing_extensions import TypeVar

from jumplab.driver import GenericClient
from jumplab.drivers.console import ConsoleClient
from jumplab.drivers.power import PowerClient
from jumplab.strategies.errors import LoginFailed
from jumplab.strategies.plain import Strategy
from jumplab.strategies.states import State
from jumplab.strategies.uboot_linux import UBootLinuxSettings, UBootLinuxState
from jumplab.strategies.ways import ANY_STATE, probe, way


class PowerAndConsole(Protocol):
    """A board that this strategy works with."""

    @property
    def power(self) -> PowerClient: ...
    @property
    def console(self) -> ConsoleClient: ...


PoweredBoard = TypeVar("PoweredBoard", bound=PowerAndConsole | GenericClient, default=PowerAndConsole | GenericClient)
AnyUBootLinuxState = TypeVar("AnyUBootLinuxState", bound=State, default=UBootLinuxState)


class UBootLinux(UBootLinuxSettings, Strategy[PoweredBoard, AnyUBootLinuxState]):
    """A board that boots Linux with U-Boot: `off`, `bootloader` (U-Boot's prompt) and `shell` (Linux, logged in).

    A subclass sets what differs, see UBootLinuxSettings. Where the board's drivers have other names, it replaces the
    properties `power` and `console`.
    """

    @property
    def power(self) -> PowerClient:
        """What switches the board."""
        return self.board.power

    @property
    def console(self) -> ConsoleClient:
        """The console of U-Boot and Linux."""
        return self.board.console

    @way(ANY_STATE, "off")
    def switch_off(self) -> None:
        """Switches the board off."""
        self.power.off()

    @way("off", "bootloader")
    def stop_in_bootloader(self) -> None:
        """Switches the board on, and stops U-Boot before it boots."""
        self.console.flush()
        self.power.on()
        came = self.console.expect([self.autoboot, self.bootloader_prompt], self.bootloader_timeout)
        if came.which == 0:
            self.console.send(self.autoboot_key)
            self.console.expect(self.bootloader_prompt, self.bootloader_timeout)

    @way("bootloader", "shell")
    def boot_linux(self) -> None:
        """Lets U-Boot boot, and logs in."""
        self.console.flush()
        self.console.send(f"{self.boot_command}\n")
        self.console.expect(self.login_prompt if self.user else self.shell_prompt, self.boot_timeout)
        if self.user:
            self.log_in()

    def log_in(self) -> None:
        """Logs in at the prompt that asks for the user. Raises LoginFailed."""
        self.console.send(f"{self.user}\n")
        answers = [self.password_prompt, self.login_refused, self.shell_prompt]
        asked = self.console.expect(answers, self.login_timeout)
        if asked.which == 0:
            if not self.password:
                raise LoginFailed(self._password_missing())
            self.console.send(f"{self.password}\n")
            answers = [self.login_refused, self.login_prompt, self.shell_prompt]
            asked = self.console.expect(answers, self.login_timeout)
        if asked.which < 2:
            raise LoginFailed(self._login_refused())
        self.console.run("true", self.shell_prompt, self.login_timeout)

    @probe("off")
    def is_off(self) -> bool:
        """Whether the board is switched off."""
        return not self.power.is_on()

    @probe("bootloader")
    def is_in_bootloader(self) -> bool:
        """Whether U-Boot answers at its prompt."""
        return self.power.is_on() and "U-Boot" in self.console.run("version", self.bootloader_prompt)

    @probe("shell")
    def is_in_shell(self) -> bool:
        """Whether a shell answers."""
        return self.power.is_on() and self.console.run("true", self.shell_prompt).status == 0
