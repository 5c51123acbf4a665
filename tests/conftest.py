"""What every test has: API servers to ask for, and no task left behind."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from jumplab.protocol import grpc_loading  # noqa: F401 - before a test loads gRPC: with the settings that users have

# A call of a closed channel ends when gRPC's own thread comes to it. A bound that only a hang reaches.
_GRPC_LEAVES_SECONDS = 30

# No example fails for being slow, as on a busy machine; and each run tries the same ones: it tells of the change alone.
settings.register_profile("tests", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
# Others each time, as `--hypothesis-seed` says: for make nightly and make fuzz.
settings.register_profile(
    "random", parent=settings.get_profile("tests"), derandomize=False, database=None, print_blob=True
)
settings.load_profile("tests")

pytest_plugins = ["tests.workers", "tests.tiers", "tests.counterparts", "tests.kube.fixtures"]

# Where the tests run in the background of a script, Ctrl-C is ignored, and what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Exporters keep console logs there, and nothing of a test's stays on the machine."""
    os.environ["STATE_DIRECTORY"] = str(tmp_path_factory.mktemp("state"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.fixturenames.insert(0, "no_task_left")


@pytest.fixture
async def no_task_left() -> AsyncIterator[None]:
    """Fails an asynchronous test whose tasks outlive it and its fixtures; gRPC's own may take their leave."""
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(0)
    theirs = {task for task in _beside(before) if _is_of_grpc(task)}
    if theirs:
        await asyncio.wait(theirs, timeout=_GRPC_LEAVES_SECONDS)
    left = _beside(before)
    assert not left, f"tasks left behind: {[task.get_name() for task in left]}"


def _beside(before: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() - before if task is not asyncio.current_task() and not task.done()}


def _is_of_grpc(task: asyncio.Task[Any]) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and "/grpc/" in code.co_filename
