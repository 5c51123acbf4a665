"""An exporter without a controller: one session of its drivers, for the process that has started this one.

It has the steps of a lease, by the same state machine. What the controller would say is said here: the lease begins at
once, and ends with the parent.
"""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from jumplab.session.host import DriverTree
from jumplab.transport.errors import Refused
from jumplab.transport.listener import AcceptedLink, LocalListener, only
from jumplab_exporter.audit import SILENT
from jumplab_exporter.config import LocalConfig
from jumplab_exporter.config_warnings import warnings_of
from jumplab_exporter.control.place import ControlPlace
from jumplab_exporter.control.serving import serve_requests
from jumplab_exporter.controller import Offer
from jumplab_exporter.driver_names import name_problems
from jumplab_exporter.errors import RequestRefused, Stopped
from jumplab_exporter.lease_session import TEARDOWN_BOUND_SECONDS, LeaseSession, SessionContext
from jumplab_exporter.lifecycle import (
    Available,
    Clean,
    Cleaning,
    Connecting,
    Effect,
    Leaving,
    Prepare,
    Ready,
    SendReport,
    State,
    transition,
)
from jumplab_exporter.lifecycle_events import Assigned, Event, Lease, PreparingFailed
from jumplab_exporter.local_socket import ExpectedClients
from jumplab_exporter.safe_states import SafeStates, require_reachable
from jumplab_exporter.session_factory import SessionFactory

LEASE_NAME = CLIENT_NAME = "local"
"""What hooks find as LEASE_NAME and CLIENT_NAME."""

_ENDING_SECONDS = 10.0
"""For what has a bound of its own beside the hook and the tear-down: the clients' detaching, the hook's last output."""

_log = logging.getLogger(__name__)


def ending_bound_seconds(config: LocalConfig) -> float:
    """How long the end takes at the most."""
    hook = config.hooks.after_lease
    of_hook = hook.timeout_seconds if hook is not None else 0
    return of_hook + SafeStates(config.safe_state).bound_seconds + TEARDOWN_BOUND_SECONDS + _ENDING_SECONDS


@dataclass(frozen=True, slots=True)
class _ParentSocket:
    """A ClientSocket for whoever has the parent's token: as often as they like, for as long as the session lasts."""

    folder: Path
    token: str

    @asynccontextmanager
    async def listening(
        self, _: ExpectedClients, serve: Callable[[AcceptedLink], Awaitable[None]]
    ) -> AsyncIterator[None]:
        async with LocalListener(self.folder, only(self.token), serve):
            yield


class LocalExporter:
    """`run` once.  place: where commands on this machine come; its folder is for all sockets.

    ready: called with the path of the socket for clients, once they may come.  failed: called with the reason why they
    never may.
    """

    def __init__(
        self,
        config: LocalConfig,
        place: ControlPlace,
        token: str,
        *,
        ready: Callable[[Path], None],
        failed: Callable[[str], None],
    ) -> None:
        self._config = config
        self._place = place
        self._socket = _ParentSocket(place.folder, token)
        self._ready = ready
        self._failed = failed
        self._sessions = SessionFactory(config, uuid.uuid4().hex, place.folder / "hook", self._note_process_end)
        self._safe_states = SafeStates(config.safe_state)
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._state: State = Connecting()
        self._session: LeaseSession | None = None

    def stop(self) -> None:
        """Asks it to end, as a lease ends. Further calls change nothing."""
        self._events.put_nowait(Assigned(None))

    def note_incident(self, path: str, sentence: str) -> None:
        """What a driver has done to all the others."""
        _log.warning("%s", sentence, extra={"driver_path": path})
        if self._session is not None:
            self._session.note_incident(path, sentence)

    def _note_process_end(self, path: str, sentence: str) -> None:
        self.note_incident(path, sentence)
        if self._session is not None:
            self._session.note_failure(path, sentence)

    async def run(self) -> None:
        """Serves until it is asked to stop. Raises Stopped where a hook asks for that, or drivers do not end, and
        ConfigurationError where its safe state can't ever be reached."""
        tree = self._sessions.build_described_tree()
        for sentence in (*warnings_of(self._config, tree), *name_problems(tree)):
            _log.warning("%s", sentence)
        require_reachable(self._safe_states, tree)
        self._events.put_nowait(Assigned(Lease(uuid.uuid4().hex, LEASE_NAME, CLIENT_NAME)))
        async with asyncio.TaskGroup() as tasks:
            commands = serve_requests(self._place, {"check": _refuse_check})
            hosting = [tasks.create_task(commands, name="the control socket")]
            while not isinstance(self._state, Available | Leaving) and not _hangs(self._state):
                event = await self._events.get()
                before, (self._state, effects) = self._state, transition(self._state, event)
                if isinstance(event, PreparingFailed):
                    self._failed(event.message)
                for effect in effects:
                    self._do(effect, tasks, hosting)
                if isinstance(self._state, Ready) and not isinstance(before, Ready):
                    self._ready(self._place.folder / "session.sock")
            for task in hosting:
                task.cancel()
        self._raise_if_stopped()

    def _do(self, effect: Effect, tasks: asyncio.TaskGroup, hosting: list[asyncio.Task[None]]) -> None:
        match effect:
            case Prepare(lease):
                self._session = LeaseSession(lease, self._context())
                hosting.append(tasks.create_task(self._session.run(), name="the local session"))
            case Clean() if self._session is not None:
                self._session.end(f'exporter "{self._config.metadata.name}" has ended', clean_up=True)
            case SendReport(report, True) if self._session is not None:
                self._session.set_status(report)
            case _:
                return

    def _raise_if_stopped(self) -> None:
        """Raises Stopped."""
        if _hangs(self._state):
            raise Stopped("drivers are still running; the process ends without them")
        if isinstance(self._state, Leaving) and self._state.failure is not None:
            raise Stopped(self._state.failure)

    def _context(self) -> SessionContext:
        return SessionContext(
            build_tree=self._sessions.build_tree,
            record_consoles=lambda _tree, _lease: None,
            open_session=self._sessions.open_session,
            open_link=_no_router,
            next_session=_no_controller,
            short_path=self._socket,
            hooks=self._config.hooks,
            open_hook_session=self._sessions.open_hook_session,
            leaves_after_lease=True,
            post=self._events.put_nowait,
            report_drivers=_nothing_to_report,
            audit=SILENT,
            safe_states=self._safe_states,
            note_incident=self.note_incident,
        )


async def _refuse_check(_: Mapping[str, Any]) -> NoReturn:
    raise RequestRefused(
        "the drivers are in use by a command with --exporter-config, or by jumplab.local(); check again when it has "
        "ended"
    )


def _hangs(state: State) -> bool:
    return isinstance(state, Cleaning) and state.hanging


def _no_router(_: Offer) -> NoReturn:
    raise AssertionError("only a controller makes offers")


async def _no_controller(_: str) -> NoReturn:
    raise Refused("there is no controller", code="UNIMPLEMENTED")


def _nothing_to_report(_: DriverTree) -> None:
    """There is nobody to whom drivers are registered."""
