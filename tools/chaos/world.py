"""The lab that the suite plays with: real processes, each behind a gate of its own."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import urllib3

from tests.kube.processes import Process, free_ports
from tests.lab.gate import Gate
from tests.lab.homes import Home
from tests.lab.lab import Lab
from tools.chaos import clocks
from tools.chaos.device import Device
from tools.chaos.journal import Journal
from tools.chaos.worker import Task

ROOT = Path(__file__).resolve().parents[2]
_API_BOUND_SECONDS = 120.0
_API_PAUSE_SECONDS = 0.2

T = TypeVar("T")


@dataclass(eq=False)
class Party:
    """A process behind a gate.

    clock: the file that shifts its clock, where it can be shifted.  killing, hindering: held while somebody kills it,
    and while its gate is not simply open.
    """

    name: str
    process: Process
    gate: Gate
    clock: Path | None = None
    killing: asyncio.Lock = field(default_factory=asyncio.Lock)
    hindering: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def disturbed(self) -> bool:
        """Whether a fault is being done to it."""
        return self.killing.locked() or self.hindering.locked()


@dataclass(eq=False)
class Seat(Party):
    """An exporter with the device at its console.

    typed: the device's journal.  tallies: the folder of its Tally.  small_disk: its disk can be filled without harm to
    its storage.  workers: who holds it now.
    """

    device: Device = field(kw_only=True)
    typed: Path = field(kw_only=True)
    tallies: Path = field(kw_only=True)
    small_disk: bool = field(kw_only=True)
    workers: list["Hand"] = field(default_factory=list)


@dataclass(eq=False)
class Hand(Party):
    """A worker of a lease."""

    task: Task = field(kw_only=True)


class World:
    """A control plane, exporters and workers, while the context lasts.

    notes: the suite's own journal.  shiftable: whether processes are started such that their clocks can be shifted.
    calm: held while no fault may begin.  killing: held while the control plane or its API server is away.
    """

    def __init__(self, home: Home, folder: Path, *, shiftable: bool) -> None:
        self.home = home
        self.folder = folder
        self.lab = Lab(home, folder)
        self.notes_file = folder / "suite.jsonl"
        self.notes = Journal(self.notes_file)
        self.seats: list[Seat] = []
        self.calm = asyncio.Lock()
        self.killing = asyncio.Lock()
        self._shiftable = shiftable
        self._stack = AsyncExitStack()
        self._made = 0

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.lab.__enter__)
        self.worker_config = self.folder / "worker.yaml"
        self.worker_config.write_text(self.lab.config.to_yaml())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for seat in self.seats:
            for hand in list(seat.workers):
                await self.let_go(seat, hand)
        await asyncio.to_thread(self.lab.__exit__, None, None, None)
        await self._stack.aclose()
        for seat in self.seats:
            seat.gate.stop()

    async def ask(self, work: Callable[[], T]) -> T:
        """What the Kubernetes API answers, in a thread; asked again while it is away, for two minutes at the most."""
        deadline = time.monotonic() + _API_BOUND_SECONDS
        while True:
            try:
                return await asyncio.to_thread(work)
            except (urllib3.exceptions.HTTPError, AssertionError, ConnectionError):
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(_API_PAUSE_SECONDS)

    async def add_exporter(self, name: str, *, bytes_per_second: int, disk_mib: int) -> Seat:
        """One more exporter, Available when this returns."""
        typed, tallies = self.folder / f"{name}-typed.jsonl", self.folder / f"{name}-tallies"
        tallies.mkdir()
        device = await self._stack.enter_async_context(Device(Journal(typed), bytes_per_second))
        gate = _new_gate()
        clock = self.folder / f"{name}.clock"
        environment = self._environment(gate, clock)
        process = await asyncio.to_thread(
            self.lab.exporter,
            name,
            export={
                "tally": {
                    "type": "tools.chaos.drivers.Tally",
                    "config": {"folder": str(tallies)},
                    "children": {
                        "console": {
                            "type": "console/serial",
                            "config": {"url": device.path, "memory_kib": 64, "disk_mib": 64},
                        },
                        "storage": {"type": "storage/disk", "config": {"size_mib": disk_mib}},
                    },
                },
            },
            environment=environment,
        )
        shifts = clock if self._shiftable else None
        small = disk_mib <= 1
        seat = Seat(name, process, gate, shifts, device=device, typed=typed, tallies=tallies, small_disk=small)
        self.seats.append(seat)
        return seat

    async def add_worker(self, seat: Seat, lease: str, *, writes: bool, image_kib: int, seed: int) -> Hand:
        """One more process that works on a lease; one that only watches takes the short path, without the router."""
        self._made += 1
        name = f"w{self._made}"
        journal = self.folder / f"{lease}-{name}.worker.jsonl"
        task = Task(str(self.worker_config), lease, str(journal), name, seed, writes, image_kib)
        gate, clock = _new_gate(), self.folder / f"{name}.clock"
        environment = {**self._environment(gate, clock), "JUMPLAB_ALWAYS_ROUTE": "1" if writes else ""}
        process = Process(task.command(self.folder / f"{name}.json"), self.folder / f"{name}.log", environment)
        hand = Hand(name, process, gate, clock if self._shiftable else None, task=task)
        process.start()
        seat.workers.append(hand)
        return hand

    async def let_go(self, seat: Seat, hand: Hand) -> None:
        """Ends a worker, if it still runs, once nobody does anything to it."""
        seat.workers.remove(hand)
        async with hand.killing, hand.hindering:
            await asyncio.to_thread(hand.process.stop)
            hand.gate.stop()

    def _environment(self, gate: Gate, clock: Path) -> Mapping[str, str]:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        through_gate = {"grpc_proxy": gate.url.replace("https", "http"), "PYTHONPATH": path}
        return {**through_gate, **(clocks.environment(clock) if self._shiftable else {})}


def _new_gate() -> Gate:
    (port,) = free_ports(1)
    gate = Gate("", port)
    gate.start()
    return gate
