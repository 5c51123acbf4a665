"""Does to the world what the plan says."""

import asyncio
import random
import resource
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from tests.lab.homes import OnCluster
from tools.chaos import clocks
from tools.chaos.plan import Fault, Kind
from tools.chaos.world import Hand, Party, World

FULL_DISK_BYTES = 1 << 20
_SHIFTS_SECONDS = (-1800, -60, 60, 7200)
_DELAY_SECONDS = 0.2
_BYTES_PER_SECOND = 256 << 10
_CONTROL_PLANE = "the control plane"


def possible_kinds(world: World) -> list[Kind]:
    """What can be done to this world."""
    missing = set()
    if clocks.library() is None:
        missing.add(Kind.SHIFT_CLOCK)
    if not isinstance(world.home, OnCluster):
        missing.add(Kind.KILL_API_SERVER)  # it is in the control plane's process
    return [kind for kind in Kind if kind not in missing]


class Faults:
    """Carries a plan out. Each fault is noted when it begins and when it has ended."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._numbers = 0
        self._doing: dict[Kind, Callable[[Fault], Coroutine[Any, Any, None]]] = {
            Kind.KILL_CLIENT: lambda fault: self._kill(fault, self._hands()),
            Kind.KILL_EXPORTER: lambda fault: self._kill(fault, self._world.seats),
            Kind.KILL_CONTROL_PLANE: lambda fault: self._kill_home(fault),
            Kind.KILL_API_SERVER: lambda fault: self._kill_home(fault),
            Kind.CUT: lambda fault: self._hinder(fault, lambda party: party.gate.cut()),
            Kind.REFUSE: lambda fault: self._hinder(fault, lambda party: party.gate.shut()),
            Kind.BLACK_HOLE: lambda fault: self._hinder(fault, lambda party: party.gate.stick()),
            Kind.DELAY: lambda fault: self._hinder(fault, lambda party: party.gate.slow(delay_seconds=_DELAY_SECONDS)),
            Kind.THROTTLE: lambda fault: self._hinder(
                fault, lambda party: party.gate.slow(bytes_per_second=_BYTES_PER_SECOND)
            ),
            Kind.FILL_DISK: self._fill_disk,
            Kind.SHIFT_CLOCK: self._shift_clock,
        }

    async def carry_out(self, plan: Sequence[Fault]) -> None:
        """Returns when the last fault has ended. One that finds its victim busy with another is left out."""
        clock = asyncio.get_running_loop().time
        begin = clock()
        async with asyncio.TaskGroup() as tasks:
            for fault in plan:
                await asyncio.sleep(max(0.0, begin + fault.at - clock()))
                async with self._world.calm:
                    tasks.create_task(self._doing[fault.kind](fault), name=f"fault {fault.kind}")
                    await asyncio.sleep(0)  # it has begun when the calm is left

    def _hands(self) -> list[Hand]:
        return [hand for seat in self._world.seats for hand in seat.workers]

    def _chosen(self, fault: Fault, among: Sequence[Party]) -> Party | None:
        return among[int(fault.draw * len(among))] if among else None

    async def _kill(self, fault: Fault, among: Sequence[Party]) -> None:
        party = self._chosen(fault, among)
        if party is None or party.killing.locked():
            return
        async with party.killing:
            self._note("begins", fault, party.name)
            await asyncio.to_thread(party.process.kill)
            await asyncio.sleep(fault.seconds)
            if not (isinstance(party, Hand) and party not in self._hands()):  # else its lease is over
                await asyncio.to_thread(party.process.start)
            self._note("ends", fault, party.name)

    async def _kill_home(self, fault: Fault) -> None:
        home = self._world.home
        victim = home
        if fault.kind is Kind.KILL_API_SERVER:
            assert isinstance(home, OnCluster)
            victim = home.api  # type: ignore[assignment] # both are killed and started
        if self._world.killing.locked():
            return
        async with self._world.killing:
            self._note("begins", fault, _CONTROL_PLANE)
            await asyncio.to_thread(victim.kill)
            await asyncio.sleep(fault.seconds)
            await asyncio.to_thread(victim.start)
            self._note("ends", fault, _CONTROL_PLANE)

    async def _hinder(self, fault: Fault, how: Callable[[Party], None]) -> None:
        party = self._chosen(fault, [*self._world.seats, *self._hands()])
        if party is None or party.hindering.locked():
            return
        async with party.hindering:
            self._note("begins", fault, party.name)
            how(party)
            await asyncio.sleep(fault.seconds)
            party.gate.open()
            self._note("ends", fault, party.name)

    async def _fill_disk(self, fault: Fault) -> None:
        """The files of the exporter's process may not grow, as on a disk that is full. It outlives no process."""
        seat = self._chosen(fault, [seat for seat in self._world.seats if seat.small_disk])
        if seat is None or seat.killing.locked():
            return
        async with seat.killing:  # another process would have another limit
            self._note("begins", fault, seat.name)
            limited = seat.process.pid
            _limit_files(limited, FULL_DISK_BYTES)
            await asyncio.sleep(fault.seconds)
            _limit_files(limited, resource.RLIM_INFINITY)
            self._note("ends", fault, seat.name)

    async def _shift_clock(self, fault: Fault) -> None:
        party = self._chosen(fault, [party for party in [*self._world.seats, *self._hands()] if party.clock])
        if party is None:
            return
        assert party.clock is not None
        shift = random.Random(fault.draw).choice(_SHIFTS_SECONDS)
        self._note("begins", fault, party.name, shift_seconds=shift)
        clocks.shift(party.clock, shift)
        await asyncio.sleep(fault.seconds)
        clocks.shift(party.clock, 0)
        self._note("ends", fault, party.name)

    def _note(self, what: str, fault: Fault, victim: str, **more: int) -> None:
        self._world.notes.note(what, fault=fault.kind, victim=victim, **more)


def _limit_files(pid: int, size_bytes: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))
