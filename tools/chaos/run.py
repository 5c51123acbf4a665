"""A run from its beginning to its verdict."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.homes import Home
from tools.chaos import clocks
from tools.chaos.faults import Faults, possible_kinds
from tools.chaos.holding import Holding, Pace
from tools.chaos.journal import Note, read_notes, uptime
from tools.chaos.plan import Kind, plan_faults
from tools.chaos.verdict import Bench, Verdict, Work, judge
from tools.chaos.world import Seat, World

_GOING_ON_BOUND_SECONDS = 90.0
_LOOK_SECONDS = 0.1
# Slow enough for its disk to hold what a lease says; and fast enough to fill a small one.
_SPEEDS = (32 << 10, 256 << 10)


@dataclass(frozen=True, slots=True)
class Setting:
    """seconds: how long faults are done.  kinds: which.  exporters: how many."""

    seed: int
    seconds: float
    kinds: tuple[Kind, ...]
    exporters: int
    pace: Pace


async def run(home: Home, folder: Path, setting: Setting, tell: Callable[[str], None]) -> tuple[list[Note], Verdict]:
    """Plays a whole run: the suite's journal, and what came of it.  tell: is given a sentence for each step."""
    shiftable = Kind.SHIFT_CLOCK in setting.kinds and clocks.library() is not None
    async with World(home, folder, shiftable=shiftable) as world:
        for number in range(setting.exporters):
            fast = number == setting.exporters - 1
            await world.add_exporter(f"bench-{number}", bytes_per_second=_SPEEDS[fast], disk_mib=1 if fast else 16)
        kinds = [kind for kind in possible_kinds(world) if kind in setting.kinds]
        plan = plan_faults(setting.seed, setting.seconds, kinds)
        tell(f"{setting.exporters} exporters are there; {len(plan)} faults follow in {setting.seconds:g} s")
        holdings = [Holding(world, seat, setting.pace, setting.seed) for seat in world.seats]
        async with asyncio.TaskGroup() as tasks:
            for holding in holdings:
                tasks.create_task(_held(world, holding), name="leases")
            await Faults(world).carry_out(plan)
            tell("all is well again: everything must go on")
            await _all_go_on(world)
            for holding in holdings:
                holding.over.set()
        suite = read_notes(world.notes_file)
        return suite, judge(suite, [_bench(world, seat, suite) for seat in world.seats])


async def _held(world: World, holding: Holding) -> None:
    try:
        await holding.run()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding, and the other exporters go on
        world.notes.note("stuck", what=f"the leases of {holding.name} did not go on: {error!r}"[:2000])


async def _all_go_on(world: World) -> None:
    """Waits until every worker has made another call, heard its console and written an image."""
    begin = uptime()
    waiting = {hand.name: hand for seat in world.seats for hand in seat.workers}
    while waiting and uptime() < begin + _GOING_ON_BOUND_SECONDS:
        await asyncio.sleep(_LOOK_SECONDS)
        there = {hand.name for seat in world.seats for hand in seat.workers}
        for name, hand in list(waiting.items()):
            missing = await asyncio.to_thread(_missing, Path(hand.task.journal), begin, writes=hand.task.writes)
            if not missing or name not in there:
                del waiting[name]
    for name, hand in waiting.items():
        missing = _missing(Path(hand.task.journal), begin, writes=hand.task.writes)
        world.notes.note("stuck", what=f"{name} of {hand.task.lease}: no {', no '.join(sorted(missing))}")


def _missing(journal: Path, since: float, *, writes: bool) -> set[str]:
    expected = {"called", "console"} | ({"flashed"} if writes else set())
    return expected - {note["kind"] for note in read_notes(journal) if note["at"] > since}


def _bench(world: World, seat: Seat, suite: Sequence[Note]) -> Bench:
    leases = [note["lease"] for note in suite if note["kind"] == "ready" and note["exporter"] == seat.name]
    works = [
        Work(lease, read_notes(file)) for lease in leases for file in world.folder.glob(f"{lease}-w*.worker.jsonl")
    ]
    tallies = [read_notes(file) for file in seat.tallies.glob("*.jsonl")]
    return Bench(seat.name, leases, tallies, read_notes(seat.typed), works, seat.device.said_at)
