"""The leases that have ended and still exist, by their clients and namespaces, in the order in which they ended."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

from jumplab_operator.names import Name
from jumplab_operator.reconcile.context.holders import holder_of
from jumplab_operator.resources import Lease

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_Ended = tuple[datetime, str]
"""When a lease ended, and its uid: leases of one second have an order, too."""


class EndedLeases:
    """Knows which are too many: the oldest beyond so many of a client, or of a namespace. A change costs the search of
    its place, however many there are."""

    def __init__(self, most_of_client: int, most_of_namespace: int) -> None:
        self._most_of_client = most_of_client
        self._most_of_namespace = most_of_namespace
        self._of_client: defaultdict[Name, list[_Ended]] = defaultdict(list)
        self._of_namespace: defaultdict[str, list[_Ended]] = defaultdict(list)

    def note(self, before: Lease | None, now: Lease | None) -> set[str]:
        """A Lease has changed; None: there was, or is, none. Returns the uids of those that became too many."""
        if before is not None and before.status.ended:
            for ended, _ in self._lists(before):
                _remove(ended, _key(before))
        surplus = set()
        if now is not None and now.status.ended:
            for ended, most in self._lists(now):
                _remove(ended, _key(now))  # it may have been unreadable meanwhile
                insort(ended, _key(now))
                if len(ended) > most:  # there is one more than before: the newest of them, or this one
                    surplus.add(ended[-most - 1][1])
                    surplus |= {now.uid} if _key(now) < ended[-most] else set()
        return surplus

    def is_surplus(self, lease: Lease) -> bool:
        """Whether an ended lease is one too many."""
        return any(_key(lease) < ended[-most] for ended, most in self._lists(lease) if len(ended) > most)

    def _lists(self, lease: Lease) -> Iterator[tuple[list[_Ended], int]]:
        yield self._of_client[holder_of(lease)], self._most_of_client
        yield self._of_namespace[lease.namespace], self._most_of_namespace


def _remove(ended: list[_Ended], key: _Ended) -> None:
    place = bisect_left(ended, key)
    if ended[place : place + 1] == [key]:
        del ended[place]


def _key(lease: Lease) -> _Ended:
    return lease.status.end_time or lease.metadata.creation_timestamp or _LONG_AGO, lease.uid
