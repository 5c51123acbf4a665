"""Which exporters' leases ended in a failure of the exporter: read off the Leases themselves."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from jumplab_operator.leasing.model.exporter_health import FailedLease
from jumplab_operator.names import Name
from jumplab_operator.resources import Exporter, Lease
from jumplab_operator.resources.conditions import find_condition


@dataclass(frozen=True, slots=True)
class _Outcome:
    at: datetime
    failure: str
    """Empty: it went well."""

    @property
    def order(self) -> tuple[datetime, bool]:
        """By their ends, which are whole seconds; of two in one second the one that went well counts as the later."""
        return self.at, not self.failure


class FailureHistory:
    """How the leases of each exporter ended, as far as the Leases still exist."""

    def __init__(self) -> None:
        self._outcomes: defaultdict[Name, dict[str, _Outcome]] = defaultdict(dict)

    def note(self, before: Lease | None, now: Lease | None) -> None:
        """A Lease has changed; None: there was, or is, none."""
        if before is not None and before.status.ended:
            for name in before.status.exporter_names:
                self._outcomes[Name(before.namespace, name)].pop(before.uid, None)
        if now is None or not now.status.ended:
            return
        for name in now.status.exporter_names:
            outcome = _outcome(now, name)
            if outcome is not None:
                self._outcomes[Name(now.namespace, name)][now.uid] = outcome

    def of(self, exporter: Exporter) -> list[FailedLease]:
        """The leases that failed since the last one that went well, the newest first."""
        failed = []
        outcomes = self._outcomes.get(Name(exporter.namespace, exporter.name), {})
        for outcome in sorted(outcomes.values(), key=lambda outcome: outcome.order, reverse=True):
            if not outcome.failure:
                break
            failed.append(FailedLease(outcome.at, outcome.failure))
        return failed


def _outcome(lease: Lease, exporter: str) -> _Outcome | None:
    """None: the lease says nothing about this exporter: it ended before it was ready, or another exporter failed."""
    status, ready = lease.status, find_condition(lease.status.conditions, "Ready")
    if status.end_time is None or ready is None:
        return None
    if ready.reason != "ExporterFailed":
        return _Outcome(status.end_time, "") if status.begin_time is not None else None
    if len(status.exporter_names) > 1 and f'exporter "{exporter}"' not in ready.message:
        return None
    return _Outcome(status.end_time, f'lease "{lease.name}": {ready.message}')
