"""What one admission cycle has decided for a namespace."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime

from jumplab_operator.leasing.model.decisions import Assign
from jumplab_operator.leasing.model.ids import ExporterUid, LeaseUid
from jumplab_operator.leasing.model.reservations import Reservations


@dataclass(frozen=True, slots=True)
class CycleResult:
    """It follows from the facts and the time of the cycle alone. The next cycle makes a new one."""

    now: datetime = field(default=datetime.min.replace(tzinfo=UTC), compare=False)
    """The time of the cycle."""
    assigned: Mapping[LeaseUid, Assign] = field(default_factory=dict)
    taken: Mapping[ExporterUid, LeaseUid] = field(default_factory=dict)
    """The exporters of `assigned`, each with its lease."""
    reservations: Reservations = field(default_factory=Reservations)
    """For leases that begin later."""
    gang_reservations: Reservations = field(default_factory=Reservations)
    """For gangs that wait, from when all of their exporters can be free."""
    victims: Mapping[LeaseUid, LeaseUid] = field(default_factory=dict)
    """Spot leases to be preempted, each with the waiting lease that needs its exporters."""
    spared: Set[LeaseUid] = frozenset()
    """Leases that were given notice and are to stay."""
    contested: bool = False
    """Whether a waiting lease might have another preempted: by the passing of time alone the victims may change."""
    look_again: datetime | None = None
    """When ranks may have changed, and the gang reservations with them; None where there are none."""

    @property
    def settled(self) -> bool:
        """Whether a further cycle decides the same while no fact changes and no moment comes."""
        return not (self.assigned or self.gang_reservations.exporters or self.contested)
