"""The Events for a change of a lease's status."""

from dataclasses import replace

from jumplab_operator.kube.event_recorder import Event
from jumplab_operator.leasing.explain.pending_reasons import exporters_named
from jumplab_operator.resources import LeaseStatus
from jumplab_operator.resources.conditions import find_condition, is_true


def events_of(before: LeaseStatus, after: LeaseStatus) -> list[Event]:
    """The Events for going from one status to the other: what became true, and the end with its reason."""
    about = {"client": _holder(after), "exporter": ", ".join(after.exporter_names or before.exporter_names or ())}
    return [replace(event, about=about) for event in _happened(before, after)]


def _happened(before: LeaseStatus, after: LeaseStatus) -> list[Event]:
    if after.ended and not before.ended:
        ready = find_condition(after.conditions, "Ready")
        reason, message = (ready.reason, ready.message) if ready is not None else ("", "")
        told = f"{reason}: {message}{_who_had_what(after)}"
        return [Event("Ended", told, warning=reason not in ("Released", "Expired"))]
    found = [
        Event(kind, _message(after, kind), warning=kind in ("Unsatisfiable", "Invalid", "Preempting"))
        for kind in ("Assigned", "Ready", "Unsatisfiable", "Invalid", "Preempting")
        if is_true(after.conditions, kind) and not is_true(before.conditions, kind)
    ]
    if _holder(before) and _holder(before) != _holder(after):
        message = f'transferred from client "{_holder(before)}" to client "{_holder(after)}"'
        found.append(Event("Transferred", message))
    if before.exporter_names and not after.exporter_names:
        found.append(Event("GivenUp", _message(after, "Pending"), warning=True))
    if is_true(before.conditions, "Preempting") and not is_true(after.conditions, "Preempting"):
        found.append(Event("Spared", "the preemption is cancelled; the lease continues until its end"))
    if _turned(before, after, to=False):
        found.append(Event("ExporterOffline", _message(after, "ExporterOnline"), warning=True))
    if _turned(before, after, to=True):
        found.append(Event("ExporterOnline", _message(after, "ExporterOnline")))
    return found


def _who_had_what(status: LeaseStatus) -> str:
    """The end of the sentence: the Event may outlive the Lease."""
    if not status.exporter_names or not _holder(status):
        return ""
    return f'; client "{_holder(status)}" had {exporters_named(status.exporter_names)}'


def _holder(status: LeaseStatus) -> str:
    return status.accepted.client_ref.name if status.accepted is not None else ""


def _message(status: LeaseStatus, kind: str) -> str:
    found = find_condition(status.conditions, kind)
    return found.message if found is not None else ""


def _turned(before: LeaseStatus, after: LeaseStatus, *, to: bool) -> bool:
    old, new = find_condition(before.conditions, "ExporterOnline"), find_condition(after.conditions, "ExporterOnline")
    return old is not None and new is not None and old.status != new.status and (new.status == "True") is to
