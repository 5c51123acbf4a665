"""What every test has: API servers to ask for, and no task left behind."""

from __future__ import annotations

import asyncio
import inspect
import signal
from collections.abc import AsyncIterator

import pytest

pytest_plugins = ["tests.kube.fixtures"]

# Where the tests run in the background of a script, Ctrl-C is ignored, and what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.fixturenames.insert(0, "no_task_left")


@pytest.fixture
async def no_task_left() -> AsyncIterator[None]:
    """Fails an asynchronous test whose tasks outlive it and its fixtures."""
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(0)
    left = [task for task in asyncio.all_tasks() - before if task is not asyncio.current_task() and not task.done()]
    assert not left, f"tasks left behind: {[task.get_name() for task in left]}"
