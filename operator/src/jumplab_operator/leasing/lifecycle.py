"""What a lease's conditions say in each state of its life. The last one is the one that counts.

Pending, then Assigned, then Ready, then ended. Ready is there from the start, false with the reason of the wait, so
that one condition tells the state. Pending is true until the lease is ready.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jumplab_operator.leasing.decisions import Wait
from jumplab_operator.leasing.expiry import Ending
from jumplab_operator.leasing.validation import Refusal
from jumplab_operator.resources.conditions import condition
from jumplab_operator.resources.metadata import Condition


@dataclass(frozen=True, slots=True)
class Assigned:
    """The lease has an exporter."""

    exporter: str
    online: bool
    ready: bool


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


def assigned(state: Assigned, refused_edit: Refusal | None) -> list[Condition]:
    """The lease has an exporter, and is ready or getting so."""
    name = f'exporter "{state.exporter}"'
    taken = condition("Assigned", True, "Assigned", f"{name} is claimed")
    online = condition(
        "ExporterOnline",
        state.online,
        "Online" if state.online else "Offline",
        f"{name} is connected" if state.online else f"{name} has lost its connection; the lease stays until its end",
    )
    if state.ready:
        ready = condition("Ready", True, "Ready", f"{name} is ready")
        return [*_refused(refused_edit), condition("Pending", False, "Ready"), taken, online, ready]
    message = f"{name} is getting ready"
    return [
        *_refused(refused_edit),
        condition("Ready", False, "NotReady", message),
        condition("Pending", True, "NotReady", message),
        online,
        taken,
    ]


def ended(ending: Ending) -> list[Condition]:
    """The lease is over."""
    return [
        condition("Pending", False, ending.reason),
        condition("Assigned", False, ending.reason),
        condition("Ready", False, ending.reason, ending.message),
    ]


def _refused(edit: Refusal | None) -> Sequence[Condition]:
    return [condition("Invalid", True, edit.reason, edit.message)] if edit is not None else []
