"""A supply that is only remembered, for tests and for boards that are always on."""

from jumplab.driver import Driver
from jumplab.drivers.power import PowerInterface


class VirtualPower(PowerInterface, Driver):
    """Switches nothing, and says so in the log."""

    _on = False

    async def on(self) -> None:
        self._switch(on=True)

    async def off(self) -> None:
        self._switch(on=False)

    async def is_on(self) -> bool:
        return self._on

    def _switch(self, *, on: bool) -> None:
        if on != self._on:
            self._on = on
            self.log.info("switched %s", "on" if on else "off")
