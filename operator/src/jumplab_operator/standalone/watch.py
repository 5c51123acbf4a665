"""Watches: each reads the history from where it stands, and waits here for more. None of them holds a queue."""

from __future__ import annotations

import asyncio


class Changed:
    """Wakes those who wait for changes of a resource."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    def tell(self, resource: str) -> None:
        for waiter in self._waiting.pop(resource, ()):
            if not waiter.done():
                waiter.set_result(None)

    def tell_all(self) -> None:
        for resource in list(self._waiting):
            self.tell(resource)

    def next(self, resource: str) -> asyncio.Future[None]:
        """Done at the next change of the resource. Ask for it before reading, so that none is missed."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters = self._waiting.setdefault(resource, set())
        waiters.add(waiter)
        waiter.add_done_callback(waiters.discard)
        return waiter
