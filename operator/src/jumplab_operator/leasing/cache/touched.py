"""What changes of facts have touched since the last admission cycle: only that is compared anew."""

from dataclasses import dataclass, field

from jumplab_operator.leasing.cache.client_queue import ClientQueue
from jumplab_operator.leasing.cache.pools import Pool
from jumplab_operator.leasing.model.ids import LeaseUid


@dataclass(slots=True)
class Touched:
    """Filled while facts are put and dropped, emptied by the scheduler."""

    leases: set[LeaseUid] = field(default_factory=set)
    """Waiting leases that were filed anew."""
    queues: set[ClientQueue] = field(default_factory=set)
    """Queues that a lease has joined or left."""
    pools: set[Pool] = field(default_factory=set)
    """Pools that are new, or in which an exporter came, went or changed its situation."""
    forgotten: set[Pool] = field(default_factory=set)
    """Pools that no lease asks for any more."""
    reservations: bool = False
    """Whether a lease has come or gone that has or wants a reservation."""

    def clear(self) -> None:
        """From now on it is collected anew."""
        for each in (self.leases, self.queues, self.pools, self.forgotten):
            each.clear()
        self.reservations = False
