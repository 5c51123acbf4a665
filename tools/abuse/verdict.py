"""What came of an attack, and whether that is well."""

from dataclasses import dataclass, field
from typing import Any

SLOWEST_SECONDS = 1.0
NEWCOMERS_SLOWEST_SECONDS = 5.0
"""A newcomer pays for a TLS handshake, which waits for those of the attacker."""
BACK_SECONDS = 60.0
GROWTH_MIB = 32.0
"""Left of an attack: allocators give back by pieces."""
PEAK_MIB = 400.0
STOP_SECONDS = 10.0


@dataclass(slots=True)
class Result:
    """Memory in MiB.  back_seconds: when the memory was back; None: it was not.  slowest, newcomers_slowest: seconds.
    stop_seconds: from SIGTERM to the end; None: it did not end.  lost: sentences.
    """

    attack: str
    api: str
    is_bounded_outside: bool = False
    before_mib: float = 0.0
    peak_mib: float = 0.0
    after_mib: float = 0.0
    back_seconds: float | None = None
    slowest: float = 0.0
    failed: int = 0
    failure: str = ""
    newcomers_slowest: float = 0.0
    newcomers_failed: int = 0
    newcomers_failure: str = ""
    stop_seconds: float | None = None
    exit_status: int | None = None
    tracebacks: int = 0
    database_mib: float = 0.0
    done: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)

    def faults(self) -> list[str]:
        """Each promise that was broken, as a sentence; empty: the lab withstood."""
        found = list(self.lost)
        if self.failed:
            found.append(f"{self.failed} calls of another client failed: {self.failure}")
        if self.slowest >= SLOWEST_SECONDS:
            found.append(f"another client's slowest call took {self.slowest:.2f} s, the limit is {SLOWEST_SECONDS:g} s")
        if not self.is_bounded_outside:
            found += self._faults_of_newcomers()
        if self.back_seconds is None:
            found.append(f"{BACK_SECONDS:.0f} s afterwards {self.after_mib - self.before_mib:.0f} MiB are still in use")
        if self.peak_mib - self.before_mib > PEAK_MIB:
            found.append(f"{self.peak_mib - self.before_mib:.0f} MiB were in use, the limit is {PEAK_MIB:.0f} MiB")
        if self.stop_seconds is None or self.exit_status != 0:
            found.append(f"SIGTERM in the middle of the attack: exit status {self.exit_status}")
        if self.tracebacks:
            found.append(f"{self.tracebacks} tracebacks are in the operator's log")
        return found

    def _faults_of_newcomers(self) -> list[str]:
        found = []
        if self.newcomers_failed:
            found.append(f"{self.newcomers_failed} calls of newcomers failed: {self.newcomers_failure}")
        if self.newcomers_slowest >= NEWCOMERS_SLOWEST_SECONDS:
            found.append(f"a newcomer's slowest call took {self.newcomers_slowest:.2f} s")
        return found


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Sentences about what has changed or gone."""
    return [
        f"{name} was {was}, and is {after.get(name, 'gone')}" for name, was in before.items() if after.get(name) != was
    ]
