"""Waiting for what has no event to wait for."""

import asyncio
from collections.abc import Callable

import psutil

_BOUND_SECONDS = 240


async def until(condition: Callable[[], object]) -> None:
    """Waits until a condition holds."""
    async with asyncio.timeout(_BOUND_SECONDS):
        while not condition():  # noqa: ASYNC110 - other processes tell nobody
            await asyncio.sleep(0.01)


async def gone(pid: int) -> None:
    """Waits until a process has ended; a zombie that its new parent has not reaped yet has."""
    await until(lambda: not alive(pid))


def alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
