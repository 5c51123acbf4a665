"""One exporter's leases, one after the other: the next one always waits already, and takes over at once."""

import asyncio
import math
import os
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tools.chaos.journal import read_notes, uptime
from tools.chaos.stalls import stalled_seconds, waited_seconds
from tools.chaos.world import Seat, World

FENCE_SECONDS = 2.0
_WATCHED_SECONDS = FENCE_SECONDS + 0.5
_PROGRESS_BOUND_SECONDS = 5.0
_STARTING_BOUND_SECONDS = 90.0
_LEAVING_BOUND_SECONDS = 90.0
_LOOK_SECONDS = 0.05
_EXPIRY = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long leases are held, in seconds; how large images are; whether somebody watches beside who works."""

    held_seconds: tuple[float, float]
    image_kib: int
    watched: bool


class Holding:
    """The leases of one exporter. `over` is set when no further one is to be begun."""

    def __init__(self, world: World, seat: Seat, pace: Pace, seed: int) -> None:
        self._world = world
        self._seat = seat
        self._pace = pace
        self._draws = random.Random(f"{seat.name} {seed}")
        self.name = seat.name
        self.over = asyncio.Event()

    async def run(self) -> None:
        """Holds leases until `over`; the last one is ended, too. Raises where the lab does not go on."""
        number = 1
        await self._ask_for(number)
        while True:
            await self._ask_for(number + 1)
            await self._hold(self._name(number))
            if self.over.is_set():
                break
            number += 1
        waiting = self._name(number + 1)
        self._world.notes.note("end", lease=waiting, exporter=self._seat.name, way="withdrawn")
        await self._world.ask(lambda: self._world.lab.delete("leases", waiting))

    def _name(self, number: int) -> str:
        return f"{self._seat.name}-{number}"

    async def _ask_for(self, number: int) -> None:
        name = self._name(number)

        def ask() -> None:
            body = {"clientRef": {"name": "ci"}, "duration": "30m", "exporterRef": {"name": self._seat.name}}
            answer = self._world.lab.kube.create(
                self._world.lab.path("leases"),
                {"apiVersion": "jumpstarter.dev/v1alpha1", "kind": "Lease", "metadata": {"name": name}, "spec": body},
            )
            assert answer.code in (201, 409), answer.body  # asked before, and the answer was lost

        await self._world.ask(ask)

    async def _hold(self, lease: str) -> None:
        world, seat = self._world, self._seat
        ready = await world.ask(lambda: world.lab.until_ready(lease))
        world.notes.note("ready", lease=lease, exporter=seat.name, uid=ready["metadata"]["uid"])
        for writes in (True, False) if self._pace.watched else (True,):
            seed = self._draws.randrange(1 << 30)
            await world.add_worker(seat, lease, writes=writes, image_kib=self._pace.image_kib, seed=seed)
        if not await self._gets_through(_STARTING_BOUND_SECONDS):
            world.notes.note("stuck", what=f"the workers of lease {lease} did not get through")
        await self._until_over(self._draws.uniform(*self._pace.held_seconds))
        held = await world.ask(lambda: world.lab.get("leases", lease))
        same = held["metadata"]["uid"] == ready["metadata"]["uid"] and not held["status"].get("ended")
        world.notes.note("still held", lease=lease, same=same, status=held["status"] if not same else None)
        await self._end(lease, self._draws.choice(["release", "delete", "expiry"]))
        await self._see_off(lease)

    async def _until_over(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.over.wait()
        except TimeoutError:
            return

    async def _end(self, lease: str, way: str) -> None:
        """Ends the lease, and where nothing else happens meanwhile, watches how long that takes."""
        async with self._world.calm:
            measured = await self._works_well()
            ended = await self._ended_by(lease, way)
            waited = waited_seconds(self._pids())
            if measured:
                await asyncio.sleep(max(0.0, ended + _WATCHED_SECONDS - uptime()))
            stalled = stalled_seconds(waited, waited_seconds(waited))
            self._world.notes.note(
                "end", lease=lease, exporter=self._seat.name, way=way, ended=ended, measured=measured, stalled=stalled
            )

    async def _works_well(self) -> bool:
        """Whether nothing is being done to those concerned, and their calls get through."""
        parties = [self._seat, *self._seat.workers]
        if self._world.killing.locked() or any(party.disturbed for party in parties):
            return False
        return await self._gets_through(_PROGRESS_BOUND_SECONDS)

    async def _gets_through(self, bound_seconds: float) -> bool:
        """Whether each worker makes a call in time."""
        begin = uptime()
        journals = [Path(hand.task.journal) for hand in self._seat.workers]
        while uptime() < begin + bound_seconds:
            if all(_progress(journal, begin) for journal in journals):
                return True
            await asyncio.sleep(_LOOK_SECONDS)
        return False

    async def _ended_by(self, lease: str, way: str) -> float:
        """Ends a lease: when (`uptime`) it is over."""
        world = self._world
        world.notes.note("ending", lease=lease, exporter=self._seat.name, way=way)
        if way == "release":
            await world.ask(lambda: world.lab.release(lease))
        elif way == "delete":
            await world.ask(lambda: _gone(world, lease))
        else:
            end = await world.ask(lambda: _shorten(world, lease))
            return uptime() + (end - datetime.now(UTC)).total_seconds()
        return uptime()

    def _pids(self) -> list[int]:
        """Whose part it is to end the lease in time."""
        concerned = [self._world.home.process, self._seat.process, *(hand.process for hand in self._seat.workers)]
        return [os.getpid(), *(process.pid for process in concerned if process.running)]

    async def _see_off(self, lease: str) -> None:
        """Waits until the workers have understood."""
        bound = uptime() + _LEAVING_BOUND_SECONDS
        for hand in list(self._seat.workers):
            while hand.process.running or hand.killing.locked():
                if uptime() > bound:
                    self._world.notes.note("stuck", what=f"worker {hand.name} of lease {lease} did not notice its end")
                    break
                await asyncio.sleep(_LOOK_SECONDS)
            await self._world.let_go(self._seat, hand)


def _progress(journal: Path, since: float) -> bool:
    return any(
        note["kind"] == "called" and note["at"] > since and note["outcome"] == "ok" for note in read_notes(journal)
    )


def _gone(world: World, lease: str) -> None:
    answer = world.lab.kube.delete(world.lab.path("leases", lease))
    assert answer.code in (200, 202, 404), answer.body


def _shorten(world: World, lease: str) -> datetime:
    """Has the lease expire in a moment: when."""
    held = world.lab.get("leases", lease)
    begun = datetime.fromisoformat(held["status"]["beginTime"])
    seconds = max(1, math.ceil((datetime.now(UTC) + _EXPIRY - begun).total_seconds()))
    world.lab.patch("leases", lease, {"spec": {"duration": f"{seconds}s"}}).ok()
    return begun + timedelta(seconds=seconds + 1)  # the API tells whole seconds: it may have begun later in that one
