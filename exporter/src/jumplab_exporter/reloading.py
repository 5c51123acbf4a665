"""Reading the configuration again while the exporter runs: what may change, and who waits for it."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from jumplab.session.host import DriverTree
from jumplab_exporter.config import ExporterConfig
from jumplab_exporter.config_warnings import warnings_of
from jumplab_exporter.driver_names import name_problems
from jumplab_exporter.errors import ConfigurationError, RequestRefused
from jumplab_exporter.lifecycle import Available, Checking, Cleaning, Connecting, Leaving, Preparing, Ready, State
from jumplab_exporter.lifecycle_events import Lease
from jumplab_exporter.safe_states import SafeStates, require_reachable
from jumplab_exporter.session_factory import SessionFactory

_KEPT = "; the configuration that was read before stays in force"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of a request.  waits_for: why it is not done yet, as a sentence; empty: it is.  drivers: how many."""

    waits_for: str = ""
    drivers: int = 0
    warnings: tuple[str, ...] = ()

    def as_answer(self) -> Mapping[str, Any]:
        """What the control socket carries."""
        return asdict(self)

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> "Reloaded":
        return cls(answer["waits_for"], answer["drivers"], tuple(answer["warnings"]))


@dataclass(frozen=True, slots=True)
class Setting:
    """A configuration, with all that an exporter makes of it."""

    config: ExporterConfig
    sessions: SessionFactory
    safe_states: SafeStates
    tree: DriverTree
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, config: ExporterConfig, sessions: SessionFactory) -> "Setting":
        """Builds the drivers. Raises ConfigurationError where the safe state can't ever be reached."""
        described, safe_states = sessions.build_described_tree(), SafeStates(config.safe_state)
        require_reachable(safe_states, described)
        warnings = (*warnings_of(config, described), *name_problems(described))
        return cls(config, sessions, safe_states, sessions.build_tree(), warnings)

    def require_successor(self, new: "Setting") -> None:
        """Raises ConfigurationError where `new` needs another process, or has drivers that can't be built."""
        if changed := list(_fixed_changes(self.config, new.config)):
            raise ConfigurationError(
                f"{', '.join(changed)} can't change while the exporter runs; restart it, or take that change back"
            )
        before = self.tree.failures()
        broken = {path: reason for path, reason in new.tree.failures().items() if path not in before}
        if broken:
            raise ConfigurationError(
                "; ".join(f'driver "{path}" can\'t be used: {reason}' for path, reason in broken.items())
            )


class Reloader:
    """Reads the configuration again on request, as soon as the exporter is free.

    read: what the file says now; raises ConfigurationError.  state: where the exporter is.  take: has it go on with
    another setting.  on_request: called when there is a request; `reload_if_free` is to be called soon then.
    """

    def __init__(
        self,
        read: Callable[[], Setting],
        state: Callable[[], State],
        take: Callable[[Setting], None],
        on_request: Callable[[], None],
    ) -> None:
        self._read = read
        self._state = state
        self._take = take
        self._on_request = on_request
        self._waiting: set[asyncio.Future[Reloaded]] = set()
        self._is_wanted = False
        self._setting: Setting | None = None

    def begin(self, setting: Setting) -> None:
        """The exporter begins with this one."""
        self._setting = setting

    def ask(self) -> None:
        """Asks for a reload, without waiting for it: what comes of it is logged."""
        self._is_wanted = True
        self._on_request()

    async def answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Of the control socket. A request that has to wait for a lease is answered at once, unless its `wait` is true.
        Raises RequestRefused.
        """
        reason = _reason_to_wait(self._state())
        if reason and not request.get("wait"):
            try:
                self._read_successor()
            except ConfigurationError as error:
                raise _refusal(error) from error
            self.ask()
            return Reloaded(waits_for=reason).as_answer()
        waiting: asyncio.Future[Reloaded] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        self.ask()
        try:
            return (await waiting).as_answer()
        finally:
            self._waiting.discard(waiting)

    def reload_if_free(self) -> None:
        """Reloads where that was asked for, and answers all who wait."""
        if not self._is_wanted:
            return
        try:
            if _reason_to_wait(self._state()):
                return
            reloaded = self._reload()
        except (ConfigurationError, RequestRefused) as error:
            refusal = error if isinstance(error, RequestRefused) else _refusal(error)
            _log.error("%s", refusal)
            self._settle(lambda each: each.set_exception(refusal))
        else:
            _log.info("the configuration is reloaded; drivers: %d", reloaded.drivers)
            self._settle(lambda each: each.set_result(reloaded))

    def _reload(self) -> Reloaded:
        """Nothing changes where it raises ConfigurationError."""
        self._setting = setting = self._read_successor()
        self._take(setting)
        return Reloaded(drivers=len(setting.tree.nodes) - 1, warnings=setting.warnings)

    def _read_successor(self) -> Setting:
        assert self._setting is not None  # it has begun
        setting = self._read()
        self._setting.require_successor(setting)
        return setting

    def _settle(self, answer: "Callable[[asyncio.Future[Reloaded]], None]") -> None:
        self._is_wanted = False
        for each in self._waiting:
            if not each.done():
                answer(each)


def _refusal(error: ConfigurationError) -> RequestRefused:
    return RequestRefused(f"{error}{_KEPT}")


def _reason_to_wait(state: State) -> str:
    """Why the exporter can't reload now, as a sentence; empty if it can. Raises RequestRefused where it never can."""
    match state:
        case Leaving():
            raise RequestRefused("the exporter is stopping; it reads its configuration when it is started again")
        case Preparing(lease) | Ready(lease) | Cleaning(lease) | Checking(following=Lease() as lease):
            return (
                f'the exporter is leased by "{lease.client}" (lease {lease.name}); it reloads when the lease has ended'
            )
        case Checking() | Connecting(checking=True):
            return "the exporter makes a health check; it reloads when that has ended"
        case Available() | Connecting():
            return ""


def _fixed_changes(old: ExporterConfig, new: ExporterConfig) -> Iterator[str]:
    """The keys of the file that a process takes once, and that have changed."""
    pairs = {
        "metadata.namespace": (old.metadata.namespace, new.metadata.namespace),
        "metadata.name": (old.metadata.name, new.metadata.name),
        "endpoint": (old.endpoint, new.endpoint),
        "consoleLogs": (old.console_logs, new.console_logs),
        "auditLog": (old.audit_log, new.audit_log),
        "failureDetection": (old.failure_detection, new.failure_detection),
    }
    return (key for key, (before, after) in pairs.items() if before != after)
