"""Simulated exporters, any number in one process: each with a connection of its own, each quick to confirm.

    python -m tools.bench.fleet FILE

FILE is what `Fleet.to_json` gives. They register the benchmark's drivers and follow the controller's word with the
exporter's own code; only drivers, hooks and sessions are missing. AVAILABLE is said once the controller has taken that
in of each.
"""

import asyncio
import gc
import json
import sys
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from jumplab import event_loop
from jumplab.session.host import DriverTree
from jumplab.transport.endpoint import Endpoint, Identity, Tls
from jumplab_exporter.controller import Assignment, Controller
from jumplab_exporter.local_socket import LocalSocket
from jumplab_exporter.registration import Listener, Registration
from jumplab_exporter.reporting import ReportQueue
from jumplab_exporter.reports import Report, Status
from tools.bench.drivers import board

AVAILABLE = "all available"
_AT_ONCE = 1000
"""So many connect at a time: one process that begins with ten thousand answers none of them in time."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Who they are and where their controller is. tokens: by exporter."""

    endpoint: str
    ca_pem: str
    namespace: str
    tokens: dict[str, str]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))


class SimulatedExporter:
    """Holds a lease from the moment that it hears of it, and is clean the moment it hears of its end."""

    def __init__(self, fleet: Fleet, name: str) -> None:
        self._endpoint = Endpoint(fleet.endpoint, Tls(ca_pem=fleet.ca_pem.encode()))
        self._identity = Identity(fleet.namespace, "Exporter", name, fleet.tokens[name])
        self._epoch = uuid.uuid4().hex
        self._held = ""
        self._outbox = ReportQueue()
        self._outbox.put(Report(Status.AVAILABLE))

    async def serve(self) -> None:
        """Stays registered until cancelled. Raises TransportError where the controller refuses it."""
        listener = Listener(assigned=self._follow, deadline=lambda _lease, _at: None)
        registration = Registration(self._connect, self._outbox, listener, clock=time.monotonic)
        registration.set_reports(DriverTree(board(), scope=self._identity.name).reports())
        raise await registration.run()

    async def available(self) -> None:
        """Returns once the controller has written that it is."""
        await self._outbox.delivered()

    def _connect(self) -> Controller:
        return Controller(
            self._endpoint, self._identity, epoch=self._epoch, short_path=LocalSocket(), clock=time.monotonic
        )

    def _follow(self, assignment: Assignment) -> None:
        held, self._held = self._held, assignment.lease.uid if assignment.lease else ""
        if self._held == held:
            return
        self._outbox.put(Report(Status.LEASE_READY if self._held else Status.AVAILABLE, lease_uid=self._held or held))


async def serve(fleet: Fleet) -> None:
    """Runs all of them until cancelled."""
    turn = asyncio.Semaphore(_AT_ONCE)

    async def start(name: str) -> None:
        async with turn:
            exporter = SimulatedExporter(fleet, name)
            serving.create_task(exporter.serve(), name=f"exporter {name}")
            await exporter.available()

    async with asyncio.TaskGroup() as serving:
        async with asyncio.TaskGroup() as starting:
            for name in fleet.tokens:
                starting.create_task(start(name), name=f"start of {name}")
        print(AVAILABLE, flush=True)


if __name__ == "__main__":
    gc.disable()  # one that looks through a thousand exporters would stop them all for a second: each alone does not
    event_loop.run(serve(Fleet.from_json(Path(sys.argv[1]).read_text())))
