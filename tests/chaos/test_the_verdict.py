"""Each promise that is broken is found, and what is no break isn't taken for one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tools.chaos.journal import Note
from tools.chaos.verdict import PROMISES, Bench, Work, judge


def note(kind: str, at: float, **facts: Any) -> Note:
    return {"kind": kind, "at": at, **facts}


def console(at: float, **facts: Any) -> Note:
    told = {"origin": 0, "first": 1000, "upto": 1100, "checked": 100, "lost": 0, "wrong": 0}
    return note("console", at, **told | facts)


SUITE = [
    note("ready", 1.0, lease="a", exporter="bench"),
    note("still held", 19.0, lease="a", same=True, status=None),
    note("ending", 20.0, lease="a", exporter="bench", way="release"),
    note("end", 22.5, lease="a", exporter="bench", way="release", ended=20.1, measured=True, stalled=0.5),
    note("ready", 30.0, lease="b", exporter="bench"),
]
TALLY_A = [note("set up", 0.5), note("run", 5.0, lease="a", number="1"), note("run", 6.0, lease="a", number="2")]
TALLY_B = [note("set up", 29.0), note("run", 31.0, lease="b", number="3")]
WORK_A = [
    note("call", 5.0, number="1"),
    note("called", 5.1, number="1", outcome="ok"),
    note("flash", 5.5, size=9),
    note("flashed", 5.6, size=9, outcome="ok"),
    console(6.0),
    note("ended", 20.5, error="SessionEnded", message="the lease has ended"),
]
TYPED = [note("typed", 7.0, text="a w1/1"), note("typed", 32.0, text="b w2/1")]
BENCH = Bench("bench", ["a", "b"], [TALLY_A, TALLY_B], TYPED, [Work("a", WORK_A)], lambda position: position / 100)


def kill(at: float) -> Note:
    return note("begins", at, fault="kill_exporter", victim="bench")


def found(bench: Bench, suite: Sequence[Note] = SUITE) -> dict[str, int]:
    verdict = judge(suite, [bench])
    assert set(verdict.broken) == set(PROMISES)
    assert bool(verdict.told) == bool(sum(verdict.broken.values()))
    return {promise: count for promise, count in verdict.broken.items() if count}


def seen(*more: Note) -> Bench:
    """The bench where the worker of lease a has seen more."""
    return replace(BENCH, works=[Work("a", [*WORK_A, *more])])


def test_where_all_went_well_nothing_is_broken_and_everything_is_counted() -> None:
    verdict = judge(SUITE, [BENCH])
    assert found(BENCH) == {}
    assert (verdict.bytes_checked, verdict.calls_checked, verdict.images_checked) == (100, 1, 1)
    assert verdict.fences == [0.0]


CALLED = note("call", 6.0, number="2")
BROKEN = {
    "a number that ran twice": (
        replace(BENCH, tallies=[[*TALLY_A, note("run", 8.0, lease="a", number="1")], TALLY_B]),
        {"calls_repeated": 1},
    ),
    "a result that never came": (
        seen(CALLED, note("called", 9.0, number="2", outcome="SessionLost", message="gone")),
        {"results_lost": 1},
    ),
    "a wrong result": (seen(CALLED, note("called", 9.0, number="2", outcome="wrong")), {"results_lost": 1}),
    "a result of what never ran": (
        seen(note("call", 8.0, number="9"), note("called", 9.0, number="9", outcome="ok")),
        {"results_lost": 1},
    ),
    "an end that nobody asked for": (
        seen(CALLED, note("called", 9.0, number="2", outcome="SessionEnded", message="over")),
        {"results_lost": 1},
    ),
    "bytes left out": (seen(console(9.0, lost=32)), {"bytes_lost": 32}),
    "other bytes": (seen(console(9.0, wrong=5)), {"bytes_wrong": 5}),
    "a gap and no full disk": (seen(note("gap", 9.0, offset=0, size=64)), {"bytes_lost": 64}),
    "a console that ended": (seen(note("followed", 9.0, outcome="StreamReset", message="cut")), {"bytes_lost": 1}),
    "an image that is another": (seen(note("flashed", 9.0, size=9, outcome="corrupt")), {"images_corrupt": 1}),
    "an image that failed": (
        seen(note("flashed", 9.0, size=9, outcome="SessionLost", message="cut")),
        {"images_corrupt": 1},
    ),
    "what was said before the lease": (seen(console(9.0, first=10)), {"foreign_bytes": 1}),
    "what was typed into the next lease": (
        replace(BENCH, typed=[*TYPED, note("typed", 29.5, text="a w1/2")]),
        {"foreign_bytes": 1, "fence_late": 1},
    ),
    "a call long after the end": (
        replace(BENCH, tallies=[[*TALLY_A, note("run", 22.7, lease="a", number="4")], TALLY_B]),
        {"fence_late": 1},
    ),
    "bytes said long after the end": (seen(console(24.0, upto=2300)), {"fence_late": 1}),
    "drivers that served two": (
        replace(BENCH, tallies=[[*TALLY_A, note("run", 8.0, lease="b", number="8")], TALLY_B]),
        {"two_holders": 1, "foreign_bytes": 1},  # and a has typed into what serves b
    ),
    "a lease that ended early": (
        replace(BENCH, works=[Work("a", [note("ended", 9.0, error="SessionEnded", message="over")])]),
        {"leases_lost": 1},
    ),
}


@pytest.mark.parametrize(("bench", "broken"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_found(bench: Bench, broken: dict[str, int]) -> None:
    assert found(bench) == broken


def test_a_lease_that_is_another_and_what_does_not_go_on_are_found() -> None:
    suite = [*SUITE, note("still held", 19.0, lease="a", same=False, status={}), note("stuck", 40.0, what="a worker")]
    assert found(BENCH, suite) == {"leases_lost": 1, "stuck": 1}


LOST = note("called", 9.0, number="2", outcome="SessionLost", message="another process")
FORGIVEN = {
    "a call whose exporter was killed": (seen(CALLED, LOST), [kill(7.0)]),
    "a call that was begun before it was known that the exporter had been killed": (
        seen(note("call", 8.0, number="2"), LOST),
        [kill(7.0)],
    ),
    "a console whose exporter was killed": (
        seen(note("followed", 9.0, outcome="SessionLost", message="another process")),
        [kill(7.0)],
    ),
    "an image whose exporter was killed": (
        seen(
            note("flash", 6.5, size=9), note("flashed", 9.0, size=9, outcome="SessionLost", message="another process")
        ),
        [kill(7.0)],
    ),
    "a gap after a full disk": (
        seen(note("gap", 9.0, offset=0, size=64)),
        [note("begins", 7.0, fault="fill_disk", victim="bench")],
    ),
    "a call that the end of the lease cut": (
        seen(CALLED, note("called", 20.3, number="2", outcome="SessionEnded", message="over")),
        [],
    ),
    "a worker that was killed": (seen(CALLED), []),
    "an end on a machine that stood still": (
        replace(BENCH, tallies=[[*TALLY_A, note("run", 22.5, lease="a", number="4")], TALLY_B]),
        [],
    ),
}


@pytest.mark.parametrize(("bench", "more"), FORGIVEN.values(), ids=FORGIVEN)
def test_what_is_no_break_is_none(bench: Bench, more: list[Note]) -> None:
    assert found(bench, [*SUITE, *more]) == {}


def test_a_result_that_is_lost_to_who_has_reached_the_next_process_already_is_a_break() -> None:
    there = [note("call", 7.5, number="2"), note("called", 7.6, number="2", outcome="ok")]
    lost = [note("call", 8.0, number="9"), note("called", 9.0, number="9", outcome="SessionLost", message="another")]
    assert found(seen(*there, *lost), [*SUITE, kill(7.0)]) == {"results_lost": 1}
