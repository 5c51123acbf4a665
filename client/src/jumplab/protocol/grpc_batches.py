"""Batches of gRPC that fail, or whose caller is cancelled, leave nothing in memory.

A batch is a step of a call: sending a message, receiving one, ending the call. grpcio (1.85) frees what a batch needed
only where it succeeds while somebody waits for it. Otherwise 80 to 160 bytes stay for ever, and a message that came in
spite of the cancellation stays as well. A peer that opens calls and resets them fills the memory of a server so, and
each session that ends leaves some.
"""

import importlib
import types
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Coroutine, Generator
from typing import Any

_Batch = Coroutine[Any, Any, None]
_Execute = Callable[[Any, tuple[Any, ...], AbstractEventLoop], _Batch]


def free_all_batches() -> None:
    """Has each batch of this process freed, however it ends. A grpcio that runs them otherwise is left as it is."""
    cygrpc: Any = importlib.import_module("grpc._cython.cygrpc")
    if hasattr(cygrpc, "execute_batch"):
        cygrpc.execute_batch = freeing(cygrpc.execute_batch)


def freeing(execute: _Execute) -> Callable[[Any, tuple[Any, ...], AbstractEventLoop], Any]:
    """The same as `execute`, which waits once, for a future that gRPC completes; its last step frees the batch."""

    @types.coroutine
    def execute_and_free(
        call: Any, operations: tuple[Any, ...], loop: AbstractEventLoop
    ) -> Generator["Future[None]", None, None]:
        batch = execute(call, operations, loop)
        future: Future[None] = batch.send(None)
        try:
            yield future
        except BaseException:
            if future.cancelled():
                # The wait is over, the batch is not: gRPC completes no future that is cancelled.
                _renew(future, loop)
            if future.done():
                _free(batch, future, loop)
            else:
                future.add_done_callback(lambda _: _free(batch, future, loop))
            raise
        _free(batch, future, loop)

    return execute_and_free


def _free(batch: _Batch, future: "Future[None]", loop: AbstractEventLoop) -> None:
    """Runs the last step of a batch that gRPC has completed."""
    if future.exception() is not None:
        _renew(future, loop)  # else its last step would not be reached
        future.set_result(None)
    try:  # noqa: SIM105 - it is done for each message, and `suppress` takes longer
        batch.send(None)
    except StopIteration:
        pass


def _renew(future: "Future[None]", loop: AbstractEventLoop) -> None:
    """Makes a future pending again."""
    Future.__init__(future, loop=loop)
