"""Requests for a check now, at the exporter that runs, and what they get."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from jumplab.session.host import Trial
from jumplab_exporter.errors import RequestRefused
from jumplab_exporter.lifecycle import Available, Checking, Cleaning, Connecting, Preparing, Ready, State
from jumplab_exporter.lifecycle_events import Lease


@dataclass(frozen=True, slots=True)
class TriedDriver:
    """A driver of a check.  has_check: it was asked by its own health check, too.  failure: empty if it works."""

    path: str
    has_check: bool
    seconds: float
    failure: str

    @classmethod
    def of(cls, trial: Trial) -> Self:
        return cls(trial.node.path, trial.has_check, trial.seconds, trial.failure)


@dataclass(frozen=True, slots=True)
class Findings:
    """What a requested check found.

    failure: of the check as a whole, as the exporter's health has it: a driver's, the script's, or the time was over.
    """

    drivers: tuple[TriedDriver, ...]
    failure: str

    @property
    def works(self) -> bool:
        """Whether all of it does."""
        return not self.failure and not any(driver.failure for driver in self.drivers)

    @property
    def further_failure(self) -> str:
        """The failure of the whole, unless it is one of the drivers'; or empty."""
        return "" if any(driver.has_check and driver.failure for driver in self.drivers) else self.failure

    def without(self, missing: Mapping[str, str]) -> Self:
        """With the drivers whose device is missing as failed: those that wait for it have been set up without."""
        drivers = (replace(each, failure=each.failure or missing.get(each.path, "")) for each in self.drivers)
        return replace(self, drivers=tuple(drivers))

    def as_answer(self) -> Mapping[str, Any]:
        """What the control socket carries."""
        return asdict(self)

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Self:
        return cls(tuple(TriedDriver(**driver) for driver in answer["drivers"]), answer["failure"])


class CheckRequests:
    """Those who wait for the findings of a check.  on_request: called when there is one more."""

    def __init__(self, on_request: Callable[[], None]) -> None:
        self._on_request = on_request
        self._waiting: set[asyncio.Future[Findings]] = set()

    @property
    def waiting(self) -> frozenset["asyncio.Future[Findings]"]:
        """Those who have asked until now; a check that has begun before is not theirs."""
        return frozenset(self._waiting)

    async def findings(self) -> Findings:
        """Those of the next check that begins. Raises RequestRefused where there is none."""
        waiting: asyncio.Future[Findings] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        self._on_request()
        try:
            return await waiting
        finally:
            self._waiting.discard(waiting)

    def settle(self, waiting: Iterable["asyncio.Future[Findings]"], findings: Findings) -> None:
        """Gives those who had asked when the check began its findings."""
        for each in waiting:
            if not each.done():
                each.set_result(findings)
        self._waiting.difference_update(waiting)

    def refuse(self, sentence: str) -> None:
        """There is no check for any of them now."""
        for each in self._waiting:
            if not each.done():
                each.set_exception(RequestRefused(sentence))
        self._waiting.clear()


def reason_against_check(state: State) -> str:
    """Why no check can be made now, as a sentence; empty if one can. Drivers that a lease uses are left alone."""
    match state:
        case Available() | Checking(following=None):
            return ""
        case Connecting():
            return "the exporter has not heard from its controller yet whether it is leased; check again when it has"
        case Preparing(lease) | Ready(lease) | Checking(following=Lease() as lease):
            return (
                f'the exporter is leased by "{lease.client}" (lease {lease.name}); check again when the lease has ended'
            )
        case Cleaning(lease):
            return f'the exporter cleans up after the lease {lease.name} of "{lease.client}"; check again when it has'
        case _:
            return "the exporter is stopping; start it, or check without it"
