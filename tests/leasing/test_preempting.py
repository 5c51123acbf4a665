"""Whose lease is ended for whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from jumplab_operator.leasing.decisions import Assign, Preempt, Spare, Wait
from jumplab_operator.leasing.facts import Fact, LeaseFacts
from jumplab_operator.leasing.scheduling import Changes, State, plan
from tests.leasing.worlds import NOON, client, exporter, gang, lease, minutes, part, policy, rule

PEOPLE: list[Fact] = [client("ci", team="kernel"), client("ann", team="apps")]
POLICY = policy("p", rule("kernel", priority=9), rule("apps", priority=1, spot_access=True))


def spot(name: str, on: str, began: int = -10, priority: int = 1, **changes: Any) -> LeaseFacts:
    """A lease of ann's that may be ended; it began so many minutes after noon."""
    moment = NOON + minutes(began)
    return lease(
        name,
        client="ann",
        **{
            "exporters": (on,),
            "began": moment,
            "end": moment + minutes(120),
            "priority": priority,
            "spot": True,
            **changes,
        },
    )


def victims(*facts: Fact, now: timedelta = timedelta(0)) -> dict[str, str]:
    """By the victim's name, the name of the lease that it is for."""
    state, _ = plan(State(), Changes(NOON + now, [*PEOPLE, POLICY, *facts]))
    found = {uid: state.decision("lab", uid) for uid in state.waiting("lab")}
    return {
        uid.removeprefix("lease-"): decision.waiting_uid.removeprefix("lease-")
        for uid, decision in found.items()
        if isinstance(decision, Preempt)
    }


def test_a_spot_lease_is_ended_for_a_higher_priority() -> None:
    assert victims(exporter("e1"), spot("old", "e1"), lease("new")) == {"old": "new"}


def test_none_is_ended_for_an_equal_priority_or_where_it_is_no_spot_lease() -> None:
    assert victims(exporter("e1"), spot("old", "e1", priority=9), lease("new")) == {}
    assert victims(exporter("e1"), spot("old", "e1", spot=False), lease("new")) == {}
    assert victims(exporter("e1"), spot("old", "e1"), lease("new", client="ann")) == {}


def test_none_is_ended_while_something_is_free_or_for_an_exporter_that_is_away_or_of_another_kind() -> None:
    assert victims(exporter("e1"), exporter("e2"), spot("old", "e1"), lease("new")) == {}
    assert victims(exporter("e1", online=False), spot("old", "e1"), lease("new")) == {}
    assert (
        victims(
            exporter("e1", "rpi4"), exporter("e2"), spot("old", "e1"), spot("other", "e2", spot=False), lease("new")
        )
        == {}
    )


def test_the_lowest_priority_is_ended_then_who_loses_the_least_time() -> None:
    benches = [exporter(f"e{number}") for number in range(3)]
    assert victims(*benches, spot("a", "e0"), spot("b", "e1", priority=0), spot("c", "e2"), lease("new")) == {
        "b": "new"
    }
    assert victims(*benches, spot("a", "e0", -30), spot("b", "e1", -5), spot("c", "e2", -20), lease("new")) == {
        "b": "new"
    }


def test_each_who_waits_has_one_victim_and_no_more_are_ended_than_wait() -> None:
    benches = [exporter(f"e{number}") for number in range(3)]
    spots = [spot(f"s{number}", f"e{number}", -number) for number in range(3)]
    waiting = [lease("first"), lease("second", created=NOON + minutes(1))]
    assert victims(*benches, *spots, *waiting) == {"s0": "first", "s1": "second"}


def test_who_was_told_stays_the_one_where_another_would_be_chosen_now() -> None:
    told = spot("told", "e1", -30, noticed=True)
    assert victims(exporter("e1"), exporter("e2"), told, spot("later", "e2", -1), lease("new")) == {"told": "new"}


def test_who_was_told_is_spared_once_nobody_waits_for_it_any_more() -> None:
    facts = [*PEOPLE, POLICY, exporter("e1"), spot("old", "e1", noticed=True), lease("new")]
    state, _ = plan(State(), Changes(NOON, facts))
    state, decisions = plan(state, Changes(NOON, gone=[("lab", "lease-new")]))
    assert decisions == {"lease-old": Spare()}


def test_who_is_served_elsewhere_lets_the_other_stay() -> None:
    facts = [*PEOPLE, POLICY, exporter("e1"), spot("old", "e1", noticed=True), lease("new")]
    state, _ = plan(State(), Changes(NOON, facts))
    state, decisions = plan(state, Changes(NOON, put=[exporter("e2")]))
    assert isinstance(decisions["lease-new"], Assign)
    assert decisions["lease-old"] == Spare()


def test_nobody_is_ended_for_a_lease_beyond_its_quota() -> None:
    rules = policy("p", rule("kernel", priority=9, maximum_leases=1), rule("apps", priority=1, spot_access=True))
    held = lease("held", exporters=("e2",), began=NOON, end=NOON + minutes(60))
    state, decisions = plan(
        State(), Changes(NOON, [*PEOPLE, rules, exporter("e1"), exporter("e2"), held, spot("old", "e1"), lease("new")])
    )
    assert isinstance(decisions["lease-new"], Wait)
    assert decisions["lease-new"].reason == "OverQuota"
    assert state.decision("lab", "lease-old") is None


def test_what_is_being_cleaned_up_is_waited_for_a_minute() -> None:
    facts = [
        exporter("e1"),
        exporter("e2", available=False, claim="lease-gone", vacated=NOON),
        spot("old", "e1"),
        lease("new"),
    ]
    assert victims(*facts) == {}
    assert victims(*facts, now=minutes(2)) == {"old": "new"}


def test_nobody_is_ended_for_what_another_would_take_who_stands_before() -> None:
    starving = lease("patient", client="ann", created=NOON - minutes(300))
    assert victims(exporter("e1"), spot("old", "e1"), starving, lease("new")) == {}


def test_nobody_is_ended_for_a_lease_of_several_exporters() -> None:
    both = gang("both", part("one", "imx8"), part("two", "imx8"))
    assert victims(exporter("e1"), exporter("e2"), spot("a", "e1"), spot("b", "e2"), both) == {}


def test_a_lease_of_several_exporters_is_never_ended_for_one() -> None:
    both = spot("both", "e1", exporters=("e1", "e2"))
    assert victims(exporter("e1"), exporter("e2"), both, lease("new")) == {}
