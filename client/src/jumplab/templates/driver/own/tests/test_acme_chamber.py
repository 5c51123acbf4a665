"""The driver and its clients, with the simulator as the device: everything of a lease but the network."""

import asyncio
from collections.abc import Iterator

import pytest
from jumplab.driver.errors import CallRefused, DriverFailed
from jumplab.testing import serve, serve_async

from acme_chamber.driver import AcmeChamber
from acme_chamber.plain import AcmeChamberClient
from acme_chamber.simulator import Simulator, running_simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator() as simulator:
        yield simulator


def driver_of(simulator: Simulator) -> AcmeChamber:
    return AcmeChamber(host="127.0.0.1", port=simulator.port)


@pytest.fixture
def client(simulator: Simulator) -> Iterator[AcmeChamberClient]:
    with serve(device=driver_of(simulator)) as board:
        yield board.device


def test_it_settles_at_a_temperature(client: AcmeChamberClient, simulator: Simulator) -> None:
    client.settle(85)
    assert simulator.celsius == client.temperature() == 85


def test_it_can_be_watched(client: AcmeChamberClient) -> None:
    assert next(client.watch()) == 20


def test_what_the_device_refuses_is_a_sentence(client: AcmeChamberClient) -> None:
    with pytest.raises(CallRefused, match="refused TARGET 1000"):
        client.set_target(1000)


def test_a_device_that_is_away_is_told_at_the_begin(simulator: Simulator) -> None:
    simulator.shutdown()
    simulator.server_close()
    with pytest.raises(DriverFailed, match="can't be reached"), serve(device=driver_of(simulator)):
        pass


def test_tests_with_asyncio_have_the_same(simulator: Simulator) -> None:
    async def settle() -> None:
        async with serve_async(device=driver_of(simulator)) as board:
            await board.device.settle(-10)

    asyncio.run(settle())
    assert simulator.celsius == -10
