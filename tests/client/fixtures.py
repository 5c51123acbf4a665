"""A lab at the wire, and a bench in it. The conftest of each folder whose tests want them takes them over."""

from collections.abc import AsyncIterator

import pytest

from tests.client.authority import Authority
from tests.client.bench import Bench, bench_of, drivers
from tests.client.lab_double import LabDouble


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority.make()


@pytest.fixture
async def lab() -> LabDouble:
    return LabDouble()


@pytest.fixture
async def bench(lab: LabDouble, authority: Authority) -> AsyncIterator[Bench]:
    async with bench_of(lab, authority, drivers()) as bench:
        yield bench
