"""The conditions of a lease in each state of its life. The last one is the one that counts.

Pending, then Assigned, then Ready, then ended. Ready is there from the start, false with the reason of the wait, so
that one condition tells the state. Pending is true until the lease is ready.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jumplab_operator.leasing.explain.pending_reasons import exporters_named
from jumplab_operator.leasing.lease.expiry import Ending
from jumplab_operator.leasing.lease.validation import Refusal
from jumplab_operator.leasing.model.decisions import Wait
from jumplab_operator.resources.conditions import condition, find_condition, is_true
from jumplab_operator.resources.metadata import Condition


@dataclass(frozen=True, slots=True)
class Member:
    """An exporter of the lease."""

    exporter: str
    online: bool


def invalid(refusal: Refusal) -> list[Condition]:
    """No spec of the lease was ever valid."""
    return [
        condition("Ready", False, refusal.reason, refusal.message),
        condition("Invalid", True, refusal.reason, refusal.message),
    ]


def waiting(wait: Wait, refused_edit: Refusal | None) -> list[Condition]:
    """The lease is valid and has no exporter."""
    return [
        *_refused(refused_edit),
        condition("Ready", False, wait.reason, wait.message),
        condition(wait.condition, True, wait.reason, wait.message),
    ]


def assigned(
    members: Sequence[Member],
    refused_edit: Refusal | None,
    notice: Condition | None,
    *,
    ready: bool,
    early_end: str = "",
) -> list[Condition]:
    """The lease has its exporters, and is ready or getting so.

    notice: that it is to be preempted.  early_end: its end, in words, where that is earlier than its spec says.
    """
    first = [*_refused(refused_edit), *([notice] if notice is not None else [])]
    names, are = exporters_named([member.exporter for member in members]), "is" if len(members) == 1 else "are"
    taken = condition("Assigned", True, "Assigned", f"{names} {are} claimed")
    online = _online(members) or condition("ExporterOnline", True, "Online", f"{names} {are} connected")
    if ready:
        early = f"; the lease ends early, {early_end}, because of another lease's reservation" if early_end else ""
        done = condition("Ready", True, "Ready", f"{names} {are} ready{early}")
        return [*first, condition("Pending", False, "Ready"), taken, online, done]
    message = f"{names} {are} getting ready"
    return [
        *first,
        condition("Ready", False, "NotReady", message),
        condition("Pending", True, "NotReady", message),
        online,
        taken,
    ]


def _online(members: Sequence[Member]) -> Condition | None:
    """That not all are connected; None where they are."""
    away = [member.exporter for member in members if not member.online]
    if not away:
        return None
    lost = "has lost its connection" if len(away) == 1 else "have lost their connections"
    return condition(
        "ExporterOnline", False, "Offline", f"{exporters_named(away)} {lost}; the lease continues until its end"
    )


def ended(ending: Ending) -> list[Condition]:
    """The lease is over."""
    return [
        condition("Pending", False, ending.reason),
        condition("Assigned", False, ending.reason),
        condition("Ready", False, ending.reason, ending.message),
    ]


def state_of(conditions: Sequence[Condition], *, accepted: bool, ended: bool) -> str:
    """The lease's state in one word, for a table. accepted: whether a spec was ever valid."""
    state = _state(conditions, ended=ended)
    is_refused = accepted and is_true(conditions, "Invalid")
    return f"{state},InvalidEdit" if is_refused else state


def _state(conditions: Sequence[Condition], *, ended: bool) -> str:
    ready = find_condition(conditions, "Ready")
    if ended:
        return ready.reason if ready is not None else "Ended"
    if is_true(conditions, "Ready"):
        return "Preempting" if is_true(conditions, "Preempting") else "Ready"
    if is_true(conditions, "Assigned"):
        return "GettingReady"
    if is_true(conditions, "Unsatisfiable"):
        return "Unsatisfiable"
    if is_true(conditions, "Pending"):
        return "Scheduled" if ready is not None and ready.reason == "Scheduled" else "Waiting"
    return "Invalid"


def edited_late(conditions: Sequence[Condition], refused_edit: Refusal | None) -> list[Condition]:
    """The lease is over, and these conditions said so; then it was edited, in vain where that is refused."""
    return [*_refused(refused_edit), *(each for each in conditions if each.type != "Invalid")]


def _refused(edit: Refusal | None) -> Sequence[Condition]:
    return [condition("Invalid", True, edit.reason, edit.message)] if edit is not None else []
