"""What an output line is used as: a digital output, a button, a reset."""

from types import TracebackType

from jumplab.driver import Driver
from jumplab.drivers.button import ButtonInterface
from jumplab.drivers.digital_output import DigitalOutputInterface
from jumplab.drivers.reset import ResetInterface


class Line(Driver):
    """An output line of some kind; a driver names it before its use. It is inactive until it is switched."""

    async def _switch(self, *, active: bool) -> None:
        """Returns when it is so. Raises OSError."""
        raise NotImplementedError

    async def _is_active(self) -> bool:
        """Raises OSError where the line can't be asked."""
        raise NotImplementedError


class OutputLine(DigitalOutputInterface, Line):
    """The line as a digital output."""

    async def set(self, active: bool) -> None:
        await self._switch(active=active)

    async def get(self) -> bool:
        return await self._is_active()


class ButtonLine(ButtonInterface, Line):
    """The line as a button: active is pressed."""

    _pressed = False

    async def press_down(self) -> None:
        self._pressed = True  # where it fails half-way, too
        await self._switch(active=True)

    async def release(self) -> None:
        await self._switch(active=False)
        self._pressed = False

    async def is_pressed(self) -> bool:
        return await self._is_active()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self._pressed:
                await self.release()
        finally:
            await super().__aexit__(kind, error, traceback)


class ResetLine(ResetInterface, Line):
    """The line as a reset: active is asserted."""

    async def assert_reset(self) -> None:
        await self._switch(active=True)

    async def release(self) -> None:
        await self._switch(active=False)

    async def is_asserted(self) -> bool:
        return await self._is_active()
