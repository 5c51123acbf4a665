"""The driver, with the simulator as the device: everything of a lease but the network."""

from collections.abc import Iterator

import pytest
from jumplab.driver.errors import DriverFailed
from jumplab.drivers.digital_output import DigitalOutputClient
from jumplab.testing import serve

from acme_lamp.driver import AcmeLamp
from acme_lamp.simulator import Simulator, running_simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator() as simulator:
        yield simulator


def driver_of(simulator: Simulator) -> AcmeLamp:
    return AcmeLamp(host="127.0.0.1", port=simulator.port)


@pytest.fixture
def lamp(simulator: Simulator) -> Iterator[DigitalOutputClient]:
    with serve(lamp=driver_of(simulator)) as board:
        yield board.lamp


def test_it_sets_the_device(lamp: DigitalOutputClient, simulator: Simulator) -> None:
    lamp.set(True)
    assert simulator.state == "ON"
    assert lamp.get()
    lamp.set(False)
    assert simulator.state == "OFF"


def test_after_a_pulse_it_is_inactive(lamp: DigitalOutputClient, simulator: Simulator) -> None:
    lamp.pulse(0.01)
    assert simulator.state == "OFF"


def test_a_device_that_is_away_is_told_at_the_begin(simulator: Simulator) -> None:
    simulator.shutdown()
    simulator.server_close()
    with pytest.raises(DriverFailed, match="can't be reached"), serve(lamp=driver_of(simulator)):
        pass
