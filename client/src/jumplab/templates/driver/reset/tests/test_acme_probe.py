"""The driver, with the simulator as the device: everything of a lease but the network."""

from collections.abc import Iterator

import pytest
from jumplab.driver.errors import DriverFailed
from jumplab.drivers.reset import ResetClient
from jumplab.testing import serve

from acme_probe.driver import AcmeProbe
from acme_probe.simulator import Simulator, running_simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator() as simulator:
        yield simulator


def driver_of(simulator: Simulator) -> AcmeProbe:
    return AcmeProbe(host="127.0.0.1", port=simulator.port)


@pytest.fixture
def reset(simulator: Simulator) -> Iterator[ResetClient]:
    with serve(reset=driver_of(simulator)) as board:
        yield board.reset


def test_it_holds_the_device_in_reset(reset: ResetClient, simulator: Simulator) -> None:
    reset.assert_reset()
    assert simulator.state == "ASSERT"
    assert reset.is_asserted()
    reset.release()
    assert simulator.state == "RELEASE"


def test_after_a_pulse_it_is_released(reset: ResetClient, simulator: Simulator) -> None:
    reset.pulse(0.01)
    assert simulator.state == "RELEASE"


def test_a_device_that_is_away_is_told_at_the_begin(simulator: Simulator) -> None:
    simulator.shutdown()
    simulator.server_close()
    with pytest.raises(DriverFailed, match="can't be reached"), serve(reset=driver_of(simulator)):
        pass
