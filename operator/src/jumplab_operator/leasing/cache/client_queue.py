"""One client's identical requests, in order of their age.

If the first can't be served, none behind it can: they could have the same exporters, by the same rights, and count
against the same quota. An admission cycle rests on that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import NamedTuple, TypeAlias

from jumplab_operator.leasing.cache.pools import Pool, PoolKey
from jumplab_operator.leasing.model import policy_rules
from jumplab_operator.leasing.model.ids import ClientName, LeaseUid
from jumplab_operator.leasing.model.matching import Matching

QueueKey: TypeAlias = tuple[Pool, ...]
"""The pool of each member: leases with the same pools stand in one queue, whoever their clients are."""


class QueueEntry(NamedTuple):
    """A lease in its queue. The order of entries is that of the queue."""

    since: datetime
    name: str
    uid: LeaseUid


class ClientQueueKey(NamedTuple):
    """What the leases of a client queue have in common."""

    pools: tuple[PoolKey, ...]
    client: ClientName
    single: str
    """The uid of its one lease, where that is unlike all others: something is claimed or reserved for it, or it avoids
    an exporter. Else empty."""


@dataclass(slots=True, eq=False)
class ClientQueue:
    """The waiting leases of one client that ask for the same."""

    key: ClientQueueKey
    client: ClientName
    pools: QueueKey
    entries: list[QueueEntry] = field(default_factory=list)

    @property
    def satisfiable(self) -> bool:
        """Whether there are distinct exporters for all members, free or not."""
        if len(self.pools) == 1:
            return bool(self.pools[0].grants)
        return all(pool.grants for pool in self.pools) and not self.unmatched

    @property
    def unmatched(self) -> Sequence[int]:
        """The members that there are fewer exporters for than they are, by their numbers."""
        matching = Matching([list(islice(pool.grants, len(self.pools))) for pool in self.pools])
        matching.run()
        return matching.unmatched

    @property
    def best(self) -> policy_rules.Grant:
        """The right that its leases rank by: the least of the best rights to their members. It must be satisfiable."""
        return min((pool.best for pool in self.pools), key=policy_rules.rank)

    @property
    def is_single(self) -> bool:
        """Whether it is of one lease that is unlike all others, see `ClientQueueKey.single`."""
        return bool(self.key.single)
