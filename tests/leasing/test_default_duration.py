"""A lease without a duration lasts as long as its access policy permits, 30 minutes at most: so it is foreseen, too."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from jumplab_operator.leasing.model.decisions import Assign, Wait
from jumplab_operator.leasing.model.facts import Fact, LeaseFacts, Request
from jumplab_operator.leasing.model.usage import Usage, hour_of
from jumplab_operator.leasing.scheduler.scheduler import Changes, LabScheduler
from tests.leasing.worlds import NOON, board, client, exporter, gang, lease, minutes, part, policy, rule

TEN_MINUTES = policy("p", rule("kernel", maximum_duration=minutes(10)))
WITHOUT_DURATION = Request("ci", board("imx8"))


def bending(name: str, number: int = 0, **changes: object) -> LeaseFacts:
    created = NOON + timedelta(seconds=number)
    return lease(name, **{"request": WITHOUT_DURATION, "created": created, **changes})


def bending_gang(name: str, *names: str, **changes: object) -> LeaseFacts:
    whole = gang(name, *(part(each, exporter=each) for each in names), **changes)
    members = tuple(replace(member, duration=None) for member in whole.request.members)
    return replace(whole, request=replace(whole.request, duration=None, members=members))


def planned(*world: Fact, now: datetime = NOON) -> LabScheduler:
    lab = LabScheduler()
    lab.apply(Changes(now, [client(), TEN_MINUTES, *world]))
    return lab


def expected_minutes(lab: LabScheduler, name: str) -> float | None:
    place = lab.of("lab").position_of(f"lease-{name}", NOON)
    assert place is not None
    return (place.expected_begin - NOON) / minutes(1) if place.expected_begin is not None else None


def is_assigned(lab: LabScheduler, name: str) -> bool:
    return isinstance(lab.of("lab").decision(f"lease-{name}"), Assign)


def reserved(lab: LabScheduler, name: str) -> tuple[str, ...]:
    decision = lab.of("lab").decision(f"lease-{name}")
    assert isinstance(decision, Wait)
    return decision.reserved


def test_three_leases_of_one_exporter_are_expected_one_after_another() -> None:
    lab = planned(exporter("a"), *(bending(f"l{number}", number) for number in range(3)))
    assert is_assigned(lab, "l0")
    assert [expected_minutes(lab, name) for name in ("l1", "l2")] == [10, 20]


def test_a_lease_that_is_getting_ready_is_expected_to_last_as_long_as_it_was_granted() -> None:
    running = bending("held", exporters=("a",), granted=minutes(10))
    assert expected_minutes(planned(exporter("a", claim="lease-held"), running, bending("next")), "next") == 10


def test_a_lease_that_ends_before_a_reservation_is_served() -> None:
    begins_later = lease("later", begin=NOON + minutes(11), reserved=("a",))
    assert is_assigned(planned(exporter("a"), begins_later, bending("now")), "now")


def test_two_reservations_follow_each_other_closely() -> None:
    first, second = (bending(f"r{begin}", begin=NOON + minutes(begin)) for begin in (30, 40))
    lab = planned(exporter("a"), first, second)
    assert (reserved(lab, "r30"), reserved(lab, "r40")) == (("a",), ("a",))
    decision = lab.of("lab").decision("lease-r30")
    assert isinstance(decision, Wait)
    assert "until 12:40 UTC" in decision.message


@pytest.mark.parametrize(("begin", "free"), [(40, True), (50, True), (55, False)])
def test_a_reservation_moves_to_a_time_that_will_be_free(begin: int, free: bool) -> None:
    moving, other = (bending(name, begin=NOON + minutes(at)) for name, at in (("moving", 30), ("other", 60)))
    lab = planned(exporter("a"), moving, other)
    assert lab.of("lab").is_movable("lease-moving", NOON + minutes(begin), None) is free


def test_a_gang_is_expected_when_what_was_given_away_just_now_is_back() -> None:
    busy = lease("busy", exporters=("b",), began=NOON - minutes(1), end=NOON + minutes(5))
    boards = [exporter("a"), exporter("b", claim="lease-busy")]
    both = bending_gang("both", "a", "b", created=NOON + minutes(1))
    lab = planned(*boards, busy, bending("first"), both)
    assert is_assigned(lab, "first")
    assert expected_minutes(lab, "both") == 10
    decision = lab.of("lab").decision("lease-both")
    assert isinstance(decision, Wait)
    assert "from 12:10 UTC" in decision.message


def test_a_gang_lasts_as_long_as_the_least_of_its_rights_permits_and_is_served_before_a_reservation() -> None:
    longer = policy("q", rule("kernel", maximum_duration=minutes(25)), exporters=board("rpi4"))
    boards = [exporter("a", "imx8"), exporter("b", "rpi4")]
    short = policy("p", rule("kernel", maximum_duration=minutes(10)), exporters=board("imx8"))
    later = lease("later", "rpi4", begin=NOON + minutes(15), reserved=("b",))
    lab = LabScheduler()
    lab.apply(Changes(NOON, [client(), short, longer, *boards, later, bending_gang("both", "a", "b")]))
    decision = lab.of("lab").decision("lease-both")
    assert isinstance(decision, Assign)
    assert decision.duration == minutes(10)


def test_a_client_is_charged_for_what_it_was_granted() -> None:
    usage = Usage()
    usage.add(bending("l", exporters=("a",), granted=minutes(10)))
    assert usage.seconds("ci", hour_of(NOON)) == 600
