"""The order in which leases are served: priority, then fair share among clients, then age; aging prevents starving."""

from datetime import datetime, timedelta
from typing import NamedTuple

from jumplab_operator.leasing.model.ids import LeaseUid

PATIENCE = timedelta(hours=4)
"""A lease that has waited so long ranks as of the highest priority. Fair share alone lets nobody starve: the time that
others use counts for those who wait."""

_HIGHEST = 2**31
RESERVED = 2**32
"""The priority of a lease with a reservation whose begin has come."""

CLAIMED = 2**33
"""The priority of a lease that has a claim on an exporter: the claim is finished before anything is assigned."""


class Rank(NamedTuple):
    """The smallest is served first; no two are equal."""

    priority: int
    """Negative: the highest priority is the smallest number."""
    used: float
    since: datetime
    name: str
    uid: LeaseUid


def rank(priority: int, used_seconds: int, weight: int, entry: tuple[datetime, str, LeaseUid], now: datetime) -> Rank:
    """The rank of a lease with this entry in its queue, whose client has used so many seconds recently."""
    starving = now - entry[0] >= PATIENCE
    return Rank(-(max(priority, _HIGHEST) if starving else priority), used_seconds / weight, *entry)
