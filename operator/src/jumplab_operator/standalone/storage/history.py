"""Watches: each reads the history from where it stands, and waits here for more. None of them holds a queue.

Watches that stand at the same place read once for all of them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from jumplab_operator.standalone.storage.store import Change, Most, Reader

_CACHED_STEPS = 8
_CACHED_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Step:
    """What happened to a resource since a version: up to `version`, or, with `behind`, up to the last of `changes`."""

    version: int
    changes: list[Change]
    behind: bool
    compacted: int
    """The newest change that the history no longer has: who stands before it has missed something."""


class Steps:
    """Reads steps of the history. The newest few small ones are kept until something changes, for the next watch."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._steps: dict[tuple[str, str, int], Step] = {}

    def since(self, resource: str, namespace: str, version: int, most: Most) -> Step:
        """The changes of a resource, in a namespace where one is named, after a version."""
        step_key = (resource, namespace, version)
        known = self._steps.get(step_key)
        if known is not None:
            return known
        with self._reader.snapshot() as newest:
            changes, behind = self._reader.changes(resource, namespace, version, most)
            step = Step(newest, changes, behind, self._reader.compacted(resource))
        if sum(change.bytes for change in changes) <= _CACHED_BYTES:
            if len(self._steps) == _CACHED_STEPS:
                del self._steps[next(iter(self._steps))]
            self._steps[step_key] = step
        return step

    def forget(self) -> None:
        """Something has changed: what was read is the past."""
        self._steps.clear()


class Changed:
    """Wakes those who wait for changes of a resource."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    def notify(self, resource: str) -> None:
        for waiter in self._waiting.pop(resource, ()):
            if not waiter.done():
                waiter.set_result(None)

    def notify_all(self) -> None:
        for resource in list(self._waiting):
            self.notify(resource)

    def next(self, resource: str) -> asyncio.Future[None]:
        """Done at the next change of the resource. Ask for it before reading, so that none is missed."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters = self._waiting.setdefault(resource, set())
        waiters.add(waiter)
        waiter.add_done_callback(waiters.discard)
        return waiter
