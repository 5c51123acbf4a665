"""The driver, with the simulator as the device: everything of a lease but the network."""

from collections.abc import Iterator

import pytest
from jumplab.drivers.console import ConsoleClient
from jumplab.testing import serve

from acme_terminal.driver import AcmeTerminal
from acme_terminal.simulator import Simulator, running_simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator() as simulator:
        yield simulator


@pytest.fixture
def console(simulator: Simulator) -> Iterator[ConsoleClient]:
    with serve(console=AcmeTerminal(host="127.0.0.1", port=simulator.port)) as board:
        yield board.console


def test_what_the_device_says_is_kept_from_the_begin(console: ConsoleClient) -> None:
    console.expect("=> ")


def test_commands_are_answered(console: ConsoleClient) -> None:
    console.expect("=> ")
    console.send("version\n")
    assert "terminal 1.0" in console.expect("=> ")
