"""The driver, with the simulator as the device: everything of a lease but the network."""

from collections.abc import Iterator

import pytest
from jumplab.driver.errors import DriverFailed
from jumplab.drivers.button import ButtonClient
from jumplab.testing import serve

from acme_finger.driver import AcmeFinger
from acme_finger.simulator import Simulator, running_simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator() as simulator:
        yield simulator


def driver_of(simulator: Simulator) -> AcmeFinger:
    return AcmeFinger(host="127.0.0.1", port=simulator.port)


@pytest.fixture
def button(simulator: Simulator) -> Iterator[ButtonClient]:
    with serve(button=driver_of(simulator)) as board:
        yield board.button


def test_it_presses_the_button(button: ButtonClient, simulator: Simulator) -> None:
    button.press_down()
    assert simulator.state == "DOWN"
    assert button.is_pressed()
    button.release()
    assert simulator.state == "UP"


def test_after_a_press_it_is_released(button: ButtonClient, simulator: Simulator) -> None:
    button.press(0.01)
    assert simulator.state == "UP"


def test_it_is_released_at_the_end(simulator: Simulator) -> None:
    with serve(button=driver_of(simulator)) as board:
        board.button.press_down()
    assert simulator.state == "UP"


def test_a_device_that_is_away_is_told_at_the_begin(simulator: Simulator) -> None:
    simulator.shutdown()
    simulator.server_close()
    with pytest.raises(DriverFailed, match="can't be reached"), serve(button=driver_of(simulator)):
        pass
