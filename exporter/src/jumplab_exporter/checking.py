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
from jumplab_exporter.safe_states import SafeStates

_AFTER_FAILURE_SECONDS = 60.0
"""A check that has failed is made again so soon, or after the interval where that is shorter."""

_log = logging.getLogger(__name__)


class Checkup:
    """The checks of one exporter: that its board gets into its safe state, where that is not known; its drivers' own;
    then the script of its configuration.

    unsafe: why the board is not in its safe state, as far as was found, or "".
    clock: seconds, only differences count.  now: the time of day, for people.
    """

    def __init__(
        self,
        config: HealthCheck | None,
        build_tree: Callable[[], DriverTree],
        safe_states: SafeStates,
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._clock = clock
        self._now = now
        self._changed = asyncio.Event()
        self.requests = CheckRequests(self._changed.set)
        self.health = Health()
        self.take(config, build_tree, safe_states)

    def take(self, config: HealthCheck | None, build_tree: Callable[[], DriverTree], safe_states: SafeStates) -> None:
        """From now on this configuration counts, of which nothing is known yet. No check runs."""
        self._config = config or HealthCheck()
        self._build_tree = build_tree
        self._exists = bool(self._config.script) or build_tree().has_checks()
        self._safe_states = safe_states
        self._is_safe = not safe_states
        self.unsafe = ""
        self.health = replace(self.health, check=Check.DUE) if self._is_wanted else Health()
        self._next = self._clock()
        self._changed.set()

    @property
    def is_due(self) -> bool:
        return bool(self.requests.waiting) or (self._is_wanted and self._clock() >= self._next)

    @property
    def _is_wanted(self) -> bool:
        """Whether a check would say something of the devices."""
        return self._exists or not self._is_safe

    def ask_for_one(self) -> None:
        """A lease has failed: the next one is for devices that have been checked."""
        if self._is_wanted:
            self.health = replace(self.health, check=Check.DUE)
            self._next = self._clock()
            self._changed.set()

    def note_clean_up(self, failure: str, unsafe: str) -> None:
        """How the hook after a lease went, and the way to the safe state. Without any check a clean-up that succeeds is
        what counts as one."""
        self._note_safety(unsafe)
        if failure or unsafe:
            self._fail(failure or unsafe)
            self.ask_for_one()
        elif not self._exists:
            self.health = Health()

    def _note_safety(self, unsafe: str) -> None:
        self.unsafe = unsafe
        self._is_safe = not unsafe

    async def until_due(self) -> None:
        """Waits, for ever where there are no checks, until one becomes due."""
        while not self.is_due:
            await self._wait_for_change(self._next - self._clock() if self._is_wanted else None)

    async def until_made(self) -> None:
        """Waits, without a bound, until the one that is due has been made: a lease may come first."""
        while self.is_due:
            await self._wait_for_change(None)

    async def run(self) -> None:
        """One check. Cancelled, it has found nothing, and is due as before.

        Where it was requested, those who wait get its findings; without any check that says nothing of the health.
        """
        waiting, counts = self.requests.waiting, self._is_wanted
        if waiting:
            findings = await self.run_for_findings()
            self.requests.settle(waiting, findings)
            failure = findings.failure
        else:
            failure = await self._failure(None)
        if counts:
            self._note(failure)
        self._changed.set()

    async def run_for_findings(self) -> Findings:
        """One check that tries every driver, also those without a health check of their own."""
        tried: list[TriedDriver] = []
        failure = await self._failure(tried)
        return Findings(tuple(tried), failure)

    def _note(self, failure: str) -> None:
        if failure:
            _log.error("the health check failed: %s", failure)
            self._fail(failure)
            # Nobody is given an exporter while a check is due: no lease begins on a board that is not safe.
            self.health = replace(self.health, check=Check.FAILED if self._is_safe else Check.DUE)
        elif self._exists or self.health.failures:
            self.health = Health(Check.PASSED)
        else:
            self.health = replace(self.health, check=Check.NONE)
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
        if tried is None and self._is_safe and not tree.has_checks():
            return ""
        try:
            await tree.__aenter__()
            if not self._is_safe:
                self._note_safety(await self._safe_states.reach(tree))
            failure = await tree.check() if tried is None else await _try_all(tree, tried)
            return self.unsafe or failure
        finally:
            await tree.__aexit__(None, None, None)

    async def make_safe(self) -> None:
        """Brings the board into its safe state, unless it was found there."""
        if self._is_safe:
            return
        tree = self._build_tree()
        try:
            await tree.__aenter__()
            self._note_safety(await self._safe_states.reach(tree))
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
