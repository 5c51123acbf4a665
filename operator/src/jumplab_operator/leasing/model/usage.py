"""The exporter time that each client has used recently, from the leases themselves: fair share goes by it.

Time is counted by the hour of the wall clock, in whole seconds, so that a change costs what it touches and the sums
don't depend on the order in which leases came and went. The window is the hour that runs and the full ones before it.
"""

from collections import Counter, defaultdict
from datetime import datetime, timedelta

from jumplab_operator.leasing.model.facts import LeaseFacts, UsageFacts
from jumplab_operator.leasing.model.ids import ClientName
from jumplab_operator.leasing.model.lease_length import exporter_seconds

WINDOW_HOURS = 24
_HOUR_SECONDS = 3600
_LONG_SECONDS = 48 * _HOUR_SECONDS
"""A longer lease is remembered as it is, not by the hour."""


class Usage:
    """The sums of one namespace. A running lease counts up to its expected end."""

    def __init__(self) -> None:
        self._by_hour: defaultdict[ClientName, Counter[int]] = defaultdict(Counter)
        self._long: defaultdict[ClientName, Counter[tuple[int, int]]] = defaultdict(Counter)
        self._promised: Counter[ClientName] = Counter()
        self._sums: dict[ClientName, tuple[int, int]] = {}

    def add(self, fact: LeaseFacts | UsageFacts, sign: int = 1) -> None:
        """Takes a lease in, or with sign -1 out again: as the very fact that was taken in."""
        for client in (client_of(fact), *(share.client for share in fact.earlier)):
            self._sums.pop(client, None)
        if isinstance(fact, UsageFacts):
            self._share(fact, fact.began, fact.ended, sign * fact.exporters)
        elif not fact.exporters:
            return
        elif fact.began is not None and fact.end is not None:
            self._share(fact, fact.began, fact.end, sign * len(fact.exporters))
        else:
            self._promised[fact.request.client] += sign * exporter_seconds(fact)

    def seconds(self, client: ClientName, hour: int) -> int:
        """What the client has used in the window that ends with this hour, see `hour_of`."""
        known = self._sums.get(client)
        if known is None or known[0] != hour:
            known = self._sums[client] = (hour, self._sum(client, hour - WINDOW_HOURS + 1))
        return known[1] + self._promised.get(client, 0)

    def _share(self, fact: LeaseFacts | UsageFacts, began: datetime, ended: datetime, count: int) -> None:
        """Each holder's time is its own."""
        for client, until in fact.earlier:
            self._spread(client, began, min(until, ended), count)
            began = max(began, min(until, ended))
        self._spread(client_of(fact), began, ended, count)

    def _spread(self, client: ClientName, began: datetime, ended: datetime, count: int) -> None:
        start, stop = int(began.timestamp()), int(ended.timestamp())
        if stop - start > _LONG_SECONDS:
            self._long[client][start, stop] += count
            return
        hours = self._by_hour[client]
        while start < stop:
            hour = start // _HOUR_SECONDS
            until = min((hour + 1) * _HOUR_SECONDS, stop)
            hours[hour] += count * (until - start)
            start = until

    def _sum(self, client: ClientName, oldest: int) -> int:
        by_hour = sum(seconds for hour, seconds in self._by_hour.get(client, Counter()).items() if hour >= oldest)
        from_then = oldest * _HOUR_SECONDS
        long = self._long.get(client, Counter())
        return by_hour + sum(max(0, stop - max(start, from_then)) * n for (start, stop), n in long.items())


def hour_of(now: datetime) -> int:
    """The hour that runs, counted since 1970."""
    return int(now.timestamp()) // _HOUR_SECONDS


def is_forgotten(ended: datetime, now: datetime) -> bool:
    """Whether a lease that ended then counts no more."""
    return ended <= now - timedelta(hours=WINDOW_HOURS)


def client_of(fact: LeaseFacts | UsageFacts) -> ClientName:
    """Its last holder."""
    return fact.client if isinstance(fact, UsageFacts) else fact.request.client
