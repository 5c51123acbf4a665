"""Exporters as processes: what they hold, what they have still to tell, and when they end a lease by themselves."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from jumplab_operator.controller.lab import Assignment, StatusReport
from jumplab_operator.errors import ApiError
from jumplab_operator.names import Name
from jumplab_operator.reconcile.composition.lab_service import LabService
from tests.reconcile.faults.virtual_time import VirtualLoop

_AGAIN_SECONDS = 1.0


@dataclass
class Board:
    """One exporter. Its connection comes and goes; its process lives on, until it is killed."""

    name: Name
    loop: VirtualLoop
    running: bool = True
    hangs: bool = False
    """It hears of leases and does nothing."""
    slow: bool = False
    """Its hooks go on until `finish`."""
    attached: bool = False
    """Whether a client stays, rather than comes and goes."""
    epoch: int = 1
    holding: str = ""
    """The uid of the lease that its process serves, or has still to clean up after."""
    exporter_uid: str = ""
    """The Exporter that it was last connected as."""
    owed: set[str] = field(default_factory=set)
    """The uids of the leases that its process was told of, and has not said yet that it is clean of."""
    confirmed: set[str] = field(default_factory=set)
    """The uids of the leases that it has ever said it is ready for."""
    given_up: set[str] = field(default_factory=set)
    """The uids of the leases that it has ever asked to be ended, or said it is clean of."""
    wrongs: list[str] = field(default_factory=list)
    """What it should never have been told."""
    connection: asyncio.Task[None] | None = None
    _hook: str = ""
    _heard: Assignment | None = None
    _over: str = ""
    """The uid of the lease that its process has ended by itself, until it hears of another, or of none."""
    _attachments: int = 0
    _unsaid: dict[str, StatusReport] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _deadline: asyncio.TimerHandle | None = None

    @property
    def connected(self) -> bool:
        return self.connection is not None and not self.connection.done()

    @property
    def knows_its_end(self) -> bool:
        """Whether it has heard when the lease that it serves ends."""
        return self._heard is not None and self._heard.expected_end is not None

    @property
    def heard_notice(self) -> str:
        """What it heard last of its lease's being ended for another."""
        return self._heard.notice if self._heard is not None else ""

    def connect(self, lab: LabService) -> None:
        self.disconnect()
        if self.running and not self.hangs and lab.exporter(self.name) is not None:
            self.connection = self.loop.create_task(self._serve(lab), name=f"exporter {self.name.name}")

    def disconnect(self) -> None:
        if self.connection is not None:
            self.connection.cancel()

    def kill(self) -> None:
        """The process is gone, and all that it knew."""
        self.disconnect()
        self.running = False
        self._forget()

    def start(self) -> None:
        """A new process: it knows nothing, and is quick."""
        self.kill()
        self.running, self.hangs, self.slow = True, False, False
        self.epoch += 1

    def fail(self) -> None:
        """It asks for its lease to be ended."""
        if self.holding:
            self._say("LeaseReady", self.holding, release=True)

    def attend(self) -> None:
        """A client comes and goes."""
        if self.holding and not self._hook:
            self._attachments += 1
            self._say("LeaseReady", self.holding)

    def mend(self) -> None:
        """It goes on with what it has heard meanwhile, and is quick again."""
        self.hangs = self.slow = False
        heard = self._heard.lease_uid if self._heard is not None else ""
        for missed in sorted(self.owed - {heard, self.holding}):
            self._say("Available", missed)
        self.finish()
        self._follow()

    def finish(self) -> None:
        """Its hook is done."""
        hook, self._hook = self._hook, ""
        if hook == "BeforeLeaseHook":
            self._say("LeaseReady", self.holding)
        elif hook == "AfterLeaseHook":
            self._clean()

    async def _serve(self, lab: LabService) -> None:
        exporter = lab.exporter(self.name)
        assert exporter is not None, "asked before"
        if exporter.uid != self.exporter_uid:
            self._forget()
        self.exporter_uid = exporter.uid
        async with lab.presence(self.name, exporter.uid) as assignments, asyncio.TaskGroup() as tasks:
            self._say(self._hook or ("LeaseReady" if self.holding else "Available"), self.holding)
            telling = tasks.create_task(self._tell(lab), name=f"reports of {self.name.name}")
            async for assignment in assignments:
                self._hear(assignment)
            telling.cancel()

    def _hear(self, assignment: Assignment | None) -> None:
        self._heard = assignment
        if assignment is None or assignment.lease_uid != self._over:
            self._over = ""
        if assignment is not None and not self._over:
            if others := self.owed - {assignment.lease_uid}:
                self.wrongs.append(f"{self.name.name} is told of {assignment.lease_uid} and isn't clean of {others}")
            self.owed.add(assignment.lease_uid)
        self._follow()

    def _follow(self) -> None:
        """Does what it heard last, unless it has still to clean up."""
        wanted = self._heard.lease_uid if self._heard is not None else ""
        if self.hangs or self._hook == "AfterLeaseHook":
            return
        if wanted != self.holding and self.holding:
            self._end_lease()
        elif self._heard is not None:
            if not self.holding and wanted != self._over:
                self.holding, self._attachments = wanted, 0
                self._hook = "BeforeLeaseHook" if self.slow else ""
                self._say(self._hook or "LeaseReady", wanted)
            if self.holding == wanted:
                self._keep_deadline(self._heard)

    def _keep_deadline(self, assignment: Assignment) -> None:
        self._stop_deadline()
        if assignment.expected_end is not None:
            seconds = (assignment.expected_end - self.loop.start).total_seconds()
            self._deadline = self.loop.call_at(seconds, self._end_lease)

    def _end_lease(self) -> None:
        """The lease is over: it cleans up, in its time."""
        self._stop_deadline()
        self.attached = False
        if self.holding and self._hook != "AfterLeaseHook":
            self._hook = "AfterLeaseHook"
            self._say(self._hook, self.holding)
            if not self.slow:
                self.finish()

    def _clean(self) -> None:
        over, self.holding = self.holding, ""
        self._over = over if self._heard is not None and self._heard.lease_uid == over else ""
        self._say("Available", over)
        self._follow()

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _forget(self) -> None:
        self._stop_deadline()
        self.holding, self._hook, self._over, self._heard = "", "", "", None
        self.attached = False
        self._unsaid.clear()
        self.owed.clear()

    def _say(self, status: str, lease_uid: str, *, release: bool = False) -> None:
        for superseded in ("", lease_uid):
            self._unsaid.pop(superseded, None)
        attached = self.attached if status == "LeaseReady" else None
        self._unsaid[lease_uid] = StatusReport(
            status,
            "",
            lease_uid,
            str(self.epoch),
            release,
            attached=attached,
            attachments=self._attachments,
            in_use=bool(attached),
        )
        self._news.set()

    def _note(self, report: StatusReport) -> None:
        if report.status == "Available":
            self.owed.discard(report.lease_uid)
        if report.status == "Available" or report.release_lease:
            self.given_up.add(report.lease_uid)
        elif report.status == "LeaseReady":
            self.confirmed.add(report.lease_uid)

    async def _tell(self, lab: LabService) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._unsaid:
                uid, report = next(iter(self._unsaid.items()))
                self._note(report)
                try:
                    await lab.report(self.name, report)
                except ApiError:
                    await asyncio.sleep(_AGAIN_SECONDS)
                    continue
                if self._unsaid.get(uid) is report:
                    del self._unsaid[uid]
