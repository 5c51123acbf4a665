"""Health checks: when one is due, and one from its beginning to its end."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from jumplab.session.host import DriverTree
from jumplab_exporter.check_requests import CheckRequests, Findings, TriedDriver
from jumplab_exporter.config import HealthCheck, Hook
from jumplab_exporter.health import Check, Health
from jumplab_exporter.hooks import run as hook_run

_AFTER_FAILURE_SECONDS = 60.0
"""A check that has failed is made again so soon, or after the interval where that is shorter."""

_log = logging.getLogger(__name__)


class Checkup:
    """The checks of one exporter: its drivers' own, then the script of its configuration.

    clock: seconds, only differences count.  now: the time of day, for people.
    """

    def __init__(
        self,
        config: HealthCheck | None,
        build_tree: Callable[[], DriverTree],
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._config = config or HealthCheck()
        self._build_tree = build_tree
        self._clock = clock
        self._now = now
        self._next = clock()
        self._changed = asyncio.Event()
        self._exists = bool(self._config.script) or build_tree().has_checks()
        self.requests = CheckRequests(self._changed.set)
        self.health = Health(Check.DUE if self._exists else Check.NONE)

    @property
    def is_due(self) -> bool:
        return bool(self.requests.waiting) or (self._exists and self._clock() >= self._next)

    def ask_for_one(self) -> None:
        """A lease has failed: the next one is for devices that have been checked."""
        if self._exists:
            self.health = replace(self.health, check=Check.DUE)
            self._next = self._clock()
            self._changed.set()

    def note_hook(self, failure: str) -> None:
        """How the clean-up after a lease went. Without any check a clean-up that succeeds is what counts as one."""
        if failure:
            self._fail(failure)
            self.ask_for_one()
        elif not self._exists:
            self.health = Health()

    async def until_due(self) -> None:
        """Waits, for ever where there are no checks, until one becomes due."""
        while not self.is_due:
            await self._wait_for_change(self._next - self._clock() if self._exists else None)

    async def until_made(self) -> None:
        """Waits, without a bound, until the one that is due has been made: a lease may come first."""
        while self.is_due:
            await self._wait_for_change(None)

    async def run(self) -> None:
        """One check. Cancelled, it has found nothing, and is due as before.

        Where it was requested, those who wait get its findings; without any check that says nothing of the health.
        """
        waiting, tried = self.requests.waiting, list[TriedDriver]()
        failure = await self._failure(tried if waiting else None)
        self.requests.settle(waiting, Findings(tuple(tried), failure))
        if self._exists:
            self._note(failure)
        self._changed.set()

    def _note(self, failure: str) -> None:
        if failure:
            _log.error("the health check failed: %s", failure)
            self._fail(failure)
            self.health = replace(self.health, check=Check.FAILED)
        else:
            self.health = Health(Check.PASSED)
        pause = self._config.interval_seconds
        self._next = self._clock() + (min(pause, _AFTER_FAILURE_SECONDS) if failure else pause)

    async def _wait_for_change(self, at_most_seconds: float | None) -> None:
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_seconds):
                await self._changed.wait()

    def _fail(self, message: str) -> None:
        failures = self.health.failures + 1
        self.health = replace(self.health, failures=failures, failed_at=self._now(), message=message)

    async def _failure(self, tried: list[TriedDriver] | None) -> str:
        """tried: for how each driver did, where that is requested."""
        bound = self._config.timeout_seconds
        try:
            async with asyncio.timeout(bound):
                return await self._check_drivers(tried) or await self._run_script()
        except TimeoutError:
            return f"the health check did not finish within {bound:g} s"

    async def _check_drivers(self, tried: list[TriedDriver] | None) -> str:
        tree = self._build_tree()
        if tried is None and not tree.has_checks():
            return ""
        try:
            await tree.__aenter__()
            return await tree.check() if tried is None else await _try_all(tree, tried)
        finally:
            await tree.__aexit__(None, None, None)

    async def _run_script(self) -> str:
        config = self._config
        if not config.script:
            return ""
        hook = Hook.model_validate({"script": config.script, "exec": config.exec, "timeout": config.timeout_seconds})
        return await hook_run.run("healthCheck", hook, {}, lambda line: _log.info("healthCheck: %s", line))


async def _try_all(tree: DriverTree, tried: list[TriedDriver]) -> str:
    """The first failure of a check, as `DriverTree.check` gives it; the others are tried as well."""
    failures = []
    async for trial in tree.trials():
        tried.append(TriedDriver.of(trial))
        if trial.failure and trial.has_check:
            failures.append(f'driver "{trial.node.path}": {trial.failure}')
    return failures[0] if failures else ""
