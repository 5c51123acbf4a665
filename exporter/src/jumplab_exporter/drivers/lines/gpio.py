"""GPIO lines that are set."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, ClassVar, Literal

from jumplab_exporter.drivers.extras import needing
from jumplab_exporter.drivers.lines import chips
from jumplab_exporter.drivers.lines.uses import Line

with needing("gpio"):
    import gpiod

_DRIVES = {
    "push-pull": gpiod.line.Drive.PUSH_PULL,
    "open-drain": gpiod.line.Drive.OPEN_DRAIN,
    "open-source": gpiod.line.Drive.OPEN_SOURCE,
}


class GpioLine(chips.OnChip, Line):
    """A GPIO that is set. It is requested by the first call that sets it, and left at the end of the lease."""

    example_configuration: ClassVar[Mapping[str, Any]] = {"chip": "/dev/gpiochip0", "line": 17}

    active_low: bool = False
    drive: Literal["push-pull", "open-drain", "open-source"] = "push-pull"
    _request: gpiod.LineRequest | None = None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await super().__aexit__(kind, error, traceback)
        finally:
            self._leave()

    async def _switch(self, *, active: bool) -> None:
        value = gpiod.line.Value.ACTIVE if active else gpiod.line.Value.INACTIVE
        if self._request is None:
            settings = self._settings(gpiod.line.Direction.OUTPUT)
            settings.output_value = value
            self._request = chips.request(self.chip, self.line, settings)
            return
        try:
            self._request.set_value(self.line, value)
        except OSError as error:
            self._leave()
            raise chips.lost(self.chip, self.line, error) from error

    async def _is_active(self) -> bool:
        """Before the first call that sets it, the line is read as it is."""
        if self._request is None:
            with chips.request(self.chip, self.line, self._settings(gpiod.line.Direction.AS_IS)) as passing:
                return bool(passing.get_value(self.line))
        try:
            return bool(self._request.get_value(self.line))
        except OSError as error:
            self._leave()
            raise chips.lost(self.chip, self.line, error) from error

    def _settings(self, direction: gpiod.line.Direction) -> gpiod.LineSettings:
        drive = _DRIVES[self.drive] if direction is gpiod.line.Direction.OUTPUT else gpiod.line.Drive.PUSH_PULL
        return gpiod.LineSettings(direction=direction, active_low=self.active_low, drive=drive)

    def _leave(self) -> None:
        if self._request is not None:
            self._request.release()
            self._request = None
