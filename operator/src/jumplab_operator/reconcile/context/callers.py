"""Clients' calls that are open at the controller, and what ends them."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager


class Callers:
    """By the clients' uids."""

    def __init__(self) -> None:
        self._open: defaultdict[str, set[asyncio.Future[str]]] = defaultdict(set)

    @contextmanager
    def calling(self, client_uid: str) -> Iterator["asyncio.Future[str]"]:
        """A call is open while the context lasts. Done, with the reason, once the client is revoked."""
        revoked: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._open[client_uid].add(revoked)
        try:
            yield revoked
        finally:
            self._open[client_uid].discard(revoked)
            if not self._open[client_uid]:
                del self._open[client_uid]

    def revoke(self, client_uid: str, why: str) -> None:
        """Ends the client's open calls."""
        for revoked in self._open.get(client_uid, ()):
            if not revoked.done():
                revoked.set_result(why)

    def uids(self) -> Collection[str]:
        """The uids of the clients with an open call."""
        return self._open.keys()
