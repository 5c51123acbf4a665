"""Lines that are only remembered."""

from jumplab_exporter.drivers.lines.uses import Line


class VirtualLine(Line):
    """A line that leads nowhere."""

    _active = False

    async def _switch(self, *, active: bool) -> None:
        if active != self._active:
            self._active = active
            self.log.info("switched to %s", "active" if active else "inactive")

    async def _is_active(self) -> bool:
        return self._active
