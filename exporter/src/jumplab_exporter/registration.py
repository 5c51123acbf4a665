"""Reconnects an exporter to its controller whenever the connection is lost, and begins each connection."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from jumplab.protocol.v1.common_pb2 import DriverInstanceReport
from jumplab.transport.backoff import Backoff
from jumplab.transport.errors import (
    BadRequest,
    CertificateRejected,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    TransportError,
    Unreachable,
)
from jumplab_exporter.config import FailureDetection
from jumplab_exporter.controller import Assignment, Controller
from jumplab_exporter.lifecycle_events import Lease
from jumplab_exporter.reporting import ReportQueue

# Where two processes claim to be one exporter, each replaces the other: they must not do it at full speed.
_STEADY_SECONDS = 5.0
_GOODBYE_BOUND_SECONDS = 3.0
_FINAL = (NotAuthenticated, NotAllowed, NotFound, BadRequest, CertificateRejected)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Listener:
    """The callbacks for messages of the controller. None may block.

    failing: is given a sentence with each connection that failed once so many did in a row.
    """

    assigned: Callable[[Assignment], None]
    deadline: Callable[[Lease, float | None], None]
    failing: Callable[[str], None] = lambda _: None


class Registration:
    """One exporter's registration, renewed after each loss.

    connect: opens a connection.  clock: seconds, only differences count.  failure_detection: when connections have
    failed too often; None: never.
    """

    def __init__(
        self,
        connect: Callable[[], Controller],
        outbox: ReportQueue,
        listener: Listener,
        *,
        clock: Callable[[], float],
        backoff: Callable[[], Backoff] = Backoff,
        failure_detection: FailureDetection | None = None,
    ) -> None:
        self._failure_detection = failure_detection
        self._rapid_failures = 0
        self._connect = connect
        self._outbox = outbox
        self._listener = listener
        self._clock = clock
        self._backoff = backoff
        self._reports: Sequence[DriverInstanceReport] = ()
        self._reports_changed = asyncio.Event()
        self._length_changed = asyncio.Event()
        self._length: tuple[Lease, datetime] | None = None
        self._received = asyncio.Event()
        self._connection: Controller | None = None
        self._closing = asyncio.Lock()
        self._accepted = False
        self._leaving = False

    def set_reports(self, reports: Sequence[DriverInstanceReport]) -> None:
        """The drivers of the exporter; registered anew when they change."""
        if list(reports) != list(self._reports):
            self._reports = reports
            self._reports_changed.set()

    async def run(self) -> TransportError:
        """Stays registered for ever.

        Returns why it ended: the controller refuses this exporter from the first, or the exporter has left.
        """
        backoff = self._backoff()
        reported: type[TransportError] | None = None
        while True:
            begun = self._clock()
            ending = await self._be_connected()
            if self._leaving or self._is_final(ending):
                return ending
            self._count_failure(self._clock() - begun, ending)
            if self._clock() - begun > _STEADY_SECONDS:
                backoff.reset()
                reported = None
            # Once for each loss: the same failure of further attempts is no news.
            _log.log(logging.DEBUG if type(ending) is reported else logging.WARNING, "%s; trying again", ending)
            reported = type(ending)
            await backoff.wait()
            if self._leaving:
                return ending

    @property
    def connected(self) -> bool:
        """Whether this exporter is connected to the controller, as far as is known."""
        return self._connection is not None

    async def send_goodbye(self, reason: str) -> None:
        """Unregisters the exporter, if the controller can be reached. No connection follows."""
        self._leaving = True
        async with self._closing:
            if self._connection is not None:
                with suppress(TransportError):
                    await self._connection.unregister(reason, bound_seconds=_GOODBYE_BOUND_SECONDS)

    def _count_failure(self, lasted_seconds: float, ending: TransportError) -> None:
        detection = self._failure_detection
        if detection is None:
            return
        self._rapid_failures = self._rapid_failures + 1 if lasted_seconds < detection.window_seconds else 0
        if self._rapid_failures >= detection.max_rapid_failures:
            self._listener.failing(
                f"{self._rapid_failures} connections to the controller in a row failed within "
                f"{detection.window_seconds:g} s each (failureDetection); the last one: {ending}"
            )

    def _is_final(self, ending: TransportError) -> bool:
        """Whether trying again is in vain. Once accepted, an exporter trusts that it will be again."""
        return not self._accepted and isinstance(ending, _FINAL)

    async def _be_connected(self) -> TransportError:
        """One connection from its beginning to its end: what ended it."""
        try:
            async with self._connect() as controller:
                self._reports_changed.clear()
                await controller.register(self._reports)
                self._accepted = True
                self._connection = controller
                try:
                    return await self._converse(controller)
                finally:
                    # The controller ends the connection at a goodbye, before it has answered it.
                    async with self._closing:
                        self._connection = None
        except TransportError as error:
            return error

    async def _converse(self, controller: Controller) -> TransportError:
        self._length = None
        self._received.clear()
        async with asyncio.TaskGroup() as tasks:
            others = [
                tasks.create_task(self._deliver(controller), name="reports to the controller"),
                tasks.create_task(self._ask_deadlines(controller), name="the lease's deadline"),
                tasks.create_task(self._register_changes(controller), name="registering changes"),
            ]
            ending = await self._listen(controller)
            for task in others:
                task.cancel()
        return ending

    async def _listen(self, controller: Controller) -> TransportError:
        try:
            async for assignment in controller.assignments():
                self._handle_assignment(assignment)
        except TransportError as error:
            return error
        return Unreachable("the controller has ended the connection")

    async def _deliver(self, controller: Controller) -> None:
        """Reports once the controller has spoken: what came before its Status stream, it would forget."""
        await self._received.wait()
        await self._outbox.deliver(controller)

    def _handle_assignment(self, assignment: Assignment) -> None:
        self._received.set()
        self._listener.assigned(assignment)
        lease, end = assignment.lease, assignment.expected_end
        length = (lease, end) if lease is not None and end is not None else None
        if length != self._length:
            self._length = length
            self._length_changed.set()

    async def _ask_deadlines(self, controller: Controller) -> None:
        """Asks for the lease's deadline on each new connection, and whenever the lease's length changes."""
        backoff = self._backoff()
        while True:
            await self._length_changed.wait()
            self._length_changed.clear()
            if self._length is None:
                continue
            lease, _ = self._length
            try:
                self._listener.deadline(lease, await controller.deadline(lease))
                backoff.reset()
            except TransportError as error:
                _log.warning("the end of lease %s is not known yet: %s; trying again", lease.name, error)
                await backoff.wait()
                self._length_changed.set()

    async def _register_changes(self, controller: Controller) -> None:
        backoff = self._backoff()
        while True:
            await self._reports_changed.wait()
            self._reports_changed.clear()
            try:
                await controller.register(self._reports)
                backoff.reset()
            except TransportError as error:
                _log.warning("the drivers could not be registered: %s; trying again", error)
                await backoff.wait()
                self._reports_changed.set()
