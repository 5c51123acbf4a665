"""Wakes the tasks that wait for a change: of a topic, or of a lease's holder."""

import asyncio
from collections import defaultdict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from jumplab_operator.controller.lab import HolderChange

_REMEMBERED = 10_000


class ChangeNotifier:
    """Wakes the followers of a topic. They then read the new state themselves: several changes may come as one."""

    def __init__(self) -> None:
        self._followers: defaultdict[Hashable, set[asyncio.Event]] = defaultdict(set)

    @contextmanager
    def following(self, topic: Hashable) -> Iterator[asyncio.Event]:
        """An event that is set at each change of the topic; clear it before looking."""
        event = asyncio.Event()
        self._followers[topic].add(event)
        try:
            yield event
        finally:
            self._followers[topic].discard(event)
            if not self._followers[topic]:
                del self._followers[topic]

    def changed(self, topic: Hashable) -> None:
        for event in self._followers.get(topic, ()):
            event.set()


class HolderNotifier:
    """Passes each change of a lease's holder to all listeners, once."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[HolderChange]] = set()
        self._said: dict[str, HolderChange] = {}

    def announce(self, holding: HolderChange) -> None:
        if self._said.pop(holding.lease_uid, None) != holding:
            for queue in self._listeners:
                queue.put_nowait(holding)
        self._said[holding.lease_uid] = holding
        while len(self._said) > _REMEMBERED:
            del self._said[next(iter(self._said))]

    @contextmanager
    def listening(self) -> Iterator[asyncio.Queue[HolderChange]]:
        queue: asyncio.Queue[HolderChange] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)
