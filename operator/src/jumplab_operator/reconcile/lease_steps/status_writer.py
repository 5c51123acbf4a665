"""What is told of a lease: its status, the Events, the labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jumplab_operator.leasing.lease import conditions as lease_conditions
from jumplab_operator.leasing.lease.status_throttle import put_off
from jumplab_operator.leasing.lease.validation import Refusal, late_edit
from jumplab_operator.reconcile.context.context import Cluster, whole_seconds
from jumplab_operator.reconcile.lease_steps.deferred_status import DeferredStatus
from jumplab_operator.reconcile.lease_steps.revocation import recorded_holder
from jumplab_operator.reconcile.lease_steps.status_events import events_of
from jumplab_operator.resources import Lease, LeaseSpec, LeaseStatus
from jumplab_operator.resources.conditions import merge_conditions
from jumplab_operator.resources.lease import ENDED_LABEL, TAG_LABEL_PREFIX
from jumplab_operator.resources.metadata import Condition


@dataclass(frozen=True, slots=True)
class Terms:
    """The spec that is in force (None: none was ever valid), and why the one at hand isn't."""

    spec: LeaseSpec | None
    refusal: Refusal | None


class StatusWriter:
    """Writes what has become of leases."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.deferred_status = DeferredStatus(cluster)
        self._told: dict[str, datetime] = {}

    def foretell(self, lease: Lease, terms: Terms, conditions: list[Condition], **changes: Any) -> None:
        """Takes it as told, and has it written within moments: with what follows, or by itself."""
        self.deferred_status.show(lease, self._told_of(lease, terms, conditions, changes))

    async def write(self, lease: Lease, terms: Terms, conditions: list[Condition], **changes: Any) -> None:
        """The status, with what has changed beside the conditions, and Events for what it means. Raises ApiError.

        Without a word of it the lease isn't in a queue any more.
        """
        after, now = self._told_of(lease, terms, conditions, changes), self._cluster.clock.now()
        before = self._cluster.objects.stored_status(lease)
        assert isinstance(before, LeaseStatus), "it is a lease's"
        if after == lease.status and self.deferred_status.may_wait(lease):
            return
        later = put_off(before, after, self._told.get(lease.uid), now)
        if later is not None:
            self._cluster.queue.add_at(lease.uid, later)
            return
        if await self._cluster.write_status(lease, after):
            self._told[lease.uid] = now
            for happening in events_of(before, after):
                self._cluster.events.record(lease, happening)
        await self.mirror_labels(lease, ended=False)

    def _told_of(
        self, lease: Lease, terms: Terms, conditions: list[Condition], changes: Mapping[str, Any]
    ) -> LeaseStatus:
        now, generation = whole_seconds(self._cluster.clock.now()), lease.metadata.generation
        merged = merge_conditions(lease.status.conditions, conditions, now, generation)
        news = {
            "accepted": terms.spec,
            "holder": recorded_holder(lease, terms.spec, self._cluster),
            "observed_generation": generation,
            "conditions": merged,
            "queue": None,
            **changes,
        }
        return lease.status.model_copy(update=news)

    async def late_edit(self, lease: Lease) -> None:
        """Says of a lease that was edited after its end that this is in vain. Raises ApiError."""
        status, generation = lease.status, lease.metadata.generation
        if status.observed_generation == generation:
            return
        wanted = lease_conditions.edited_late(status.conditions, late_edit(lease.spec, status.accepted))
        merged = merge_conditions(status.conditions, wanted, whole_seconds(self._cluster.clock.now()), generation)
        news = {"observed_generation": generation, "conditions": merged}
        await self._cluster.write_status(lease, status.model_copy(update=news))

    async def mirror_labels(self, lease: Lease, *, ended: bool) -> None:
        """Tags, and whether it is over, as labels. Raises ApiError."""
        accepted = lease.status.accepted
        labels = {TAG_LABEL_PREFIX + key: value for key, value in (accepted.tags if accepted else {}).items()}
        if ended:
            labels[ENDED_LABEL] = "true"
        missing = {key: value for key, value in labels.items() if lease.metadata.labels.get(key) != value}
        if missing and lease.metadata.deletion_timestamp is None:
            await self._cluster.merge(lease, {"metadata": {"labels": missing}})

    def forget(self, lease_uid: str) -> None:
        self._told.pop(lease_uid, None)
