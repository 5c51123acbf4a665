"""The exporter itself: gives the state machine its events, and carries out its effects."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from jumplab.audit_log import AuditLog
from jumplab.boottime import boottime
from jumplab.session.host import DriverTree
from jumplab.transport.errors import TransportError
from jumplab.transport.links import Link
from jumplab_exporter.audit import ExporterAudit
from jumplab_exporter.check_requests import reason_against_check
from jumplab_exporter.checking import Checkup
from jumplab_exporter.config import ExporterConfig
from jumplab_exporter.console_recording import prune, record_consoles
from jumplab_exporter.control.place import ControlPlace
from jumplab_exporter.control.serving import serve_requests
from jumplab_exporter.controller import Assignment, Controller, Offer
from jumplab_exporter.deadline import Deadline
from jumplab_exporter.errors import RequestRefused, Stopped
from jumplab_exporter.health import LastLines
from jumplab_exporter.lease_session import LeaseSession, SessionContext
from jumplab_exporter.lifecycle import (
    Available,
    CancelCheck,
    Check,
    Clean,
    Connecting,
    Effect,
    Leaving,
    Prepare,
    SendReport,
    State,
    transition,
)
from jumplab_exporter.lifecycle_events import (
    Assigned,
    CheckDue,
    Checked,
    Cleaned,
    DeadlinePassed,
    Event,
    Lease,
    NotConnected,
    PreparingFailed,
    Rejected,
    ReloadDue,
    StopRequested,
)
from jumplab_exporter.local_socket import LocalSocket
from jumplab_exporter.log_sessions import LogSessions
from jumplab_exporter.registration import Listener, Registration
from jumplab_exporter.reloading import Reloader, Setting
from jumplab_exporter.reporting import ReportQueue
from jumplab_exporter.reports import Report, Status
from jumplab_exporter.safe_states import SafeStates
from jumplab_exporter.session_factory import SessionFactory
from jumplab_exporter.wire import Wire

_LAST_REPORTS_BOUND_SECONDS = 5.0
_LEAVING_BOUND_SECONDS = 10.0

_log = logging.getLogger(__name__)


class Exporter:
    """One exporter process. `run` once.

    short_path: where clients on this machine come.  read_again: the configuration as its files are now: the token may
    have been replaced with each connection, the CAs with each call.  audit_log: entered.
    control_place: where commands on this machine come.  read: the configuration file as it is now, for a reload;
    raises ConfigurationError; None: as read_again.
    """

    def __init__(
        self,
        config: ExporterConfig,
        short_path: LocalSocket,
        read_again: Callable[[], ExporterConfig] | None = None,
        audit_log: AuditLog | None = None,
        control_place: ControlPlace | None = None,
        read: Callable[[], ExporterConfig] | None = None,
    ) -> None:
        self._config = config
        self._control_place = control_place
        self._read_again = read_again or (lambda: config)
        self._read = read or self._read_again
        self._wire = Wire.of(self._read_again, short_path)
        hook_folder = short_path.socket.parent / "hook" if short_path.socket is not None else None
        full_name = f"{config.metadata.namespace}/{config.metadata.name}"
        self._audit = ExporterAudit(audit_log, full_name)
        self._sessions_of = partial(
            SessionFactory,
            epoch=self._wire.epoch,
            hook_folder=hook_folder,
            note_incident=self._note_process_end,
            audit=self._audit,
        )
        self._sessions = self._sessions_of(config)
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._state: State = Connecting()
        self._outbox = ReportQueue()
        self._deadline = Deadline()
        self._assignment = Assignment(None, None)
        self._controller: Controller | None = None
        self._failures: dict[str, str] = {}
        self._incident = ""
        self._report: Report | None = None
        self._hosting: LeaseSession | None = None
        self._hosting_task: asyncio.Task[None] | None = None
        self._safe_states = SafeStates(config.safe_state)
        self._checkup = Checkup(config.health_check, self._sessions.build_tree, self._safe_states, clock=boottime)
        self._check_task: asyncio.Task[None] | None = None
        self._reloader = Reloader(
            self._read_setting, lambda: self._state, self._take_setting, lambda: self._events.put_nowait(ReloadDue())
        )
        self._last_lines = LastLines()
        self._console_logs = config.console_logs.logs_of(f"{config.metadata.namespace}.{config.metadata.name}")
        self._log_sessions = LogSessions(self._console_logs, config.metadata.name, self._open_link, self._audit)
        self._registration = Registration(
            self._connect,
            self._outbox,
            Listener(assigned=self._assigned, deadline=self._deadline_known, failing=self._failing),
            clock=boottime,
            failure_detection=config.failure_detection,
        )

    def _connect(self) -> Controller:
        self._wire = self._wire.with_token(self._read_again())
        self._controller = self._wire.connect()
        return self._controller

    def _open_link(self, offer: Offer) -> Link:
        assert self._controller is not None  # an offer comes over a connection
        return self._controller.link(offer)

    async def _next_session(self, lease_uid: str) -> tuple[Offer, Link]:
        assert self._controller is not None  # a lease comes over a connection
        return await self._controller.next_session(lease_uid)

    def stop(self) -> None:
        """Asks it to leave. A second time: at once."""
        self._events.put_nowait(StopRequested())

    def note_incident(self, path: str, sentence: str) -> None:
        """What a driver has done to all the others: to the log, to those attached, and to the status."""
        _log.warning("%s", sentence, extra={"driver_path": path})
        if self._hosting is not None:
            self._hosting.note_incident(path, sentence)
        self._incident = f'driver "{path}": {sentence}' if path else sentence
        if self._report is not None:
            self._send(self._report, aloud=False)

    def _note_process_end(self, path: str, sentence: str) -> None:
        self.note_incident(path, sentence)
        if self._hosting is not None:
            self._hosting.note_failure(path, sentence)

    async def run(self) -> None:
        """Serves until it is asked to stop. Raises Stopped where it can't or shall not go on, ConfigurationError where
        its safe state can't ever be reached."""
        if self._config.grpc_options:
            _log.warning("grpcOptions is accepted for compatibility with Jumpstarter and has no effect")
        setting = Setting.of(self._config, self._sessions)
        self._warn(setting)
        self._reloader.begin(setting)
        self._report_drivers(setting.tree)
        logging.getLogger().addHandler(self._last_lines)
        try:
            leaving = await self._run()
        finally:
            logging.getLogger().removeHandler(self._last_lines)
        if leaving.failure is not None:
            raise Stopped(leaving.failure)

    async def _run(self) -> Leaving:
        async with asyncio.TaskGroup() as tasks:
            others = [
                tasks.create_task(self._register(), name="registration"),
                tasks.create_task(self._expire(), name="the lease's end"),
                tasks.create_task(self._call_for_checks(), name="the next health check"),
                tasks.create_task(prune(self._console_logs, self._leased_uid), name="old console logs"),
                tasks.create_task(self._log_sessions.run(), name="readers of console logs"),
                tasks.create_task(self._serve_commands(), name="the control socket"),
            ]
            leaving = await self._live(tasks)
            await self._leave(leaving)
            for task in others:
                task.cancel()
        return leaving

    async def _live(self, tasks: asyncio.TaskGroup) -> Leaving:
        if self._safe_states:
            self._state = Connecting(checking=True)
            self._do(Check(), tasks)
        while not isinstance(self._state, Leaving):
            event = await self._events.get()
            self._note_failures(event)
            before, (self._state, effects) = self._state, transition(self._state, event)
            if before != self._state:
                _log.info("%s", _describe(self._state), extra=_keys_of(self._state))
            for effect in effects:
                self._do(effect, tasks)
            if reason := reason_against_check(self._state):
                self._checkup.requests.refuse(reason)
            self._reloader.reload_if_free()
            if isinstance(self._state, Available) and self._checkup.is_due:
                self._events.put_nowait(CheckDue())
        return self._state

    def _note_failures(self, event: Event) -> None:
        match event:
            case PreparingFailed():
                self._checkup.ask_for_one()
            case Cleaned(failure=failure, unsafe=unsafe):
                self._checkup.note_clean_up(failure, unsafe)

    def _do(self, effect: Effect, tasks: asyncio.TaskGroup) -> None:
        match effect:
            case Prepare(lease):
                self._incident = ""
                self._hosting = LeaseSession(lease, self._session_context())
                self._hosting.apply(self._assignment)
                self._hosting_task = tasks.create_task(self._hosting.run(), name=f"lease {lease.name}")
            case Clean(_, reason):
                self._deadline.drop()
                if self._hosting is not None:
                    self._hosting.end(reason, clean_up=True)
            case Check():
                self._check_task = tasks.create_task(self._check(), name="health check")
            case CancelCheck():
                if self._check_task is not None:
                    self._check_task.cancel()
            case SendReport(report, aloud):
                self._send(report, aloud=aloud)
                if aloud and self._hosting is not None and self._hosting.lease.uid == report.lease_uid:
                    self._hosting.set_status(report)

    def _send(self, report: Report, *, aloud: bool) -> None:
        self._report = report
        self._outbox.put(self._with_health(self._with_failures(report)), patient=not aloud)

    async def _leave(self, leaving: Leaving) -> None:
        """Unregisters, then tears down, both within a bound."""
        reason = leaving.failure or "the exporter is stopping"
        in_lease = self._hosting_task is not None and not self._hosting_task.done()
        if self._hosting is not None:
            self._hosting.end(reason, clean_up=False)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_REPORTS_BOUND_SECONDS if self._registration.connected else 0):
                await self._outbox.delivered()
        await self._registration.send_goodbye(reason)
        if self._check_task is not None:
            self._check_task.cancel()
        running = [task for task in (self._hosting_task, self._check_task) if task is not None and not task.done()]
        bound = _LEAVING_BOUND_SECONDS + self._safe_states.bound_seconds
        if running:
            await asyncio.wait(running, timeout=bound)
        for task in running:
            task.cancel()
        if not in_lease:  # a lease that lasts has its own way to the safe state
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(bound):
                    await self._checkup.make_safe()

    async def _register(self) -> None:
        refusal: TransportError = await self._registration.run()
        self._events.put_nowait(Rejected(str(refusal)))

    async def _call_for_checks(self) -> None:
        while True:
            await self._checkup.until_due()
            self._events.put_nowait(CheckDue())
            await self._checkup.until_made()

    async def _check(self) -> None:
        try:
            await self._checkup.run()
        finally:
            self._events.put_nowait(Checked())

    async def _serve_commands(self) -> None:
        await serve_requests(self._control_place, {"check": self._answer_check, "reload": self._reloader.answer})

    async def _answer_check(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        if reason := reason_against_check(self._state):
            raise RequestRefused(reason)
        return (await self._checkup.requests.findings()).as_answer()

    def reload(self) -> None:
        """Asks it to read its configuration again, now or when the lease has ended. What comes of it is logged."""
        self._reloader.ask()

    def _read_setting(self) -> Setting:
        """What the configuration file says now. Raises ConfigurationError."""
        config = self._read()
        return Setting.of(config, self._sessions_of(config))

    def _take_setting(self, setting: Setting) -> None:
        self._config, self._sessions, self._safe_states = setting.config, setting.sessions, setting.safe_states
        self._warn(setting)
        self._checkup.take(setting.config.health_check, setting.sessions.build_tree, setting.safe_states)
        self._report_drivers(setting.tree)
        if self._report is not None:
            self._send(self._report, aloud=False)

    def _warn(self, setting: Setting) -> None:
        for sentence in setting.warnings:
            _log.warning("%s", sentence)

    async def _expire(self) -> None:
        while True:
            self._events.put_nowait(DeadlinePassed(await self._deadline.passed()))

    def _assigned(self, assignment: Assignment) -> None:
        self._events.put_nowait(Assigned(assignment.lease))
        self._assignment = assignment
        self._log_sessions.apply(assignment.log_offers)
        if self._hosting is not None:
            self._hosting.apply(assignment)

    def _deadline_known(self, lease: Lease, at: float | None) -> None:
        if at is not None:
            self._deadline.set(lease.uid, at)
            _log.info('lease "%s" ends in %.0f s', lease.name, at - boottime(), extra={"lease": lease.name})

    def _failing(self, reason: str) -> None:
        self._events.put_nowait(NotConnected(reason))

    def _report_drivers(self, tree: DriverTree) -> None:
        self._failures = tree.failures()
        self._registration.set_reports(tree.reports())

    def _with_failures(self, report: Report) -> Report:
        """Names the drivers that can't be used in the message of the exporter's status."""
        if report.status not in (Status.AVAILABLE, Status.LEASE_READY):
            return report
        unsafe = self._checkup.unsafe if self._checkup.unsafe not in report.message else ""
        words = (report.message, self._driver_failures(), unsafe, self._incident)
        return replace(report, message="; ".join(filter(None, words)))

    def _driver_failures(self) -> str:
        return "; ".join(f'driver "{path}" can\'t be used: {failure}' for path, failure in self._failures.items())

    def _with_health(self, report: Report) -> Report:
        health = self._checkup.health
        log = self._last_lines.text() if health.failures or report.release else ""
        return replace(report, health=replace(health, broken_drivers=self._driver_failures(), log=log))

    def _leased_uid(self) -> str:
        return self._hosting.lease.uid if self._hosting is not None else ""

    def _session_context(self) -> SessionContext:
        return SessionContext(
            build_tree=self._sessions.build_tree,
            record_consoles=partial(record_consoles, self._console_logs),
            open_session=self._sessions.open_session,
            open_link=self._open_link,
            next_session=self._next_session,
            short_path=self._wire.short_path,
            hooks=self._config.hooks,
            open_hook_session=self._sessions.open_hook_session,
            leaves_after_lease=self._config.exit_on_lease_end,
            post=self._events.put_nowait,
            report_drivers=self._report_drivers,
            audit=self._audit,
            safe_states=self._safe_states,
            note_incident=self.note_incident,
        )


def _describe(state: State) -> str:
    lease = getattr(state, "lease", None)
    return f"{type(state).__name__}, lease {lease.name} of {lease.client}" if lease else type(state).__name__


def _keys_of(state: State) -> dict[str, str]:
    lease = getattr(state, "lease", None)
    return {"lease": lease.name, "client": lease.client} if lease else {}
