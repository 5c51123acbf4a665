"""Health checks: when one is due, and one from its beginning to its end."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from jumplab.session.host import DriverTree
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
        self.health = Health(Check.DUE if self._exists else Check.NONE)

    @property
    def is_due(self) -> bool:
        return self._exists and self._clock() >= self._next

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
        """One check. Cancelled, it has found nothing, and is due as before."""
        failure = await self._failure()
        if failure:
            _log.error("the health check failed: %s", failure)
            self._fail(failure)
            self.health = replace(self.health, check=Check.FAILED)
        else:
            self.health = Health(Check.PASSED)
        pause = self._config.interval_seconds
        self._next = self._clock() + (min(pause, _AFTER_FAILURE_SECONDS) if failure else pause)
        self._changed.set()

    async def _wait_for_change(self, at_most_seconds: float | None) -> None:
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_seconds):
                await self._changed.wait()

    def _fail(self, message: str) -> None:
        failures = self.health.failures + 1
        self.health = replace(self.health, failures=failures, failed_at=self._now(), message=message)

    async def _failure(self) -> str:
        bound = self._config.timeout_seconds
        try:
            async with asyncio.timeout(bound):
                return await self._check_drivers() or await self._run_script()
        except TimeoutError:
            return f"the health check did not finish within {bound:g} s"

    async def _check_drivers(self) -> str:
        tree = self._build_tree()
        if not tree.has_checks():
            return ""
        try:
            await tree.__aenter__()
            return await tree.check()
        finally:
            await tree.__aexit__(None, None, None)

    async def _run_script(self) -> str:
        config = self._config
        if not config.script:
            return ""
        hook = Hook.model_validate({"script": config.script, "exec": config.exec, "timeout": config.timeout_seconds})
        return await hook_run.run("healthCheck", hook, {}, lambda line: _log.info("healthCheck: %s", line))
