"""Leases that begin later: the exporter is kept for them, and used until then."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from jumplab_operator.leasing.lease.validation import InForce, Refusal, accept
from jumplab_operator.leasing.model.decisions import Assign, Decision, Wait
from jumplab_operator.leasing.model.facts import Fact, LeaseFacts, Request
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.leasing.scheduler.scheduler import Changes, LabScheduler
from jumplab_operator.resources import LeaseSpec
from tests.leasing.worlds import NOON, board, client, exporter, lease, minutes


def booked(name: str, begin: int, length: int = 10, **changes: object) -> LeaseFacts:
    """A lease of so many minutes that begins so many minutes after noon."""
    request = Request("ci", board("imx8"), duration=minutes(length))
    return lease(name, **{"request": request, "begin": NOON + minutes(begin), **changes})


def asking(name: str, length: int) -> LeaseFacts:
    return replace(lease(name), request=Request("ci", board("imx8"), duration=minutes(length)))


def planned(*world: Fact, now: datetime = NOON) -> dict[str, Decision]:
    decisions = LabScheduler().apply(Changes(now, [client(), *world]))
    return {uid.removeprefix("lease-"): decision for uid, decision in decisions.items()}


def kept(decision: Decision) -> tuple[str, ...]:
    assert isinstance(decision, Wait)
    return decision.reserved


def test_a_slot_is_told_with_its_exporter_and_its_times() -> None:
    decision = planned(exporter("a"), booked("l", 30))["l"]
    sentence = 'begins at 12:30 UTC; exporter "a" is reserved for it until 12:40 UTC'
    assert decision == Wait("Pending", "Scheduled", sentence, ("a",))


def test_who_ends_in_time_is_served_before_a_slot_and_who_does_not_waits() -> None:
    in_time, too_late = asking("short", 29), asking("long", 30)
    assert isinstance(planned(exporter("a"), booked("l", 30), in_time)["short"], Assign)
    assert planned(exporter("a"), booked("l", 30), too_late)["long"] == Wait(
        "Pending",
        "NotAvailable",
        "the one exporter that matches board=imx8 is reserved for a later lease from 12:30 UTC",
    )


def test_an_assignment_says_until_when_it_is_right() -> None:
    """Until then it leaves the exporter a minute before the reservation begins."""
    decision = planned(exporter("a"), booked("l", 30), asking("short", 20))["short"]
    assert isinstance(decision, Assign)
    assert decision.latest == NOON + minutes(9)
    decision = planned(exporter("a"), booked("l", 0, reserved=("a",)), booked("next", 10, reserved=("a",)))["l"]
    assert isinstance(decision, Assign)
    assert decision.latest == NOON + minutes(1), "it has a reservation, which it may be a minute late for"
    decision = planned(exporter("a"), asking("alone", 20))["alone"]
    assert isinstance(decision, Assign)
    assert decision.latest is None


@pytest.mark.parametrize(("length", "served"), [(29, True), (30, False)])
def test_a_claim_is_completed_only_where_the_lease_still_ends_in_time(length: int, served: bool) -> None:
    held = exporter("a", claim="lease-first")
    decision = planned(held, booked("l", 30, reserved=("a",)), asking("first", length))["first"]
    assert isinstance(decision, Assign) is served


def test_a_shorter_lease_is_served_though_a_longer_one_before_it_is_held_back() -> None:
    first, second = asking("first", 60), asking("second", 5)
    decisions = planned(exporter("a"), booked("l", 30), first, replace(second, created=NOON + minutes(1)))
    assert isinstance(decisions["second"], Assign)
    assert isinstance(decisions["first"], Wait)


def test_who_would_overlap_goes_elsewhere() -> None:
    decision = planned(exporter("a"), exporter("b"), booked("l", 30, reserved=("a",)), asking("long", 60))["long"]
    assert isinstance(decision, Assign)
    assert decision.exporters[0].name == "b"


def test_slots_that_touch_share_an_exporter_and_slots_that_overlap_do_not() -> None:
    decisions = planned(exporter("a"), booked("x", 30), booked("y", 40), booked("z", 35))
    assert [kept(decisions[name]) for name in "xyz"] == [("a",), ("a",), ()]
    decision = decisions["z"]
    assert isinstance(decision, Wait)
    assert decision.reason == "NotAvailable"


def test_an_exporter_that_is_leased_beyond_the_begin_is_not_kept() -> None:
    held = lease("h", exporters=("a",), began=NOON, end=NOON + minutes(31))
    world = [exporter("a", claim="lease-h"), exporter("b")]
    assert kept(planned(*world, held, booked("l", 30))["l"]) == ("b",)
    assert kept(planned(*world, replace(held, end=NOON + minutes(30)), booked("l", 30, reserved=("a",)))["l"]) == ("a",)


def test_what_was_kept_before_stays_when_an_older_lease_wants_the_same() -> None:
    older = booked("older", 30, created=NOON - minutes(99))
    decisions = planned(exporter("a"), older, booked("holder", 30, reserved=("a",)))
    assert (kept(decisions["holder"]), kept(decisions["older"])) == (("a",), ())


def test_at_its_begin_a_lease_goes_first_on_what_was_kept_for_it() -> None:
    begun, rival = booked("l", 0, reserved=("b",)), replace(asking("rival", 5), created=NOON - minutes(999))
    decisions = planned(exporter("b"), begun, rival)
    assert isinstance(decisions["l"], Assign)
    assert isinstance(decisions["rival"], Wait)


def test_at_its_begin_a_lease_goes_elsewhere_where_what_was_kept_is_gone() -> None:
    decision = planned(exporter("a", online=False), exporter("b"), booked("l", 0, reserved=("a",)))["l"]
    assert isinstance(decision, Assign)
    assert decision.exporters[0].name == "b"


def test_a_lease_whose_exporter_is_late_goes_first_for_as_long_as_it_waits() -> None:
    late, rival = booked("l", -20, reserved=("b",)), replace(asking("rival", 5), created=NOON - minutes(999))
    decisions = planned(exporter("b", available=False), late, rival)
    assert kept(decisions["l"]) == ("b",)
    decisions = planned(exporter("b"), late, rival)
    assert isinstance(decisions["l"], Assign)
    assert isinstance(decisions["rival"], Wait)


@pytest.mark.parametrize(("begin", "served"), [(-1, True), (-2, False)])
def test_a_lease_that_is_more_than_a_minute_late_leaves_the_next_slot_alone(begin: int, served: bool) -> None:
    late, following = booked("l", begin, reserved=("a",)), booked("next", 10 + begin, reserved=("a",))
    shorter = replace(asking("shorter", 5), created=NOON - minutes(1))
    decisions = planned(exporter("a"), late, following, shorter)
    assert isinstance(decisions["l"], Assign) is served
    assert isinstance(decisions["shorter"], Assign) is not served, "what it can't take others may"
    assert kept(decisions["next"]) == ("a",)


def test_a_late_lease_with_a_fixed_end_ends_with_its_slot_and_is_served() -> None:
    late, following = booked("l", -2, reserved=("a",), end=NOON + minutes(8)), booked("next", 8, reserved=("a",))
    assert isinstance(planned(exporter("a"), late, following)["l"], Assign)


def test_a_slot_that_is_given_up_is_anothers() -> None:
    lab = LabScheduler()
    decisions = lab.apply(Changes(NOON, [client(), exporter("a"), booked("x", 30), booked("y", 35)]))
    assert kept(decisions["lease-y"]) == ()
    decisions = lab.apply(Changes(NOON, gone=[("lab", "lease-x")]))
    assert kept(decisions["lease-y"]) == ("a",)


def spec(**fields: Any) -> LeaseSpec:
    return LeaseSpec.model_validate({"clientRef": {"name": "ci"}, "selector": {"matchLabels": {"a": "b"}}, **fields})


def test_a_slot_moves_only_where_nobody_is() -> None:
    world = [client(), exporter("a"), booked("x", 30, reserved=("a",)), booked("y", 60, reserved=("a",))]
    lab = LabScheduler()
    lab.apply(Changes(NOON, world))
    assert lab.of("lab").is_movable("lease-x", NOON + minutes(35), NOON + minutes(45))
    assert not lab.of("lab").is_movable("lease-x", NOON + minutes(55), NOON + minutes(65))


class FreeUntil:
    """A schedule in which a reservation can be moved to any time that ends by then."""

    def __init__(self, until: datetime) -> None:
        self._until = until

    def right(self, client: str, length: timedelta | None, giver: str | None = None) -> Grant | Refusal:
        raise AssertionError("neither its client nor its length is edited")

    def is_movable(self, begin: datetime, end: datetime | None) -> bool:
        return end is not None and end <= self._until


@pytest.mark.parametrize(("begin", "accepted"), [(40, True), (50, False)])
def test_an_edit_onto_another_slot_is_refused(begin: int, accepted: bool) -> None:
    at = {n: (NOON + minutes(n)).isoformat() for n in (30, begin)}
    before = InForce(spec(beginTime=at[30], duration="10m"), NOON, has_reservation=True)
    result = accept(spec(beginTime=at[begin], duration="10m"), before, schedule=FreeUntil(NOON + minutes(55)))
    assert isinstance(result, Refusal) is not accepted
    if isinstance(result, Refusal):
        assert result.reason == "Reserved"


def test_a_lease_is_not_extended_into_anothers_slot() -> None:
    before = InForce(spec(duration="10m"), NOON, True, NOON, reserved_from=NOON + minutes(30))
    assert isinstance(accept(spec(duration="30m"), before), LeaseSpec)
    result = accept(spec(duration="31m"), before)
    assert isinstance(result, Refusal)
    assert result.reason == "Reserved"
