"""A gRPC server that no call of an unknown method can end.

grpcio's own (1.85) decodes the path of each call that it has no registered method for, in the task that accepts all
calls: a path that is not UTF-8 ends that task, and with it the server, whoever the caller is. Here unknown methods are
refused apart, without a look at their paths. Services have to register their methods, as generated code does.
"""

import asyncio
import importlib
from collections.abc import Callable
from typing import Any

from jumplab.protocol.grpc_loading import aio

_cygrpc: Any = importlib.import_module("grpc._cython.cygrpc")
_NEEDED = ("_handle_rpc", "_schedule_rpc_coro", "_MethodResolver")
_UNKNOWN = "/unknown/Unknown"


def server(**options: Any) -> aio.Server:
    """grpc.aio.server with these options. An older grpcio, which accepts calls otherwise, is left as it is."""
    original = _cygrpc.AioServer
    if not hasattr(original, "_make_request_call_future") or not all(hasattr(_cygrpc, name) for name in _NEEDED):
        return aio.server(**options)
    _cygrpc.AioServer = _refusing(original)  # grpc.aio offers no other way to give it a server
    try:
        return aio.server(**options)
    finally:
        _cygrpc.AioServer = original


def _refusing(original: Any) -> type[Any]:
    class RefusingServer(original):  # type: ignore[misc] # a class of grpcio's extension
        _refusing: asyncio.Task[None] | None = None

        def _make_request_call_future(self, method: bytes | None) -> Any:
            if method is not None:
                return super()._make_request_call_future(method)
            if self._refusing is None or self._refusing.done():
                self._refusing = asyncio.create_task(_refuse(self._request_call), name="gRPC calls of unknown methods")
            return self._refusing

    return RefusingServer


async def _refuse(next_call: Callable[[], Any]) -> None:
    """Answers UNIMPLEMENTED to each call, for ever. Raises what gRPC does where the server stops."""
    loop, nothing, running = asyncio.get_running_loop(), _cygrpc._MethodResolver([], {}), set[asyncio.Task[Any]]()
    while True:
        call = await next_call()
        answering = _cygrpc._handle_rpc(_UNKNOWN, nothing, (), call, loop, False)
        task = loop.create_task(_cygrpc._schedule_rpc_coro(answering, call, loop, _UNKNOWN), name="gRPC refusal")
        running.add(task)
        task.add_done_callback(running.discard)
