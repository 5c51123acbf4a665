"""The driver, with the simulator as the device: everything of a lease but the network."""

from collections.abc import Iterator

import pytest
from jumplab.driver.errors import DriverFailed
from jumplab.drivers.power import PowerClient
from jumplab.testing import serve

from acme_relay.driver import AcmeRelay
from acme_relay.simulator import Simulator, running_simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator() as simulator:
        yield simulator


def driver_of(simulator: Simulator) -> AcmeRelay:
    return AcmeRelay(host="127.0.0.1", port=simulator.port)


@pytest.fixture
def power(simulator: Simulator) -> Iterator[PowerClient]:
    with serve(power=driver_of(simulator)) as board:
        yield board.power


def test_it_switches_the_device(power: PowerClient, simulator: Simulator) -> None:
    power.on()
    assert simulator.state == "ON"
    assert power.is_on()
    power.off()
    assert simulator.state == "OFF"


def test_it_cycles(power: PowerClient) -> None:
    power.cycle(off_seconds=0)
    assert power.is_on()


def test_a_device_that_is_away_is_told_at_the_begin(simulator: Simulator) -> None:
    simulator.shutdown()
    simulator.server_close()
    with pytest.raises(DriverFailed, match="can't be reached"), serve(power=driver_of(simulator)):
        pass
