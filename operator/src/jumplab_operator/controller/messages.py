"""Resources as the wire's messages, and requests as the custom resources' fields. No decisions, no I/O."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from jumplab.protocol.client_v1 import client_pb2
from jumplab.protocol.statuses import status_word
from jumplab.protocol.v1 import common_pb2, controller_pb2, kubernetes_pb2
from jumplab_operator.controller.names import resource_name
from jumplab_operator.controller.report_limits import shortened
from jumplab_operator.leasing.model.exporter_health import CheckState, Found
from jumplab_operator.leasing.model.selectors import describe
from jumplab_operator.names import Name
from jumplab_operator.resources import Exporter, HistoryEntry, LabelSelector, Lease, LeaseSpec
from jumplab_operator.resources.conditions import is_true
from jumplab_operator.resources.exporter import Device
from jumplab_operator.resources.metadata import Condition


def timestamp(instant: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(instant.astimezone(UTC))
    return message


def duration(length: timedelta) -> Duration:
    message = Duration()
    message.FromTimedelta(length)
    return message


def phase_of(status: common_pb2.ExporterStatus.ValueType) -> str:
    """EXPORTER_STATUS_LEASE_READY is `LeaseReady` in the resource; a later version's is `Unspecified`."""
    return status_word(status)


def found_of(report: controller_pb2.HealthReport) -> Found:
    """The health that an exporter reports; without a report it has found nothing."""
    return Found(
        check=_CHECKS.get(report.check, "None"),
        failures=report.failures,
        failed_at=report.failed_at.ToDatetime(UTC) if report.HasField("failed_at") else None,
        message=shortened(report.message),
        broken_drivers=shortened(report.broken_drivers),
        log=report.log[-_LONGEST_LOG:],
    )


_CHECKS: dict[int, CheckState] = {1: "Due", 2: "Passed", 3: "Failed"}
_LONGEST_LOG = 16384

_STATUS_OF_PHASE = {phase_of(status): status for status in common_pb2.ExporterStatus.values()}


def in_force(lease: Lease) -> LeaseSpec:
    """The spec in force of a lease: the last valid one."""
    return lease.status.accepted or lease.spec


def condition_message(condition: Condition) -> kubernetes_pb2.Condition:
    message = kubernetes_pb2.Condition(
        type=condition.type, status=condition.status, reason=condition.reason, message=condition.message
    )
    if condition.observed_generation is not None:
        message.observedGeneration = condition.observed_generation
    if condition.last_transition_time is not None:
        message.lastTransitionTime.seconds = int(condition.last_transition_time.timestamp())
    return message


def selector_message(selector: LabelSelector) -> kubernetes_pb2.LabelSelector:
    requirements = [
        kubernetes_pb2.LabelSelectorRequirement(key=each.key, operator=each.operator, values=each.values)
        for each in selector.match_expressions
    ]
    return kubernetes_pb2.LabelSelector(match_expressions=requirements, match_labels=selector.match_labels)


def selector_fields(selector: kubernetes_pb2.LabelSelector) -> dict[str, Any]:
    """The custom resource's selector of a message."""
    requirements = [
        {"key": each.key, "operator": each.operator, "values": list(each.values)} for each in selector.match_expressions
    ]
    return {"matchLabels": dict(selector.match_labels), "matchExpressions": requirements}


def device_fields(reports: Sequence[common_pb2.DriverInstanceReport]) -> list[Mapping[str, Any]]:
    """Exporter.status.devices of what an exporter reports."""
    return [_device(report) for report in reports]


def _device(report: common_pb2.DriverInstanceReport) -> Mapping[str, Any]:
    device: dict[str, Any] = {"uuid": report.uuid, "labels": dict(report.labels)}
    if report.HasField("parent_uuid"):
        device["parent_uuid"] = report.parent_uuid
    if report.interfaces:
        device["interfaces"] = [{"name": each.name, "version": str(each.version)} for each in report.interfaces]
    return device


def driver_reports(exporter: Exporter) -> list[common_pb2.DriverInstanceReport]:
    """The exporter's report of its drivers, as far as the resource has it."""
    return [_driver_report(device) for device in exporter.status.devices]


def _driver_report(device: Device) -> common_pb2.DriverInstanceReport:
    return common_pb2.DriverInstanceReport(
        uuid=device.uuid or "",
        parent_uuid=device.parent_uuid,
        labels=device.labels or {},
        interfaces=[
            common_pb2.InterfaceReport(name=each.name, version=_version(each.version))
            for each in device.interfaces or ()
        ],
    )


def _version(text: str) -> int:
    """The version, which the resource has as text; 0 where that is no number."""
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def exporter_message(exporter: Exporter) -> client_pb2.Exporter:
    status = exporter.status
    holder = status.lease_ref
    return client_pb2.Exporter(
        name=resource_name("exporters", Name(exporter.namespace, exporter.name)),
        labels=exporter.metadata.labels,
        online=is_true(status.conditions, "Online"),
        status=_STATUS_OF_PHASE[status.exporter_status or "Unspecified"],
        status_message=status.status_message or "",
        enabled=exporter.spec.enabled,
        lease=resource_name("leases", Name(exporter.namespace, holder.name)) if holder else "",
    )


def history_message(exporter: Exporter) -> client_pb2.ExporterHistory:
    return client_pb2.ExporterHistory(leases=[_past_lease(entry) for entry in reversed(exporter.status.history)])


def _past_lease(entry: HistoryEntry) -> client_pb2.PastLease:
    return client_pb2.PastLease(
        lease=entry.lease,
        uid=entry.uid,
        client=entry.client,
        began=timestamp(entry.began) if entry.began is not None else None,
        ended=timestamp(entry.ended),
        reason=entry.reason,
    )


def lease_message(lease: Lease, remaining: timedelta | None) -> client_pb2.Lease:
    spec, status = in_force(lease), lease.status
    message = client_pb2.Lease(
        name=resource_name("leases", Name(lease.namespace, lease.name)),
        selector=describe(spec.selector) if spec.selector else "",
        client=resource_name("clients", Name(lease.namespace, spec.client_ref.name)),
        conditions=[condition_message(each) for each in status.conditions],
        tags=spec.tags,
        context=spec.context,
        allow_disabled=spec.allow_disabled,
        ended=status.ended,
        uid=lease.uid,
    )
    if spec.exporter_ref is not None:
        message.exporter_name = spec.exporter_ref.name
    if status.exporter_ref is not None:
        message.exporter = resource_name("exporters", Name(lease.namespace, status.exporter_ref.name))
    message.members.extend(_members(lease))
    _set_times(message, lease)
    if lease.status.expected_end_time is not None and not lease.status.ended and remaining is not None:
        message.remaining.CopyFrom(duration(remaining))
    return message


def _members(lease: Lease) -> Iterator[client_pb2.LeaseMember]:
    got = {each.name: each.exporter_ref for each in lease.status.exporters or ()}
    for member in in_force(lease).exporters or ():
        exporter = got.get(member.name)
        yield client_pb2.LeaseMember(
            name=member.name,
            selector=describe(member.selector) if member.selector else "",
            exporter_name=member.exporter_ref.name if member.exporter_ref else "",
            exporter=resource_name("exporters", Name(lease.namespace, exporter.name)) if exporter else "",
        )


def _set_times(message: client_pb2.Lease, lease: Lease) -> None:
    spec, status = in_force(lease), lease.status
    if spec.duration is not None:
        message.duration.CopyFrom(duration(spec.duration))
    if spec.begin_time is not None:
        message.begin_time.CopyFrom(timestamp(spec.begin_time))
    if spec.end_time is not None:
        message.end_time.CopyFrom(timestamp(spec.end_time))
    if status.begin_time is not None:
        message.effective_begin_time.CopyFrom(timestamp(status.begin_time))
        end = status.end_time or status.expected_end_time
        if end is not None:
            message.effective_duration.CopyFrom(duration(end - status.begin_time))
    if status.end_time is not None:
        message.effective_end_time.CopyFrom(timestamp(status.end_time))
    if status.expected_end_time is not None:
        message.expected_end_time.CopyFrom(timestamp(status.expected_end_time))


def lease_answer(
    lease: Lease, exporter: Exporter | None, remaining: timedelta | None
) -> controller_pb2.GetLeaseResponse:
    """A lease as an answer of ControllerService."""
    spec, status = in_force(lease), lease.status
    answer = controller_pb2.GetLeaseResponse(
        selector=selector_message(spec.selector or LabelSelector()),
        conditions=[condition_message(each) for each in status.conditions],
        uid=lease.uid,
    )
    if spec.duration is not None:
        answer.duration.CopyFrom(duration(spec.duration))
    if status.begin_time is not None:
        answer.begin_time.CopyFrom(timestamp(status.begin_time))
    if status.end_time is not None:
        answer.end_time.CopyFrom(timestamp(status.end_time))
    if exporter is not None:
        answer.exporter_uuid = exporter.uid
    if remaining is not None:
        answer.remaining.CopyFrom(duration(remaining))
    return answer
