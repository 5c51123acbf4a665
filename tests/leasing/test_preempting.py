"""Whose lease is ended for whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from jumplab_operator.leasing.model.decisions import Assign, Preempt, Spare, Wait
from jumplab_operator.leasing.model.facts import Fact, LeaseFacts
from jumplab_operator.leasing.scheduler.scheduler import Changes, LabScheduler
from tests.leasing.worlds import NOON, board, client, decided, exporter, gang, lease, minutes, part, policy, rule

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
    lab = LabScheduler()
    lab.apply(Changes(NOON + now, [*PEOPLE, POLICY, *facts]))
    scheduler = lab.of("lab")
    assert all(scheduler.decision(uid) == Preempt() for uid in scheduler.last.victims)
    return {one.removeprefix("lease-"): other.removeprefix("lease-") for one, other in scheduler.last.victims.items()}


def test_a_spot_lease_is_ended_for_a_higher_priority() -> None:
    assert victims(exporter("e1"), spot("old", "e1"), lease("new")) == {"old": "new"}


def test_none_is_ended_for_an_equal_priority_or_where_it_is_no_spot_lease() -> None:
    assert victims(exporter("e1"), spot("old", "e1", priority=9), lease("new")) == {}
    assert victims(exporter("e1"), spot("old", "e1", spot=False), lease("new")) == {}
    assert victims(exporter("e1"), spot("old", "e1"), lease("new", client="ann")) == {}


def test_none_is_ended_while_something_is_free_or_for_an_exporter_that_is_away_or_of_another_kind() -> None:
    assert victims(exporter("e1"), exporter("e2"), spot("old", "e1"), lease("new")) == {}
    assert victims(exporter("e1", online=False), spot("old", "e1"), lease("new")) == {}
    assert victims(exporter("e1", quarantined=True), spot("old", "e1"), lease("new")) == {}
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
    lab = LabScheduler()
    lab.apply(Changes(NOON, facts))
    decisions = lab.apply(Changes(NOON, gone=[("lab", "lease-new")]))
    assert decisions == {"lease-old": Spare()}


def test_who_is_served_elsewhere_lets_the_other_stay() -> None:
    facts = [*PEOPLE, POLICY, exporter("e1"), spot("old", "e1", noticed=True), lease("new")]
    lab = LabScheduler()
    lab.apply(Changes(NOON, facts))
    decisions = lab.apply(Changes(NOON, put=[exporter("e2")]))
    assert isinstance(decisions["lease-new"], Assign)
    assert decisions["lease-old"] == Spare()


def test_nobody_is_ended_for_a_lease_beyond_its_quota() -> None:
    rules = policy("p", rule("kernel", priority=9, maximum_leases=1), rule("apps", priority=1, spot_access=True))
    held = lease("held", exporters=("e2",), began=NOON, end=NOON + minutes(60))
    facts = [*PEOPLE, rules, exporter("e1"), exporter("e2"), held, spot("old", "e1"), lease("new")]
    lab = LabScheduler()
    decisions = lab.apply(Changes(NOON, facts))
    assert isinstance(decisions["lease-new"], Wait)
    assert decisions["lease-new"].reason == "OverQuota"
    assert lab.of("lab").decision("lease-old") is None


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


BOTH = gang("both", part("one", "imx8"), part("two", "imx8"))
TWO = [exporter("e1"), exporter("e2")]


def test_a_lease_of_several_has_as_many_ended_as_it_needs() -> None:
    assert victims(*TWO, spot("a", "e1"), spot("b", "e2"), BOTH) == {"a": "both", "b": "both"}
    assert victims(*TWO, spot("a", "e1"), BOTH) == {"a": "both"}
    third = [exporter("e3"), spot("c", "e3", -1)]
    assert victims(*TWO, spot("a", "e1"), spot("b", "e2", -20), *third, BOTH) == {"a": "both", "c": "both"}


def test_nobody_is_ended_where_that_would_not_be_enough() -> None:
    assert victims(*TWO, spot("a", "e1"), spot("b", "e2", spot=False), BOTH) == {}
    assert victims(*TWO, spot("a", "e1"), spot("b", "e2", priority=9), BOTH) == {}
    assert victims(exporter("e1"), exporter("e2", online=False), spot("a", "e1"), BOTH) == {}
    mixed = gang("mixed", part("one", "imx8"), part("two", "rpi4"))
    assert victims(*TWO, spot("a", "e1"), spot("b", "e2"), mixed) == {}


def test_nobody_is_ended_for_a_lease_of_several_beyond_its_quota() -> None:
    rules = policy("p", rule("kernel", priority=9, maximum_exporters=1), rule("apps", priority=1, spot_access=True))
    assert victims(rules, *TWO, spot("a", "e1"), spot("b", "e2"), BOTH) == {}


def test_a_lease_of_several_is_ended_whole_for_one() -> None:
    assert victims(*TWO, spot("pair", "e1", exporters=("e1", "e2")), lease("new")) == {"pair": "new"}


def test_a_lease_of_several_is_ended_once_for_all_who_wait_for_what_it_has() -> None:
    waiting = [lease("first"), lease("second", created=NOON + minutes(1))]
    other = [exporter("e3"), spot("other", "e3")]
    pair = spot("pair", "e1", exporters=("e1", "e2"), noticed=True)
    assert victims(*TWO, *other, pair, *waiting) == {"pair": "first"}


def test_of_the_same_priority_one_of_fewer_exporters_is_ended_first() -> None:
    pair = spot("pair", "e1", -1, exporters=("e1", "e2"))
    assert victims(*TWO, exporter("e3"), pair, spot("single", "e3", -30), lease("new")) == {"single": "new"}


def test_a_lease_of_several_is_ended_for_another_of_several() -> None:
    assert victims(*TWO, spot("pair", "e1", exporters=("e1", "e2")), BOTH) == {"pair": "both"}


def test_by_the_least_of_its_rights_a_lease_of_several_ends_others() -> None:
    rpi = policy("q", rule("kernel", priority=0), exporters=board("rpi4"))
    imx = policy("p", rule("kernel", priority=9), rule("apps", priority=1, spot_access=True), exporters=board("imx8"))
    mixed = gang("mixed", part("one", "imx8"), part("two", "rpi4"))
    facts = [*PEOPLE, imx, exporter("e1"), exporter("e2", "rpi4"), spot("a", "e1"), mixed]
    for rules, expected in ((rpi, {}), (policy("q", rule("kernel", priority=5), exporters=board("rpi4")), {"a"})):
        lab = LabScheduler()
        lab.apply(Changes(NOON, [*facts, rules]))
        found = {uid for uid in decided(lab.of("lab")) if isinstance(lab.of("lab").decision(uid), Preempt)}
        assert found == {f"lease-{name}" for name in expected}


def test_what_is_free_is_kept_for_a_lease_of_several_while_the_rest_is_ended_for_it() -> None:
    told = spot("a", "e1", noticed=True)
    short = lease("short", client="ann", created=NOON)
    facts = [*PEOPLE, POLICY, *TWO, told, BOTH, short]
    lab = LabScheduler()
    lab.apply(Changes(NOON, facts))
    waits = lab.of("lab").decision("lease-short")
    assert isinstance(waits, Wait)
    assert waits.message.endswith("1 is reserved for a gang from 12:00 UTC")
    freed = exporter("e1", available=False, claim="lease-a", vacated=NOON)
    lab.apply(Changes(NOON, put=[freed], gone=[("lab", "lease-a")]))
    assert isinstance(lab.of("lab").decision("lease-short"), Wait)
    lab.apply(Changes(NOON, put=[exporter("e1")]))
    both = lab.of("lab").decision("lease-both")
    assert isinstance(both, Assign)
    assert {chosen.name for chosen in both.exporters} == {"e1", "e2"}


def test_nobody_is_ended_for_what_a_lease_of_several_would_take_that_stands_before_it() -> None:
    starving = gang("patient", part("one", "imx8"), part("two", "imx8"), client="ann", created=NOON - minutes(300))
    rpi = exporter("e3", "rpi4")
    assert victims(*TWO, rpi, spot("a", "e1"), starving, lease("new")) == {}
