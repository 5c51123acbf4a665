"""The context of one reconcile of a Lease, built once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jumplab_operator.leasing.lease.validation import InForce, Refusal
from jumplab_operator.leasing.model.decisions import Decision
from jumplab_operator.resources import Exporter, Lease, LeaseSpec


@dataclass(frozen=True, slots=True)
class LeaseContext:
    """A lease, and everything about it that the steps of its reconcile decide on.

    It is of the moment when the reconcile began. A step that has waited since then, for a lock or for the API, reads
    again what it relies on.
    """

    lease: Lease
    spec: LeaseSpec | None
    """The spec in force, the newest edit included where it is valid; None: none was ever valid."""
    refusal: Refusal | None
    """Why the spec at hand isn't in force; None: it is."""
    in_force: InForce | None
    """The state before this reconcile; None: nothing was accepted yet."""
    decision: Decision | None
    exporters: Sequence[Exporter]
    """Those that the lease is assigned to, as far as they are known."""
    now: datetime

    @property
    def required_spec(self) -> LeaseSpec:
        """The spec in force, for the steps that only a lease with a valid one gets to."""
        assert self.spec is not None, "the scheduler decides only on leases with a valid spec"
        return self.spec
