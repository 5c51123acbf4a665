"""A GPIO line as a digital input."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from jumplab.drivers.digital_input import DigitalInputInterface, Edge
from jumplab_exporter.drivers.extras import needing
from jumplab_exporter.drivers.lines import chips

with needing("gpio"):
    import gpiod

_KEPT_EDGES = 1024
"""How many edges are kept for a client that takes them slowly."""
_NANOSECONDS = 1_000_000_000
_BIASES = {
    "unchanged": gpiod.line.Bias.AS_IS,
    "none": gpiod.line.Bias.DISABLED,
    "pull-up": gpiod.line.Bias.PULL_UP,
    "pull-down": gpiod.line.Bias.PULL_DOWN,
}
_Events = asyncio.Queue["gpiod.EdgeEvent | OSError"]


class GpioDigitalInput(DigitalInputInterface, chips.OnChip):
    """A GPIO line as a digital input.  chip: its device;  line: its number there, from 0, or its name.

    active_low: active is the low level, not the high one.  bias: the chip's own resistor;  debounce: changes that
    last for less are no edges.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {"chip": "/dev/gpiochip0", "line": 27}

    active_low: bool = False
    bias: Literal["unchanged", "none", "pull-up", "pull-down"] = "unchanged"
    debounce: Annotated[timedelta, Field(ge=timedelta(), le=timedelta(minutes=1))] = timedelta()
    _request: gpiod.LineRequest | None = None

    def __init__(self, **configuration: Any) -> None:
        super().__init__(**configuration)
        self._watchers: set[_Events] = set()
        self._tells_edges = False

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave()
        await super().__aexit__(kind, error, traceback)

    async def get(self) -> bool:
        request = self._requested()
        try:
            return bool(request.get_value(self.line))
        except OSError as error:
            raise self._lost(error) from error

    async def watch(self) -> AsyncIterator[Edge]:
        self._ask_for_edges(self._requested())
        events: _Events = asyncio.Queue(_KEPT_EDGES)
        self._watchers.add(events)
        try:
            since = time.monotonic_ns()
            last = await self.get()
            yield Edge(last, since / _NANOSECONDS)
            number: int | None = None
            while True:
                event = await events.get()
                if isinstance(event, OSError):
                    raise event
                missed = 0 if number is None else event.line_seqno - number - 1
                number = event.line_seqno
                active = event.event_type is gpiod.EdgeEvent.Type.RISING_EDGE
                if event.timestamp_ns > since and (missed or active != last):
                    last = active
                    yield Edge(active, event.timestamp_ns / _NANOSECONDS, missed)
        finally:
            self._watchers.discard(events)

    def _requested(self) -> gpiod.LineRequest:
        if self._request is None:
            self._request = chips.request(self.chip, self.line, self._settings(gpiod.line.Edge.NONE))
        return self._request

    def _ask_for_edges(self, request: gpiod.LineRequest) -> None:
        if self._tells_edges:
            return
        try:
            request.reconfigure_lines({self.line: self._settings(gpiod.line.Edge.BOTH)})
        except OSError as error:
            raise NotImplementedError(
                f"{chips.place(self.chip, self.line)} tells no edges: {error.strerror or error}; ask for its state "
                "with `get`"
            ) from error
        self._tells_edges = True
        asyncio.get_running_loop().add_reader(request.fd, self._take, request)

    def _take(self, request: gpiod.LineRequest) -> None:
        """Hands new edges to all that watch. One that has too many waiting misses those that come now."""
        try:
            found: list[gpiod.EdgeEvent | OSError] = [*request.read_edge_events()]
        except OSError as error:
            found = [self._lost(error)]
        for event in found:
            for watcher in self._watchers:
                if isinstance(event, OSError) and watcher.full():
                    watcher.get_nowait()
                if not watcher.full():
                    watcher.put_nowait(event)

    def _settings(self, edges: gpiod.line.Edge) -> gpiod.LineSettings:
        return gpiod.LineSettings(
            direction=gpiod.line.Direction.INPUT,
            edge_detection=edges,
            bias=_BIASES[self.bias],
            active_low=self.active_low,
            debounce_period=self.debounce,
        )

    def _lost(self, error: OSError) -> OSError:
        self._leave()
        return chips.lost(self.chip, self.line, error)

    def _leave(self) -> None:
        if self._request is None:
            return
        if self._tells_edges:
            asyncio.get_running_loop().remove_reader(self._request.fd)
            self._tells_edges = False
        self._request.release()
        self._request = None
