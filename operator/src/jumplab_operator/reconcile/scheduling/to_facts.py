"""Turns resources into facts: what the scheduler knows of exporters, leases, clients and access policies."""

from dataclasses import replace
from datetime import datetime, timedelta

from jumplab_operator.kube.object_store import StoredObject
from jumplab_operator.leasing.lease.activity import latest_end
from jumplab_operator.leasing.model.facts import (
    ClientFacts,
    ExporterFacts,
    LeaseFacts,
    PolicyFacts,
    Request,
    Share,
    UsageFacts,
)
from jumplab_operator.leasing.model.ids import ClientName, ExporterUid, LeaseUid
from jumplab_operator.leasing.model.times import expected_end, times
from jumplab_operator.leasing.model.usage import is_forgotten
from jumplab_operator.reconcile.context.context import Cluster
from jumplab_operator.reconcile.lease_steps.claims import is_to_end, lease_of
from jumplab_operator.reconcile.lease_steps.preemption_notice import end_of_notice
from jumplab_operator.resources import Client, Exporter, ExporterAccessPolicy, Lease, LeaseSpec, LeaseStatus
from jumplab_operator.resources.conditions import is_true


def exporter_facts(exporter: Exporter, cluster: Cluster, pledged: str | None) -> ExporterFacts:
    """The exporter as the scheduler sees it. Only one that is connected now is online to it.

    pledged: the uid of the lease whose claim on it is being written.
    """
    connection = cluster.presence.of(exporter.uid)
    claim = exporter.status.lease_ref
    claimed_by = (claim.uid or claim.name) if claim is not None else pledged
    return ExporterFacts(
        namespace=exporter.namespace,
        uid=ExporterUid(exporter.uid),
        name=exporter.name,
        labels=exporter.metadata.labels,
        enabled=exporter.spec.enabled,
        online=connection.connected and exporter.metadata.deletion_timestamp is None,
        available=connection.available
        and not connection.to_be_checked
        and (claim is None or claim.uid not in connection.sent),
        busy=connection.connected and connection.phase != "Available",
        quarantined=exporter.status.quarantine is not None,
        claim=LeaseUid(claimed_by) if claimed_by is not None else None,
        version=exporter.metadata.resource_version,
        vacated=_vacated(exporter, cluster),
    )


def _vacated(exporter: Exporter, cluster: Cluster) -> datetime | None:
    """When the lease was over that it is being cleaned up after, or that it checks its devices after."""
    claim, history = exporter.status.lease_ref, exporter.status.history
    if claim is None:
        return history[-1].ended if history and cluster.presence.of(exporter.uid).to_be_checked else None
    lease = lease_of(claim, exporter, cluster)
    if lease is None:
        past = cluster.past.of(claim.uid or "")
        return past.ended if past is not None else None
    if lease.status.ended:
        return lease.status.end_time
    return cluster.clock.now() if is_to_end(lease) else None


def lease_facts(
    lease: Lease, spec: LeaseSpec | None, avoid: frozenset[ExporterUid], moved_end: datetime | None, cluster: Cluster
) -> LeaseFacts | None:
    """The lease as the scheduler sees it; None where it is over, or no spec of it is valid.

    spec: the one in force;  avoid: exporters that it isn't to be offered now;  moved_end: its later end, while that is
    being written.
    """
    if spec is None or lease.status.ended or is_to_end(lease):
        return None
    status, created = lease.status, lease.metadata.creation_timestamp or cluster.clock.now()
    end = moved_end or status.expected_end_time or expected_end(spec, status.begin_time)
    extend = spec.extend_on_activity
    latest = latest_end(extend, status.begin_time) if extend is not None else None
    return LeaseFacts(
        namespace=lease.namespace,
        uid=LeaseUid(lease.uid),
        name=lease.name,
        created=created,
        request=_request(lease, spec, created),
        begin=times(spec).begin,
        began=status.begin_time,
        end=end,
        granted=spec.duration if status.exporter_names else None,
        moves=extend is not None and not (end and latest and latest <= end),
        latest_end=latest,
        max_duration=extend.max_duration if extend is not None else None,
        exporters=status.exporter_names,
        avoid=avoid,
        reserved=_reserved(status, spec),
        priority=status.priority or 0,
        spot=bool(status.spot_access),
        noticed=is_true(status.conditions, "Preempting"),
        preempted_at=end_of_notice(lease, cluster),
        earlier=_shares(status),
    )


def _request(lease: Lease, spec: LeaseSpec, created: datetime) -> Request:
    pinned = spec.exporter_ref.name if spec.exporter_ref is not None else None
    whole = Request(
        client=ClientName(spec.client_ref.name),
        selector=spec.selector,
        exporter=pinned,
        allow_disabled=spec.allow_disabled,
        duration=_asked_duration(lease, spec, created),
        patient=spec.when_unsatisfiable == "Wait",
    )
    members = [
        replace(
            whole,
            name=member.name,
            selector=member.selector,
            exporter=member.exporter_ref.name if member.exporter_ref is not None else None,
            allow_disabled=spec.allow_disabled and member.exporter_ref is not None,
        )
        for member in spec.exporters or ()
    ]
    return replace(whole, members=tuple(members))


def usage_facts(lease: Lease, now: datetime) -> UsageFacts | None:
    """The usage of a lease that has ended, or is to end now; None where it was never ready, or counts no more."""
    status = lease.status
    ended = status.end_time or now
    if status.begin_time is None or is_forgotten(ended, now):
        return None
    spec = status.accepted or lease.spec
    return UsageFacts(
        lease.namespace,
        LeaseUid(lease.uid),
        ClientName(spec.client_ref.name),
        status.begin_time,
        ended,
        len(status.exporter_names),
        _shares(status),
    )


def _shares(status: LeaseStatus) -> tuple[Share, ...]:
    return tuple(Share(ClientName(each.client), each.until) for each in status.earlier_holders or ())


def _reserved(status: LeaseStatus, spec: LeaseSpec) -> tuple[str, ...]:
    """The exporters reserved for the lease. None for other times: a lease that moves must not displace another."""
    if status.accepted is None or times(spec) != times(status.accepted):
        return ()
    return status.reserved_names


def _asked_duration(lease: Lease, spec: LeaseSpec, created: datetime) -> timedelta | None:
    """The length that access policies limit; None: the default duration, which is shortened to their limit."""
    if spec.end_time is None and lease.spec.duration is None:
        return None
    return spec.duration if spec.end_time is None else times(spec).duration or spec.end_time - created


def client_facts(client: Client) -> ClientFacts | None:
    """The client as the scheduler sees it; None while it is being deleted."""
    if client.metadata.deletion_timestamp is not None:
        return None
    return ClientFacts(
        client.namespace, client.uid, ClientName(client.name), client.metadata.labels, client.spec.enabled
    )


def policy_facts(stored: StoredObject) -> PolicyFacts | None:
    """The access policy, readable or not; None for an object of another kind."""
    if stored.kind is not ExporterAccessPolicy:
        return None
    policy = stored.resource if isinstance(stored.resource, ExporterAccessPolicy) else None
    return PolicyFacts(stored.name.namespace, stored.uid, policy)
