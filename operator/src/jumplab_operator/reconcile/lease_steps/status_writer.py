"""Writes a lease's status, its Events and its labels."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jumplab_operator.leasing.lease import conditions as lease_conditions
from jumplab_operator.leasing.lease.status_throttle import put_off
from jumplab_operator.leasing.lease.validation import late_edit
from jumplab_operator.reconcile.context.context import Cluster, whole_seconds
from jumplab_operator.reconcile.context.lease_context import LeaseContext
from jumplab_operator.reconcile.lease_steps.deferred_status import DeferredStatus
from jumplab_operator.reconcile.lease_steps.revocation import recorded_holder
from jumplab_operator.reconcile.lease_steps.status_events import events_of
from jumplab_operator.resources import Lease, LeaseSpec, LeaseStatus
from jumplab_operator.resources.conditions import merge_conditions
from jumplab_operator.resources.lease import ENDED_LABEL, MOST_EARLIER_HOLDERS, TAG_LABEL_PREFIX, EarlierHolder
from jumplab_operator.resources.metadata import Condition


class StatusWriter:
    """Writes the statuses of leases. It reads the clock itself: a step may have waited before it writes."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.deferred_status = DeferredStatus(cluster)
        self._written: dict[str, datetime] = {}
        """When each lease's status was last written, by uid."""

    def defer(self, context: LeaseContext, conditions: list[Condition], **changes: Any) -> None:
        """Shows the status now, and has it written soon: with the next change of it, or by itself."""
        self.deferred_status.show(context.lease, self._next_status(context, conditions, changes))

    async def write(self, context: LeaseContext, conditions: list[Condition], **changes: Any) -> None:
        """Writes the conditions and the changes of other fields, with the Events for them. Raises ApiError.

        Without `queue` among the changes the lease has no queue position any more.
        """
        lease, now = context.lease, self._cluster.clock.now()
        after = self._next_status(context, conditions, changes)
        before = self._cluster.objects.stored_status(lease)
        assert isinstance(before, LeaseStatus), "it is a lease's"
        if after == lease.status and self.deferred_status.may_wait(lease):
            return
        later = put_off(before, after, self._written.get(lease.uid), now)
        if later is not None:
            self._cluster.queue.add_at(lease.uid, later)
            return
        if await self._cluster.write_status(lease, after):
            self._written[lease.uid] = now
            for event in events_of(before, after):
                self._cluster.events.record(lease, event)
        await self.mirror_labels(lease, ended=False)

    def _next_status(
        self, context: LeaseContext, conditions: list[Condition], changes: Mapping[str, Any]
    ) -> LeaseStatus:
        lease, generation = context.lease, context.lease.metadata.generation
        now = whole_seconds(self._cluster.clock.now())
        merged = merge_conditions(lease.status.conditions, conditions, now, generation)
        fields = {
            "accepted": context.spec,
            "holder": recorded_holder(lease, context.spec, self._cluster),
            "earlier_holders": _earlier_holders(lease.status, context.spec, now),
            "observed_generation": generation,
            "conditions": merged,
            "queue": None,
            "state": lease_conditions.state_of(
                merged, accepted=context.spec is not None, ended=bool(changes.get("ended"))
            ),
            **changes,
        }
        return lease.status.model_copy(update=fields)

    async def late_edit(self, lease: Lease) -> None:
        """Records that an edit of a lease after its end has no effect. Raises ApiError."""
        status, generation = lease.status, lease.metadata.generation
        if status.observed_generation == generation:
            return
        wanted = lease_conditions.edited_late(status.conditions, late_edit(lease.spec, status.accepted))
        merged = merge_conditions(status.conditions, wanted, whole_seconds(self._cluster.clock.now()), generation)
        state = lease_conditions.state_of(merged, accepted=status.accepted is not None, ended=True)
        fields = {"observed_generation": generation, "conditions": merged, "state": state}
        await self._cluster.write_status(lease, status.model_copy(update=fields))

    async def mirror_labels(self, lease: Lease, *, ended: bool) -> None:
        """Sets the labels for the lease's tags, and for its end. Raises ApiError."""
        accepted = lease.status.accepted
        labels = {TAG_LABEL_PREFIX + key: value for key, value in (accepted.tags if accepted else {}).items()}
        if ended:
            labels[ENDED_LABEL] = "true"
        missing = {key: value for key, value in labels.items() if lease.metadata.labels.get(key) != value}
        if missing and lease.metadata.deletion_timestamp is None:
            await self._cluster.merge(lease, {"metadata": {"labels": missing}})

    def forget(self, lease_uid: str) -> None:
        self._written.pop(lease_uid, None)


def _earlier_holders(before: LeaseStatus, spec: LeaseSpec | None, now: datetime) -> list[EarlierHolder] | None:
    """Those of the lease with this spec. Of too many the oldest are left out: their time counts for the next one."""
    known, accepted = before.earlier_holders, before.accepted
    if spec is None or accepted is None or before.begin_time is None or spec.client_ref == accepted.client_ref:
        return known
    return [*(known or ()), EarlierHolder(client=accepted.client_ref.name, until=now)][-MOST_EARLIER_HOLDERS:]
