"""The calls that one client has running, and how much it may have at once."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from jumplab.protocol.v1.session_pb2 import Call
from jumplab.session.frames import ProtocolError

CALLS_AT_ONCE = 1024
ARGUMENTS_BYTES = 64 << 20


class RunningCalls:
    """The tasks of calls, by their ids, each of which counts up and is used once."""

    def __init__(self) -> None:
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._let_go: set[int] = set()
        self._last_id = 0
        self._arguments_bytes = 0

    def begin(self, call: Call, run: Callable[[Call], Coroutine[Any, Any, None]]) -> None:
        """Runs a call. Raises ProtocolError where its id has been used, or it is more than a client may have."""
        if call.id <= self._last_id:
            raise ProtocolError(f"the client used the call id {call.id} after {self._last_id}")
        if len(self._tasks) >= CALLS_AT_ONCE:
            raise ProtocolError(f"the client has {CALLS_AT_ONCE} calls running at once, which is the most")
        size_bytes = len(call.arguments)
        if self._arguments_bytes + size_bytes > ARGUMENTS_BYTES:
            raise ProtocolError(f"the arguments of the client's calls have more than {ARGUMENTS_BYTES} bytes")
        self._last_id = call.id
        self._arguments_bytes += size_bytes
        loop = asyncio.get_running_loop()
        task = self._tasks[call.id] = loop.create_task(run(call), name=f"call {call.id} {call.method}")
        task.add_done_callback(lambda _: self._forget(call.id, size_bytes))

    def cancel(self, call_id: int) -> None:
        """Cancels a call that the client has let go of; nothing where it has ended."""
        if call_id in self._tasks:
            self._let_go.add(call_id)
            self._tasks[call_id].cancel()

    def was_begun(self, call_id: int) -> bool:
        """Whether there is or was such a call."""
        return 0 < call_id <= self._last_id

    def is_awaited(self, call_id: int) -> bool:
        """Whether the client still waits for the call's result."""
        return call_id not in self._let_go

    def cancel_all(self) -> list[asyncio.Task[None]]:
        """Cancels each, but none twice, which would interrupt its clean-up: the tasks of all that still run."""
        tasks = list(self._tasks.values())
        for task in tasks:
            if not task.cancelling():
                task.cancel()
        return tasks

    def _forget(self, call_id: int, size_bytes: int) -> None:
        del self._tasks[call_id]
        self._let_go.discard(call_id)
        self._arguments_bytes -= size_bytes
