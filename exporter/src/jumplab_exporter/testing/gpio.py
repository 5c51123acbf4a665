"""A GPIO chip, simulated where gpiod is called: a real one can't be had without hardware, or a kernel made for it."""

import errno
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Self
from unittest.mock import patch

from jumplab_exporter.drivers.extras import needing

with needing("gpio"):
    import gpiod

_REAL_REQUEST = gpiod.request_lines
_REAL_CHIP = gpiod.Chip


class GpioChip:
    """A chip with 8 lines, which drivers of this process find at `path`. Use as `with`.

    names: of its lines, by number.  tells_edges: whether it has interrupts.
    high: the level of each line; set those of inputs with `drive`.  changes: each level that a driver has set, as
    (7, True).
    """

    def __init__(self, names: Mapping[int, str] | None = None, *, lines: int = 8, tells_edges: bool = True) -> None:
        self.names = dict(names or {})
        self.high = [False] * lines
        self.changes: list[tuple[int, bool]] = []
        self.tells_edges = tells_edges
        self.path = ""
        self.plugged = True
        self.requests: dict[int, _Request] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="gpio-")))
        self.path = str(folder / "gpiochip0")
        Path(self.path).touch()
        self._stack.enter_context(patch.object(gpiod, "request_lines", self._request_lines))
        self._stack.enter_context(patch.object(gpiod, "Chip", self._chip))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def drive(self, line: int, *, high: bool) -> None:
        """Sets the level of an input from outside, as a device does. From any thread."""
        changed, self.high[line] = self.high[line] != high, high
        if changed and line in self.requests:
            self.requests[line].note_edge()

    def unplug(self) -> None:
        """The chip is gone: what uses its lines fails."""
        self.plugged = False
        Path(self.path).unlink()
        for request in self.requests.values():
            request.wake()

    def plug_in(self) -> None:
        """It is back, with all lines low."""
        self.requests.clear()
        self.high = [False] * len(self.high)
        Path(self.path).touch()
        self.plugged = True

    def offset_of(self, line: int | str) -> int:
        """Raises as gpiod does where there is no such line."""
        for offset, name in self.names.items():
            if name == line:
                return offset
        try:
            offset = int(line)
        except ValueError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from None
        if offset >= len(self.high):
            raise ValueError("line offset of out range")
        return offset

    def _request_lines(self, path: str, config: dict[Any, Any], consumer: str = "", **more: Any) -> Any:
        if path != self.path:
            return _REAL_REQUEST(path, config, consumer, **more)
        self.require_plugged(errno.ENOENT)
        [(line, settings)] = config.items()
        offset = self.offset_of(line)
        if offset in self.requests:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        self.requests[offset] = _Request(self, offset, settings, consumer)
        return self.requests[offset]

    def _chip(self, path: str) -> Any:
        return _REAL_CHIP(path) if path != self.path else _Info(self)

    def require_plugged(self, number: int) -> None:
        """Raises OSError with this number where the chip is gone."""
        if not self.plugged:
            raise OSError(number, os.strerror(number))


class _Request:
    """As gpiod.LineRequest, of one line."""

    def __init__(self, chip: GpioChip, offset: int, settings: Any, consumer: str) -> None:
        self.consumer = consumer
        self._chip = chip
        self._offset = offset
        self._settings = settings
        self._edges: list[Any] = []
        self._number = 0
        self.fd, self._waking = os.pipe()
        if settings.direction is gpiod.line.Direction.OUTPUT:
            self.set_value(offset, settings.output_value)

    def set_value(self, _: int | str, value: Any) -> None:
        self._chip.require_plugged(errno.ENODEV)
        high = bool(value) != self._settings.active_low
        self._chip.high[self._offset] = high
        self._chip.changes.append((self._offset, high))

    def get_value(self, _: int | str) -> Any:
        self._chip.require_plugged(errno.ENODEV)
        active = self._chip.high[self._offset] != self._settings.active_low
        return gpiod.line.Value.ACTIVE if active else gpiod.line.Value.INACTIVE

    def reconfigure_lines(self, config: Mapping[Any, Any]) -> None:
        [self._settings] = config.values()
        if not self._chip.tells_edges:
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))

    def note_edge(self) -> None:
        if self._settings.edge_detection is not gpiod.line.Edge.BOTH:
            return
        rising = bool(self.get_value(self._offset))
        kind = gpiod.EdgeEvent.Type.RISING_EDGE if rising else gpiod.EdgeEvent.Type.FALLING_EDGE
        self._number += 1
        number = self._number
        self._edges.append(gpiod.EdgeEvent(kind.value, time.monotonic_ns(), self._offset, number, number))
        self.wake()

    def wake(self) -> None:
        os.write(self._waking, b"!")

    def read_edge_events(self) -> list[Any]:
        os.read(self.fd, 4096)
        self._chip.require_plugged(errno.ENODEV)
        found, self._edges = self._edges, []
        return found

    def release(self) -> None:
        self._chip.requests.pop(self._offset, None)
        os.close(self.fd)
        os.close(self._waking)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


class _Info:
    """As gpiod.Chip, for looking at lines."""

    def __init__(self, chip: GpioChip) -> None:
        chip.require_plugged(errno.ENOENT)
        self._chip = chip

    def get_line_info(self, line: int | str) -> Any:
        request = self._chip.requests.get(self._chip.offset_of(line))
        return SimpleNamespace(used=request is not None, consumer=request.consumer if request else "")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
