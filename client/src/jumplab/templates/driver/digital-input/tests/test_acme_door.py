"""The driver, with the simulator as the device: everything of a lease but the network."""

from collections.abc import Iterator

import pytest
from jumplab.driver.errors import DriverFailed
from jumplab.drivers.digital_input import DigitalInputClient
from jumplab.testing import serve

from acme_door.driver import AcmeDoor
from acme_door.simulator import Simulator, running_simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator() as simulator:
        yield simulator


def driver_of(simulator: Simulator) -> AcmeDoor:
    return AcmeDoor(host="127.0.0.1", port=simulator.port)


@pytest.fixture
def door(simulator: Simulator) -> Iterator[DigitalInputClient]:
    with serve(door=driver_of(simulator)) as board:
        yield board.door


def test_it_reads_the_device(door: DigitalInputClient, simulator: Simulator) -> None:
    assert not door.get()
    simulator.move("CLOSED")
    assert door.get()


def test_it_tells_each_change(door: DigitalInputClient, simulator: Simulator) -> None:
    edges = door.watch()
    assert not next(edges).active
    simulator.move("CLOSED")
    simulator.move("OPEN")
    assert [next(edges).active for _ in range(2)] == [True, False]


def test_a_device_that_is_away_is_told_at_the_begin(simulator: Simulator) -> None:
    simulator.shutdown()
    simulator.server_close()
    with pytest.raises(DriverFailed, match="can't be reached"), serve(door=driver_of(simulator)):
        pass
