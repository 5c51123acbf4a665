"""What follows from whether anyone is attached."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from jumplab_operator.leasing.lease.activity import Attendance, Bounds, abandoned_at, joint, moved_end, step_of
from jumplab_operator.leasing.model.reservations import TURNAROUND
from jumplab_operator.resources.lease import ExtendOnActivity
from tests.leasing.worlds import NOON, minutes

HERE, AWAY = Attendance(True, 1, NOON), Attendance(False, 1, NOON)
NONE = Bounds()


def end(left: int, bounds: Bounds = NONE, until: datetime | None = None, most: int | None = None, by: int = 10) -> int:
    """Minutes from now to the end, of which so many were left before. most: the longest that the lease may be made."""
    longest = minutes(most) if most is not None else None
    extend = ExtendOnActivity(by=minutes(by), max_duration=longest, until=until)
    moved = moved_end(NOON + minutes(left), extend, NOON - minutes(60), bounds, NOON)
    return int((moved - NOON) / minutes(1))


def test_an_end_moves_once_less_than_half_is_left() -> None:
    assert [end(left) for left in (30, 10, 6, 5, 1)] == [30, 10, 6, 10, 10]


def test_an_end_moves_no_further_than_its_limit_the_policies_and_the_next_reservation() -> None:
    assert end(1, until=NOON + minutes(7)) == 7
    assert end(1, Bounds(longest=minutes(63))) == 3
    assert end(1, Bounds(reserved_from=NOON + minutes(9))) == 9 - TURNAROUND / minutes(1)


def test_an_end_moves_by_ten_minutes_at_most_and_no_further_than_the_longest_duration() -> None:
    assert [end(left, by=60) for left in (30, 6, 5, 1)] == [30, 6, 10, 10]
    assert [end(1, most=most) for most in (65, 90, 30)] == [5, 10, 1]
    assert step_of(ExtendOnActivity()) == minutes(10)


@given(*[st.integers(-20, 20)] * 4)
def test_an_end_never_moves_back_and_never_past_what_bounds_it(left: int, until: int, longest: int, kept: int) -> None:
    bounds = Bounds(minutes(60 + longest), NOON + minutes(kept))
    moved = end(left, bounds, NOON + minutes(until))
    assert moved >= left
    assert moved == left or moved <= min(10, until, longest, kept - 1)


def test_a_lease_is_abandoned_so_long_after_the_last_client_has_gone() -> None:
    assert abandoned_at(minutes(5), AWAY) == NOON + minutes(5)
    assert abandoned_at(minutes(5), HERE) is None
    assert abandoned_at(None, AWAY) is None
    assert abandoned_at(minutes(5), None) is None


def test_one_attached_exporter_is_enough_and_one_that_is_away_keeps_the_lease_from_being_detached() -> None:
    later = Attendance(False, 0, NOON + minutes(3))
    assert joint([AWAY, later]) == Attendance(False, 1, NOON + minutes(3))
    assert joint([AWAY, None]) is None
    assert joint([]) is None
    found = joint([HERE, None, later])
    assert found is not None
    assert found.attached


def test_a_gang_is_in_use_where_an_attached_member_is() -> None:
    used = replace(HERE, in_use=True)
    gone = replace(AWAY, in_use=True)
    found = [joint([HERE, used]), joint([HERE, HERE]), joint([HERE, gone])]
    assert [each.in_use for each in found if each is not None] == [True, False, False]
