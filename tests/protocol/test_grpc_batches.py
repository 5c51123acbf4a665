"""What a step of a gRPC call needed is freed, however the step ends."""

from __future__ import annotations

import asyncio
import ctypes
import subprocess
import sys
from asyncio import AbstractEventLoop, CancelledError, Future
from typing import Any

import pytest

from jumplab.protocol.grpc_batches import freeing

_WARMING_UP = 300
_CALLS = 1_000
_MOST_BYTES_A_CALL = 40
"""What malloc itself varies by; 96 bytes stayed of a call whose reader was cancelled, 176 of one that was reset."""


class Batch:
    """Stands for grpcio's own: gRPC completes `future`, whoever waits, and the last step frees."""

    def __init__(self) -> None:
        self.future: Future[None] | None = None
        self.is_freed = False

    async def __call__(self, _call: Any, _operations: tuple[Any, ...], loop: AbstractEventLoop) -> None:
        self.future = loop.create_future()
        await self.future
        self.is_freed = True

    def complete(self, error: Exception | None = None) -> None:
        """As gRPC does."""
        assert self.future is not None
        if self.future.cancelled():
            return
        if error is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(error)


async def begun(batch: Batch) -> asyncio.Task[None]:
    async def wait() -> None:
        await freeing(batch)(None, (), asyncio.get_running_loop())

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    return task


async def test_a_batch_that_succeeds_is_freed_before_its_caller_goes_on() -> None:
    batch = Batch()
    task = await begun(batch)
    assert not batch.is_freed
    batch.complete()
    await task
    assert batch.is_freed


async def test_a_batch_that_fails_is_freed_and_its_caller_hears_of_it() -> None:
    batch = Batch()
    task = await begun(batch)
    batch.complete(ValueError("it failed"))
    with pytest.raises(ValueError, match="it failed"):
        await task
    assert batch.is_freed


@pytest.mark.parametrize("error", [None, ValueError("it failed")], ids=["succeeds", "fails"])
async def test_a_batch_whose_caller_was_cancelled_is_freed_when_it_is_complete(error: Exception | None) -> None:
    batch = Batch()
    task = await begun(batch)
    task.cancel()
    with pytest.raises(CancelledError):
        await task
    assert not batch.is_freed
    batch.complete(error)
    await asyncio.sleep(0)
    assert batch.is_freed


async def test_a_batch_that_completes_while_its_caller_is_cancelled_is_freed() -> None:
    batch = Batch()
    task = await begun(batch)
    batch.complete()
    task.cancel()
    with pytest.raises(CancelledError):
        await task
    assert batch.is_freed


async def test_a_batch_that_does_not_begin_says_so() -> None:
    async def refuse(*_: Any) -> None:
        raise ValueError("no such call")

    with pytest.raises(ValueError, match="no such call"):
        await freeing(refuse)(None, (), asyncio.get_running_loop())


@pytest.mark.nightly
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="this C library does not tell what is in use")
def test_calls_that_are_cancelled_leave_no_memory_in_use() -> None:
    """In a process of its own: what other tests leave would count."""
    command = [sys.executable, "-m", "tests.protocol.cancelled_calls", str(_WARMING_UP), str(_CALLS)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert float(said) < _MOST_BYTES_A_CALL
