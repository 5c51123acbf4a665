"""The drivers and the session of one lease, from preparation to clean-up."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from jumplab.protocol.v1.common_pb2 import LOG_SOURCE_BEFORE_LEASE_HOOK
from jumplab.session.host import DriverTree, SessionHost
from jumplab.session.host.observing import ConnectionObserver
from jumplab.transport.backoff import Backoff
from jumplab.transport.errors import TransportError
from jumplab.transport.links import Link
from jumplab.transport.listener import AcceptedLink
from jumplab_exporter.audit import ExporterAudit
from jumplab_exporter.config import Hook, Hooks, OnFailure
from jumplab_exporter.console_logs import Recording
from jumplab_exporter.containment.leftovers import Leftovers
from jumplab_exporter.controller import Assignment, Offer
from jumplab_exporter.hooks import run as hook_run
from jumplab_exporter.hooks.surroundings import HookSession, environment_of, motd_of
from jumplab_exporter.lifecycle_events import (
    Attended,
    Cleaned,
    DriversHang,
    Event,
    Lease,
    Prepared,
    PreparingFailed,
)
from jumplab_exporter.local_socket import ClientSocket, ExpectedClients
from jumplab_exporter.reports import Report
from jumplab_exporter.safe_states import SafeStates
from jumplab_exporter.stream_tokens import session_of

# How long drivers may take to be torn down before they are called hanging.
TEARDOWN_BOUND_SECONDS = 30.0
_BUSY_LOOK_SECONDS = 0.2
_ASIDE_SECONDS = 0.2
_SPARED = "the preemption is cancelled; the lease continues until its end"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SessionContext:
    """The exporter's part in the hosting of each lease.

    next_session: waits for a client of the lease with that uid; as jumplab_exporter.controller.Controller has it.
    record_consoles: has the log of a lease's consoles kept, None where none is; they are not set up yet.
    open_hook_session: the drivers as a hook reaches them.  leaves_after_lease: the process ends with the lease.
    post: takes events for the state machine.  report_drivers: takes the drivers once they are set up.
    audit: of the clients' sessions.  safe_states: what the board is brought into.
    note_incident: takes a driver's path and a sentence, for the log, those attached and the status.
    """

    build_tree: Callable[[], DriverTree]
    record_consoles: Callable[[DriverTree, Lease], Recording | None]
    open_session: Callable[[DriverTree, Lease], SessionHost]
    open_link: Callable[[Offer], Link]
    next_session: Callable[[str], Awaitable[tuple[Offer, Link]]]
    short_path: ClientSocket
    hooks: Hooks
    open_hook_session: Callable[[DriverTree, Lease], HookSession]
    leaves_after_lease: bool
    post: Callable[[Event], None]
    report_drivers: Callable[[DriverTree], None]
    audit: ExporterAudit
    safe_states: SafeStates
    note_incident: Callable[[str, str], None]


@dataclass(slots=True)
class _Ending:
    """How a hosting is to end."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    reason: str = ""
    clean_up: bool = True


class LeaseSession:
    """Hosts one lease: `run` is its whole life, in one task, since drivers are set up and torn down in the same one."""

    def __init__(self, lease: Lease, context: SessionContext) -> None:
        self.lease = lease
        self._context = context
        self._ending = _Ending()
        self._offers: asyncio.Queue[Offer] = asyncio.Queue()
        self._expected_clients = ExpectedClients()
        self._seen: set[str] = set()
        self._session: SessionHost | None = None
        self._notice = ""
        self._attached = False
        self._leftovers = Leftovers()
        self._failed_drivers: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._reaching = asyncio.Lock()

    def note_incident(self, path: str, sentence: str) -> None:
        """Tells the attached clients what a driver has done to all of them."""
        if self._session is not None:
            self._session.send_log_line(f"{path}: {sentence}" if path else sentence, severity="WARNING")

    def note_failure(self, path: str, sentence: str) -> None:
        """A driver has failed while it was in use: the board is brought into its safe state, and the lease goes on."""
        self._failed_drivers.put_nowait((path, sentence))

    def apply(self, assignment: Assignment) -> None:
        """Takes in which sessions clients have dialled. Repetitions are ignored; served once the lease is ready."""
        if assignment.lease is None or assignment.lease != self.lease:
            return
        if assignment.lease.client != self.lease.client:
            self._hand_over(assignment.lease)
        self._pass_on(assignment.notice)
        self._expected_clients.expect(assignment.local_tokens)
        self._expected_clients.keep_only(assignment.holder_credentials)
        for offer in assignment.offers:
            if offer.session not in self._seen:
                self._seen.add(offer.session)
                self._offers.put_nowait(offer)

    def _pass_on(self, notice: str) -> None:
        """The notice for the holder: clients that attach later get it, too."""
        if notice != self._notice and self._session is not None:
            self._session.send_log_line(notice or _SPARED, severity="WARNING")
        self._notice = notice

    def _hand_over(self, lease: Lease) -> None:
        """The lease has another holder: clients of the old one are detached, and refused from now on."""
        self.lease = lease
        self._expected_clients.forget()
        while not self._offers.empty():
            self._offers.get_nowait()
        if self._session is not None:
            self._session.dismiss(f'lease "{lease.name}" belongs to client "{lease.client}" now')

    def set_status(self, report: Report) -> None:
        """Sends the exporter's state to the attached clients."""
        if self._session is not None:
            self._session.set_status(report.status.value, report.message)  # type: ignore[arg-type] # the wire's numbers

    def end(self, reason: str, *, clean_up: bool) -> None:
        """Ends the session now. clean_up: the lease is over too, so its afterLease hook runs."""
        self._ending.reason = f"{reason}: {self._notice}" if self._notice else reason
        self._ending.clean_up = clean_up
        self._ending.asked.set()

    async def run(self) -> None:
        """Sets up, serves until `end`, runs afterLease, makes safe, tears down; gives the state machine the outcome."""
        tree = self._context.build_tree()
        tree.on_failure = self.note_failure
        recording = self._context.record_consoles(tree, self.lease)
        cleaned = None
        try:
            await tree.__aenter__()
            try:
                await self._host(tree)
                if self._ending.clean_up:
                    cleaned = await self._clean_up(tree)
            finally:
                unsafe = await self._reach_safe_state(tree)
        finally:
            await self._tear_down(tree)
            if recording is not None:
                recording.close()
        if cleaned is not None:
            self._context.post(replace(cleaned, unsafe=unsafe))

    async def _host(self, tree: DriverTree) -> None:
        self._context.report_drivers(tree)
        async with self._context.open_session(tree, self.lease) as session:
            self._session = session
            session.usage.on_change = self._report_usage
            if self._notice:
                session.send_log_line(self._notice, severity="WARNING")
            await self._serve_until_the_end(session, tree)
            self._session = None

    async def _reach_safe_state(self, tree: DriverTree) -> str:
        async with self._reaching:
            return await self._context.safe_states.reach(tree)

    async def _be_safe_at_failures(self, tree: DriverTree) -> None:
        while self._context.safe_states:
            path, sentence = await self._failed_drivers.get()
            unsafe = await self._reach_safe_state(tree)
            since = unsafe or "the board was brought into its safe state"
            self._context.note_incident(path, f"{sentence}; {since}")

    def _report_usage(self, attached: bool, in_use: bool) -> None:
        if attached != self._attached:
            self._attached = attached
            what = "a client is attached" if attached else "nobody is attached"
            keys = {"lease": self.lease.name, "client": self.lease.client}
            _log.info('lease "%s": %s', self.lease.name, what, extra=keys)
        self._context.post(Attended(self.lease.uid, attached, in_use))

    async def _serve_until_the_end(self, session: SessionHost, tree: DriverTree) -> None:
        def serve_local(link: AcceptedLink) -> Awaitable[None]:
            return session.serve(link, self._observer(session_of(link.token)))

        async with (
            self._context.short_path.listening(self._expected_clients, serve_local),
            asyncio.TaskGroup() as tasks,
        ):
            preparing = tasks.create_task(self._prepare(session, tree), name=f"preparing lease {self.lease.name}")
            serving = tasks.create_task(self._serve(session, preparing), name=f"serving lease {self.lease.name}")
            listening_ahead = self._stay_ahead(session, preparing)
            ahead = tasks.create_task(listening_ahead, name=f"the next session of lease {self.lease.name}")
            securing = tasks.create_task(self._be_safe_at_failures(tree), name=f"failures in lease {self.lease.name}")
            await self._ending.asked.wait()
            await session.end(self._ending.reason)
            for task in (preparing, serving, ahead, securing):
                task.cancel()

    async def _prepare(self, session: SessionHost, tree: DriverTree) -> bool:
        """Makes the board safe, and runs beforeLease: whether the lease can be used."""
        if unsafe := await self._reach_safe_state(tree):
            self._context.post(PreparingFailed(self.lease.uid, unsafe, OnFailure.END_LEASE))
            return False
        hook = self._context.hooks.before_lease

        def on_line(line: str) -> None:
            _log.info("beforeLease: %s", line)
            session.send_log_line(line, source=LOG_SOURCE_BEFORE_LEASE_HOOK)

        failure, motd = await self._run_hook("beforeLease", hook, tree, on_line)
        session.add_motd(motd)
        if failure and hook is not None and hook.on_failure is not OnFailure.WARN:
            self._context.post(PreparingFailed(self.lease.uid, failure, hook.on_failure))
            return False
        self._context.post(Prepared(self.lease.uid))
        return True

    async def _serve(self, session: SessionHost, preparing: "asyncio.Task[bool]") -> None:
        if not await preparing:
            return
        async with asyncio.TaskGroup() as tasks:
            while True:
                offer = await self._offers.get()
                link = self._context.open_link(offer)
                serving = session.serve(link, self._observer(offer.session))
                tasks.create_task(serving, name=f"session {offer.session}")

    def _observer(self, session_id: str) -> ConnectionObserver:
        return self._context.audit.observer(self.lease, session_id)

    async def _stay_ahead(self, session: SessionHost, preparing: "asyncio.Task[bool]") -> None:
        """Waits at the router for the next client, so that it need not wait for us. One that comes while we don't is
        offered instead."""

        async def serve(link: Link, observer: ConnectionObserver) -> None:
            if await preparing:  # a lease that was ready before our process was replaced has clients meanwhile
                await session.serve(link, observer)

        backoff = Backoff()
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    offer, link = await self._context.next_session(self.lease.uid)
                except TransportError as error:
                    if error.code == "UNIMPLEMENTED":
                        return
                    await backoff.wait()
                    continue
                backoff.reset()
                self._seen.add(offer.session)
                serving = serve(link, self._observer(offer.session))
                tasks.create_task(serving, name=f"session {offer.session}")
                await asyncio.sleep(_ASIDE_SECONDS)  # the client that has come goes first

    async def _tear_down(self, tree: DriverTree) -> None:
        async with asyncio.TaskGroup() as tasks:
            bound = tasks.create_task(self._watch_teardown(tree), name="the bound of tear-down")
            await tree.__aexit__(None, None, None)
            await self._leftovers.end(tree)
            while self._running(tree):  # noqa: ASYNC110 - waiting for a thread's end would block one more
                await asyncio.sleep(_BUSY_LOOK_SECONDS)
            bound.cancel()

    def _running(self, tree: DriverTree) -> tuple[str, ...]:
        return tuple(sorted({*tree.busy(), *self._leftovers.running(tree)}))

    async def _watch_teardown(self, tree: DriverTree) -> None:
        await asyncio.sleep(TEARDOWN_BOUND_SECONDS)
        names = self._running(tree) or ("the tear-down of a driver",)
        _log.error("drivers still running %g s after the tear-down began: %s", TEARDOWN_BOUND_SECONDS, ", ".join(names))
        self._context.post(DriversHang(names))

    async def _clean_up(self, tree: DriverTree) -> Cleaned:
        hook = self._context.hooks.after_lease
        failure, _ = await self._run_hook("afterLease", hook, tree, lambda line: _log.info("afterLease: %s", line))
        then = hook.on_failure if hook is not None else OnFailure.WARN
        return Cleaned(failure, then, leave=self._context.leaves_after_lease)

    async def _run_hook(
        self, name: str, hook: Hook | None, tree: DriverTree, on_line: Callable[[str], None]
    ) -> tuple[str, str]:
        """Why the hook failed, or empty, and what it has written for those who attach."""
        if hook is None:
            return "", ""
        async with self._context.open_hook_session(tree, self.lease).serving() as own:
            failure = await hook_run.run(name, hook, {**environment_of(self.lease), **own}, on_line)
            motd = motd_of(own)
        if failure:
            _log.warning("%s", failure)
        return failure, motd
