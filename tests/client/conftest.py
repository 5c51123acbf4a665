"""A lab at the wire, and a controller connected to it."""

from collections.abc import AsyncIterator

import pytest

from jumplab.client.controller import Controller
from tests.client import fixtures
from tests.client.authority import Authority
from tests.client.lab_double import LabDouble, config_for, served

authority, bench, lab = fixtures.authority, fixtures.bench, fixtures.lab


@pytest.fixture
async def port(lab: LabDouble, authority: Authority) -> AsyncIterator[int]:
    async with served(lab, authority) as port:
        yield port


@pytest.fixture
async def controller(port: int, authority: Authority) -> AsyncIterator[Controller]:
    async with Controller.connected(config_for(port, authority)) as controller:
        yield controller
