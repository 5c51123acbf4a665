"""A control plane of the test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.worlds.one_machine import Plane


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    running = await Plane.started(tmp_path / "data")
    yield running
    await running.kill()
