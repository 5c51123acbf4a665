"""The phase of a lease, and sentences about it for its user, with times in the user's zone."""

from datetime import datetime
from enum import StrEnum

from jumplab.client import errors
from jumplab.client.local_moments import format_local, in_local_time
from jumplab.client.views import LeaseView


class Phase(StrEnum):
    """The steps of a lease's life, and the ways in which it goes no further."""

    PENDING = "Pending"
    ASSIGNED = "Assigned"
    READY = "Ready"
    UNSATISFIABLE = "Unsatisfiable"
    INVALID = "Invalid"
    ENDED = "Ended"


def phase_of(lease: LeaseView) -> Phase:
    """The lease's phase. An invalid edit of a ready lease leaves it ready: what was accepted stays in force."""
    if lease.ended:
        return Phase.ENDED
    if lease.has_condition("Ready"):
        return Phase.READY
    if lease.has_condition("Unsatisfiable"):
        return Phase.UNSATISFIABLE
    if lease.has_condition("Invalid"):
        return Phase.INVALID
    return Phase.ASSIGNED if lease.has_condition("Assigned") else Phase.PENDING


def reason_of(lease: LeaseView) -> str:
    """The lease's state in one word for a column, as `status.state` of the Lease has it.

    `,InvalidEdit` follows it while an edit is refused: what was accepted stays in force.
    """
    state = _state_of(lease)
    return f"{state},InvalidEdit" if state != "Invalid" and lease.has_condition("Invalid") else state


def _state_of(lease: LeaseView) -> str:
    ready = lease.condition("Ready")
    if lease.ended:
        return ready.reason if ready is not None and ready.reason else "Ended"
    if lease.has_condition("Ready"):
        return "Preempting" if lease.has_condition("Preempting") else "Ready"
    if lease.has_condition("Assigned"):
        return "GettingReady"
    if lease.has_condition("Unsatisfiable"):
        return "Unsatisfiable"
    if lease.has_condition("Invalid") and not lease.has_condition("Pending"):
        return "Invalid"
    pending = lease.condition("Pending")
    return "Scheduled" if pending is not None and pending.reason == "Scheduled" else "Waiting"


def why_waiting(lease: LeaseView) -> str:
    """A sentence, without the lease's name, on what a lease that isn't ready yet waits for."""
    if phase_of(lease) is Phase.ASSIGNED:
        return f"{exporters_sentence(lease)} getting ready"
    pending = lease.condition("Pending")
    if pending is None or pending.status != "True":
        return "waiting for an exporter"
    return in_local_time(pending.message) or pending.reason


def state_sentence(lease: LeaseView) -> str:
    """One sentence, without the lease's name, on where it stands, in whatever phase it is."""
    match phase_of(lease):
        case Phase.ENDED:
            return f"ended: {_how_it_ended(lease)}"
        case Phase.READY:
            return f"{exporters_sentence(lease)} ready"
        case Phase.UNSATISFIABLE | Phase.INVALID as phase:
            return _message(lease, phase.value)
        case _:
            return why_waiting(lease)


def failure_of(lease: LeaseView) -> errors.LeaseFailed | None:
    """Why the lease will never be ready (any more); None while it is, or may become so."""
    match phase_of(lease):
        case Phase.ENDED:
            return errors.LeaseEnded(f'lease "{lease.name}" has ended: {_how_it_ended(lease)}; create a new one')
        case Phase.UNSATISFIABLE:
            message = _message(lease, "Unsatisfiable")
            return errors.LeaseUnsatisfiable(f'lease "{lease.name}" can\'t be satisfied: {message}')
        case Phase.INVALID:
            return errors.LeaseInvalid(f'lease "{lease.name}" is invalid: {_message(lease, "Invalid")}')
        case _:
            return None


def already_ended(lease: LeaseView) -> str:
    """A sentence that the lease has ended, for somebody who wants to release it; empty where it has not."""
    return f'lease "{lease.name}" has ended already: {_how_it_ended(lease)}' if lease.ended else ""


def foreign_to(client: str, lease: LeaseView) -> errors.LeaseNotOwn | None:
    """Why that client can't use the lease, however ready it may become; None where it is its own."""
    if lease.client in ("", client):
        return None
    return errors.LeaseNotOwn(
        f'lease "{lease.name}" belongs to client "{lease.client}", not to "{client}"; create your own lease'
    )


def ready_sentence(lease: LeaseView, now: datetime) -> str:
    """A sentence with the exporter of the lease and its end."""
    until = ""
    if lease.expected_end is not None:
        until = f" until {format_local(lease.expected_end, now)}"
    return f'lease "{lease.name}": {exporters_sentence(lease)} ready{until}'


def exporters_sentence(lease: LeaseView) -> str:
    """The beginning of a sentence about what it has: `exporter "a" is`, or `exporters dut: "a" and peer: "b" are`."""
    if not lease.members:
        return f'exporter "{lease.exporter}" is'
    *first, last = [f'{member.name}: "{member.exporter}"' for member in lease.members]
    return f"exporters {', '.join(first)} and {last} are" if first else f"exporter {last} is"


def released_sentence(lease: LeaseView) -> str:
    """A sentence for a lease that was given back."""
    *first, last = [f'"{member.exporter}"' for member in lease.members] or [f'"{lease.exporter}"']
    exporters = f"exporters {', '.join(first)} and {last}" if first else f"exporter {last}"
    return f'released lease "{lease.name}" of {exporters}'


def notice_of(lease: LeaseView) -> str:
    """The notice of the lease's preemption; empty where there is none."""
    notice = lease.condition("Preempting")
    return in_local_time(notice.message) if notice is not None and notice.status == "True" else ""


def change_sentence(lease: LeaseView, now: datetime) -> str:
    """A sentence with the holder and the end of a lease that was changed."""
    if lease.ended:
        return f'lease "{lease.name}" has ended: {_how_it_ended(lease)}'
    until = f" until {format_local(lease.expected_end, now)}" if lease.expected_end is not None else ""
    return f'lease "{lease.name}" belongs to client "{lease.client}"{until}'


def _how_it_ended(lease: LeaseView) -> str:
    ready = lease.condition("Ready")
    if ready is None or ready.status == "True":
        return "released"
    return in_local_time(ready.message) or ready.reason or "released"


def _message(lease: LeaseView, type_: str) -> str:
    condition = lease.condition(type_)
    return (in_local_time(condition.message) or condition.reason) if condition else type_
