"""Reading and composing lists of conditions."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from jumplab_operator.resources.metadata import Condition

_LONGEST_MESSAGE = 4_096


def find_condition(conditions: Iterable[Condition], kind: str) -> Condition | None:
    """The condition of that type, or None."""
    return next((condition for condition in conditions if condition.type == kind), None)


def is_true(conditions: Iterable[Condition], kind: str) -> bool:
    """Whether the condition is there and true."""
    found = find_condition(conditions, kind)
    return found is not None and found.status == "True"


def condition(kind: str, holds: bool, reason: str, message: str = "") -> Condition:
    """A condition that `merge_conditions` gives its time. A message that quotes something endless is cut."""
    if len(message) > _LONGEST_MESSAGE:
        message = message[:_LONGEST_MESSAGE] + "…"
    return Condition(type=kind, status="True" if holds else "False", reason=reason, message=message)


def merge_conditions(
    before: Sequence[Condition], wanted: Sequence[Condition], now: datetime, generation: int
) -> list[Condition]:
    """`wanted` in its order, each with the time of its last transition; one that says what it said before is unchanged.

    Conditions that aren't wanted any more go.
    """
    return [_dated(find_condition(before, new.type), new, now, generation) for new in wanted]


def _dated(old: Condition | None, new: Condition, now: datetime, generation: int) -> Condition:
    if old is None or old.status != new.status:
        return new.model_copy(update={"last_transition_time": now, "observed_generation": generation})
    if (old.reason, old.message) == (new.reason, new.message):
        return old
    return new.model_copy(update={"last_transition_time": old.last_transition_time, "observed_generation": generation})


def same_but_messages(one: Sequence[Condition], other: Sequence[Condition]) -> bool:
    """Whether two lists say the same, but for their sentences."""
    return [(c.type, c.status, c.reason) for c in one] == [(c.type, c.status, c.reason) for c in other]
