"""Leases and exporters as the controller sends them, converted once from the wire.

Names are short here: the resource names of the wire (`namespaces/lab/leases/demo`) begin and end in this module.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from jumplab.boottime import boottime
from jumplab.protocol.client_v1 import client_pb2
from jumplab.protocol.labels import ALIAS_LABEL, CLIENT_LABEL, NAME_LABEL
from jumplab.protocol.statuses import status_word
from jumplab.protocol.v1 import common_pb2


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a lease. status: `True`, `False` or `Unknown`."""

    type: str
    status: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class MemberView:
    """One exporter of a lease of several. exporter: which it got; empty while it waits."""

    name: str
    selector: str
    exporter: str


@dataclass(frozen=True, slots=True)
class LeaseView:
    """A lease at one moment. Instants are aware; what is not known yet is None.

    begin: when it began; before that, when it is to begin, where it was asked for.  Of a lease in force, begin and
    expected_end are by this machine's clock, which may differ from the controller's.
    """

    name: str
    namespace: str
    uid: str
    selector: str
    client: str
    exporter: str
    duration: timedelta
    begin: datetime | None
    expected_end: datetime | None
    end: datetime | None
    ended: bool
    conditions: tuple[Condition, ...]
    members: tuple[MemberView, ...] = ()
    """The members of a gang; none for a lease of one exporter."""
    tags: Mapping[str, str] = field(default_factory=dict)
    ends_at: float | None = field(default=None, compare=False, repr=False)
    """Its expected end in seconds of `boottime`: what is left counts, whatever the clocks of the two ends say."""

    def left(self) -> timedelta | None:
        """What is left of it; zero once its time is over, None before it is ready."""
        return None if self.ends_at is None else timedelta(seconds=max(self.ends_at - boottime(), 0))

    def condition(self, type_: str) -> Condition | None:
        """The condition of that type."""
        return next((condition for condition in self.conditions if condition.type == type_), None)

    def has_condition(self, type_: str) -> bool:
        """Whether the condition of that type is true."""
        condition = self.condition(type_)
        return condition is not None and condition.status == "True"


@dataclass(frozen=True, slots=True)
class ExporterView:
    """An exporter at one moment. status: `Available`, `LeaseReady`, …;  lease: the name of the lease that it serves."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    online: bool
    enabled: bool
    status: str
    message: str
    lease: str


@dataclass(frozen=True, slots=True)
class PastLeaseView:
    """A lease that an exporter served. client: its last holder.  began: when it became ready; None where it never did.
    reason: `Released`, `Expired`, …; `Deleted` where the Lease was deleted in use."""

    lease: str
    uid: str
    client: str
    began: datetime | None
    ended: datetime
    reason: str

    @property
    def name(self) -> str:
        """The lease's name."""
        return self.lease


@dataclass(frozen=True, slots=True)
class DriverView:
    """A driver that an exporter registered. client: the import path of its client class, where it names one.  is_alias:
    whether it is a further name of one that stands elsewhere."""

    name: str
    client: str
    interfaces: tuple[str, ...]
    children: tuple["DriverView", ...]
    is_alias: bool = False


def lease_view(lease: client_pb2.Lease) -> LeaseView:
    """Reads a lease from the wire."""
    namespace, name = split_name(lease.name)
    began, expected_end = _instant(lease, "effective_begin_time"), _instant(lease, "expected_end_time")
    left = lease.remaining.ToTimedelta() if lease.HasField("remaining") else None
    here = _clock_difference(expected_end, left)
    return LeaseView(
        name=name,
        namespace=namespace,
        uid=lease.uid,
        selector=lease.selector,
        client=split_name(lease.client)[1],
        exporter=split_name(lease.exporter)[1],
        duration=(lease.effective_duration if lease.HasField("effective_duration") else lease.duration).ToTimedelta(),
        begin=began + here if began is not None else _instant(lease, "begin_time"),
        expected_end=expected_end + here if expected_end is not None else None,
        end=_instant(lease, "effective_end_time"),
        ended=lease.ended,
        conditions=tuple(
            Condition(condition.type, condition.status, condition.reason, condition.message)
            for condition in lease.conditions
        ),
        members=tuple(
            MemberView(member.name, member.selector, split_name(member.exporter)[1]) for member in lease.members
        ),
        tags=dict(lease.tags),
        ends_at=_ends_at(expected_end, left),
    )


_CLOCKS_AGREE = timedelta(seconds=10)
"""Two clocks that differ by less than half of this count as the same. A larger difference is rounded to it: the end of
a lease stays the same moment, however long a message took."""


def _clock_difference(expected_end: datetime | None, left: timedelta | None) -> timedelta:
    """How far this machine's clock is ahead of the controller's, by a lease's end and what is left until then."""
    if expected_end is None or not left:
        return timedelta(0)
    return round((datetime.now(UTC) + left - expected_end) / _CLOCKS_AGREE) * _CLOCKS_AGREE


def _ends_at(expected_end: datetime | None, left: timedelta | None) -> float | None:
    if expected_end is None:
        return None
    if left is None:  # a controller of an earlier version
        left = expected_end - datetime.now(UTC)
    return boottime() + left.total_seconds()


def exporter_view(exporter: client_pb2.Exporter) -> ExporterView:
    """Reads an exporter from the wire."""
    namespace, name = split_name(exporter.name)
    return ExporterView(
        name=name,
        namespace=namespace,
        labels=dict(exporter.labels),
        online=exporter.online,
        enabled=exporter.enabled if exporter.HasField("enabled") else True,
        status=status_word(exporter.status),
        message=exporter.status_message,
        lease=split_name(exporter.lease)[1],
    )


def past_lease_view(past: client_pb2.PastLease) -> PastLeaseView:
    """Reads an entry of an exporter's history from the wire."""
    return PastLeaseView(
        lease=past.lease,
        uid=past.uid,
        client=past.client,
        began=past.began.ToDatetime(UTC) if past.HasField("began") else None,
        ended=past.ended.ToDatetime(UTC),
        reason=past.reason,
    )


def driver_view(reports: Sequence[common_pb2.DriverInstanceReport]) -> DriverView | None:
    """The root of the drivers that are reported; None where there is none."""
    by_uuid = {report.uuid: report for report in reports}
    below: dict[str, list[common_pb2.DriverInstanceReport]] = {}
    for report in by_uuid.values():
        if report.HasField("parent_uuid"):
            below.setdefault(report.parent_uuid, []).append(report)

    def view(report: common_pb2.DriverInstanceReport) -> DriverView:
        return DriverView(
            name=report.labels.get(NAME_LABEL, ""),
            client=report.labels.get(CLIENT_LABEL, ""),
            interfaces=tuple(each.name for each in report.interfaces),
            children=tuple(map(view, below.get(report.uuid, ()))),
            is_alias=ALIAS_LABEL in report.labels,
        )

    root = next((report for report in by_uuid.values() if not report.HasField("parent_uuid")), None)
    return None if root is None else view(root)


def split_name(resource: str) -> tuple[str, str]:
    """`namespaces/lab/leases/demo` is ("lab", "demo"); a bare name has no namespace."""
    parts = resource.split("/")
    return (parts[1], parts[3]) if len(parts) == 4 else ("", resource)


def _instant(lease: client_pb2.Lease, field: str) -> datetime | None:
    if not lease.HasField(field):  # type: ignore[arg-type]  # the stubs want a literal
        return None
    value: Timestamp = getattr(lease, field)
    return value.ToDatetime(UTC)
