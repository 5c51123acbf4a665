"""Calls of clients and exporters that are open at the controller, and what ends them."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager


class Callers:
    """By the uids of clients and exporters."""

    def __init__(self) -> None:
        self._open: defaultdict[str, set[asyncio.Future[str]]] = defaultdict(set)

    @contextmanager
    def calling(self, uid: str) -> Iterator["asyncio.Future[str]"]:
        """A call is open while the context lasts. Done, with the reason, once the caller is revoked."""
        revoked: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._open[uid].add(revoked)
        try:
            yield revoked
        finally:
            self._open[uid].discard(revoked)
            if not self._open[uid]:
                del self._open[uid]

    def revoke(self, uid: str, why: str) -> None:
        """Ends the caller's open calls."""
        for revoked in self._open.get(uid, ()):
            if not revoked.done():
                revoked.set_result(why)

    def uids(self) -> Collection[str]:
        """The uids of the clients and exporters with an open call."""
        return self._open.keys()
