"""A supply's meter: readings one at a time and as a stream, supplies without one, and sides of different age."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import aclosing
from itertools import islice
from typing import ClassVar

import pytest

from jumplab.driver import Driver, DriverInterface, errors
from jumplab.drivers.power import AsyncPowerClient, PowerClient, PowerInterface, PowerReading
from jumplab.testing import serve, serve_async
from jumplab_exporter.drivers.power.virtual import VirtualPower


class Metered(PowerInterface, Driver):
    """A supply that draws one watt more at each look."""

    _watts = 0.0

    async def on(self) -> None: ...

    async def off(self) -> None: ...

    async def is_on(self) -> bool:
        return True

    async def measure(self) -> PowerReading:
        self._watts += 1
        return PowerReading(volts=230.5, watts=self._watts)


class OldInterface(DriverInterface):
    """The contract of a power switch as it was before there were meters."""

    client: ClassVar[str] = "jumplab.drivers.power.PowerClient"

    @abstractmethod
    async def on(self) -> None: ...

    @abstractmethod
    async def is_on(self) -> bool: ...


OldInterface.__module__ = "jumplab.drivers.power.interface"
OldInterface.__qualname__ = "PowerInterface"


class OldSwitch(OldInterface, Driver):
    """A driver of an exporter that was installed before there were meters."""

    _on = False

    async def on(self) -> None:
        self._on = True

    async def is_on(self) -> bool:
        return self._on


def test_a_reading_has_what_the_meter_has() -> None:
    with serve(power=Metered()) as board:
        client: PowerClient = board.power
        assert client.measure() == PowerReading(volts=230.5, amps=None, watts=1.0, joules=None)


def test_readings_come_as_a_stream_that_ends_with_its_reader() -> None:
    with serve(power=Metered()) as board:
        client: PowerClient = board.power
        assert [reading.watts for reading in islice(client.read(interval_seconds=0.01), 3)] == [1.0, 2.0, 3.0]
        assert client.measure().watts is not None


async def test_readings_come_as_a_stream_with_asyncio_too() -> None:
    async with serve_async(power=Metered()) as board:
        client: AsyncPowerClient = board.power
        watts = []
        async with aclosing(client.read(interval_seconds=0.01)) as readings:
            async for reading in readings:
                watts.append(reading.watts)
                if len(watts) == 3:
                    break
        assert watts == [1.0, 2.0, 3.0]


def test_a_supply_without_a_meter_says_so() -> None:
    with serve(power=VirtualPower()) as board:
        client: PowerClient = board.power
        with pytest.raises(NotImplementedError, match=r"power\.measure: this supply has no meter"):
            client.measure()
        with pytest.raises(NotImplementedError, match=r"power\.read: this supply has no meter"):
            next(client.read())


@pytest.mark.parametrize("seconds", [0, -1])
def test_an_interval_that_is_none_is_refused(seconds: float) -> None:
    with serve(power=Metered()) as board, pytest.raises(ValueError, match="must be greater than 0 s"):
        next(board.power.read(interval_seconds=seconds))


class Plain(PowerInterface, Driver):
    """A supply whose methods are plain functions, as those that call a library are."""

    _states: tuple[str, ...] = ()

    def on(self) -> None:  # type: ignore[override]
        self._states += ("on",)

    def off(self) -> None:  # type: ignore[override]
        self._states += ("off",)

    def is_on(self) -> bool:  # type: ignore[override]
        return self._states[-1:] == ("on",)

    def measure(self) -> PowerReading:  # type: ignore[override]
        return PowerReading(watts=float(len(self._states)))


def test_a_driver_of_plain_functions_is_cycled_and_read() -> None:
    driver = Plain()
    with serve(power=driver) as board:
        board.power.cycle(off_seconds=0)
        assert driver._states == ("off", "on")
        assert next(board.power.read()).watts == 2.0


def test_a_client_of_today_uses_a_switch_of_an_older_exporter() -> None:
    with serve(power=OldSwitch()) as board:
        client: PowerClient = board.power
        client.on()
        assert client.is_on()
        with pytest.raises(errors.NotExported, match=r'driver "power" has no "measure".*; it offers: on, is_on'):
            client.measure()
        with pytest.raises(errors.NotExported, match=r'driver "power" has no "read"'):
            next(client.read())
