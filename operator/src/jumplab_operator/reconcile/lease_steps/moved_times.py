"""Times of leases move with the machine's clock, so that what is left of each lease stays as long as it is.

A lease's status carries the setting of the clock that its times are of. So a clock that was set while no operator ran
is noticed as well, and a move that was cut short goes on where it ended.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from jumplab_operator.clock import ClockSetting
from jumplab_operator.kube.client import CUSTOM, KubeApi, once_it_answers, path
from jumplab_operator.reconcile.context.context import difference
from jumplab_operator.resources import Lease, LeaseStatus
from jumplab_operator.resources.errors import Unreadable
from jumplab_operator.resources.metadata import Instant

log = logging.getLogger(__name__)


async def move_times(kube: KubeApi, namespaces: Sequence[str], setting: ClockSetting) -> None:
    """Moves the times of all leases that have exporters to the clock's setting. Nobody else may write leases meanwhile.

    namespaces: those to look in, empty: all. Raises ApiError where the API refuses.
    """
    moved = 0
    for namespace in namespaces or (None,):
        leases = await once_it_answers(partial(kube.list, path(CUSTOM, Lease.PLURAL, namespace)))
        for plain in leases:
            moved += await _move(kube, plain, setting)
    if moved:
        log.warning(
            "this machine's clock was set: the times of %d leases are moved, so that each keeps what is left of it",
            moved,
        )


async def _move(kube: KubeApi, plain: dict[str, Any], setting: ClockSetting) -> bool:
    """Whether the lease had times to move."""
    try:
        lease = Lease.from_plain(plain)
    except Unreadable:
        return False  # the reconciler deals with it
    status = lease.status
    if status.ended or not status.exporter_names:
        return False
    known = ClockSetting.read(status.clock)
    step = setting.step_from(known)
    if known is not None and known.boot == setting.boot and not step:
        return False
    after = _moved(status, step).model_copy(update={"clock": str(setting)})
    body = {"status": difference(status.to_plain(), after.to_plain())}
    address = path(CUSTOM, Lease.PLURAL, lease.namespace, lease.name, "status")
    await once_it_answers(partial(kube.merge, address, body))
    return bool(step)


def _moved(status: LeaseStatus, step: timedelta) -> LeaseStatus:
    """The status with its times as they would be, had the clock been set to this all along."""

    def moved(moment: Instant | None) -> Instant | None:
        return None if moment is None else moment + step

    asked = status.accepted.end_time if status.accepted is not None else None
    # A moment that a person has named is not missed: the clock that goes back brings it nearer by itself.
    is_kept = asked is not None and step < timedelta(0)
    conditions = [
        it.model_copy(update={"last_transition_time": moved(it.last_transition_time)}) for it in status.conditions
    ]
    return status.model_copy(
        update={
            "begin_time": moved(status.begin_time),
            "expected_end_time": status.expected_end_time if is_kept else moved(status.expected_end_time),
            "first_used_time": moved(status.first_used_time),
            "conditions": conditions,
        }
    )
