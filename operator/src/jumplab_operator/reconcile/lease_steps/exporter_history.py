"""The history of an exporter: the last leases that it served. The write that clears a claim adds to it."""

from datetime import datetime

from jumplab_operator.reconcile.context.context import Cluster, whole_seconds
from jumplab_operator.reconcile.context.past_leases import DELETED, past_lease
from jumplab_operator.reconcile.lease_steps.claims import lease_of
from jumplab_operator.resources import Exporter, HistoryEntry, LeaseRef
from jumplab_operator.resources.exporter import HISTORY_LENGTH


def history_after(exporter: Exporter, claim: LeaseRef, cluster: Cluster) -> list[HistoryEntry]:
    """The exporter's history once this claim is cleared: with one entry more if the exporter served the lease."""
    history = exporter.status.history
    entry = _entry(exporter, claim, cluster, whole_seconds(cluster.clock.now()))
    if entry is None or (entry.uid and any(each.uid == entry.uid for each in history)):
        return history
    return [*history, entry][-HISTORY_LENGTH:]


def _entry(exporter: Exporter, claim: LeaseRef, cluster: Cluster, now: datetime) -> HistoryEntry | None:
    lease, uid = lease_of(claim, exporter, cluster), claim.uid or ""
    if lease is not None:  # one that has not ended was given other exporters, or never had this one
        return past_lease(lease, now).entry(lease.uid, exporter.name) if lease.status.ended else None
    past = cluster.past.of(uid)
    if past is not None:
        return past.entry(uid, exporter.name)
    # It was deleted while no operator ran: the claim is all that is known.
    return HistoryEntry(
        lease=claim.name, uid=uid, client=claim.client or "", began=claim.since, ended=now, reason=DELETED
    )
