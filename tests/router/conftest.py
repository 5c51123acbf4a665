"""A router, and peers to come to it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from jumplab_operator.router.relay import Router
from tests.worlds.relay import Bench, Peers, served


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
async def router(bench: Bench) -> AsyncIterator[Router]:
    async with served(bench) as router:
        yield router


@pytest.fixture
async def peers(bench: Bench, router: Router) -> AsyncIterator[Peers]:
    async with AsyncExitStack() as stack:
        yield Peers(bench, stack)
