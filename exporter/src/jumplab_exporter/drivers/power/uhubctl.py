"""A port of a USB hub, switched by the program uhubctl."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from jumplab.driver import Driver
from jumplab.drivers.power import PowerInterface
from jumplab_exporter.drivers.shell_commands import COMMAND_TIMEOUT, CommandTimeout, Ended
from jumplab_exporter.drivers.tools import Tool

UHUBCTL = Tool("uhubctl", "on Debian: apt install uhubctl")
_HUB = re.compile(r"^(?:Current|New) status for hub (\S+)", re.MULTILINE)
_PORT = r"^ +Port {port}: [0-9a-f]{{4}} (.*)$"


class UsbHubPower(PowerInterface, Driver):
    """A port of a USB hub that uhubctl switches.  hub: its location, as 1-1.4;  port: its number there, from 1.

    timeout: uhubctl is killed where it takes longer.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {"hub": "1-1.4", "port": 3}

    hub: Annotated[str, Field(pattern=r"^[0-9]+(-[0-9]+(\.[0-9]+)*)?$")]
    port: Annotated[int, Field(ge=1, le=31)]
    timeout: CommandTimeout = COMMAND_TIMEOUT

    async def on(self) -> None:
        await self._switch(on=True)

    async def off(self) -> None:
        await self._switch(on=False)

    async def is_on(self) -> bool:
        return self._state_in(await self._run())

    async def check(self) -> None:
        """Asks for the port's state, and switches nothing."""
        await self.is_on()

    async def _switch(self, *, on: bool) -> None:
        word = "on" if on else "off"
        if self._state_in(await self._run("-a", word)) != on:
            raise OSError(f"{self._place} is not {word} after uhubctl has switched it; does the hub switch this port?")

    async def _run(self, *action: str) -> Ended:
        return await UHUBCTL.run("-l", self.hub, "-p", str(self.port), *action, timeout=self.timeout)

    def _state_in(self, ended: Ended) -> bool:
        """Whether one of the port's two sides, of USB 2 and USB 3, has power at the end."""
        if "ermission" in ended.output and (ended.status or not _HUB.search(ended.output)):
            raise PermissionError(
                f"{self._place} can't be reached: permission denied; allow the exporter's user to use the hub, by a "
                "rule of udev"
            )
        if ended.status and "No compatible" in ended.output:
            raise OSError(f"there is no hub {self.hub} that switches its ports; uhubctl without options lists those")
        ended.succeeded()
        last = dict(zip(_HUB.findall(ended.output), _HUB.split(ended.output)[2::2], strict=True))
        states = [
            words.split()
            for text in last.values()
            for words in re.findall(_PORT.format(port=self.port), text, re.MULTILINE)
        ]
        if not states:
            raise OSError(f"uhubctl tells nothing of {self._place}; it printed: {ended.output[-200:] or 'nothing'}")
        return any("power" in words for words in states)

    @property
    def _place(self) -> str:
        return f"port {self.port} of the USB hub {self.hub}"
