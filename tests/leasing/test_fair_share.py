"""Who goes first among clients: by what they have used, by weight; and nobody starves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from jumplab_operator.leasing.cache import namespace_index
from jumplab_operator.leasing.model.decisions import Assign
from jumplab_operator.leasing.model.facts import Fact, Share
from jumplab_operator.leasing.model.ids import ClientName
from jumplab_operator.leasing.model.ranking import PATIENCE
from jumplab_operator.leasing.model.usage import Usage, hour_of
from jumplab_operator.leasing.scheduler.scheduler import Changes, LabScheduler
from tests.leasing.worlds import NOON, client, exporter, lease, minutes, policy, rule, usage

OLD, NEW = NOON - minutes(9), NOON - minutes(1)
BOTH = (client("ci"), client("ann"))


def served(*world: Fact) -> set[str]:
    """The names of the leases that get an exporter."""
    decisions = LabScheduler().apply(Changes(NOON, world))
    return {uid.removeprefix("lease-") for uid, decision in decisions.items() if isinstance(decision, Assign)}


def test_who_has_used_less_goes_first() -> None:
    used = usage("before", "ci", NOON - minutes(90), NOON - minutes(30))
    world = [*BOTH, exporter("a"), lease("old", client="ci", created=OLD), lease("new", client="ann", created=NEW)]
    assert served(*world) == {"old"}
    assert served(*world, used) == {"new"}


def test_what_was_used_before_the_window_is_forgotten() -> None:
    long_ago = usage("before", "ci", NOON - timedelta(hours=30), NOON - timedelta(hours=25))
    world = [*BOTH, exporter("a"), lease("old", client="ci", created=OLD), lease("new", client="ann", created=NEW)]
    assert served(*world, long_ago) == {"old"}


def test_a_running_lease_counts_with_all_that_it_was_promised() -> None:
    running = lease("r", "rpi4", client="ci", exporters=("b",), began=NOON - minutes(1), end=NOON + minutes(99))
    past = usage("before", "ann", NOON - minutes(60), NOON)
    world = [*BOTH, exporter("a"), exporter("b", "rpi4", claim="lease-r"), running, past]
    world += [lease("old", client="ci", created=OLD), lease("new", client="ann", created=NEW)]
    assert served(*world) == {"new"}


def test_time_that_was_used_before_a_transfer_stays_the_givers() -> None:
    given = NOON - minutes(20)
    ended = replace(usage("over", "ann", NOON - minutes(50), NOON - minutes(10)), earlier=(Share("ci", given),))
    running = lease("r", client="ann", exporters=("b", "c"), began=NOON - minutes(30), end=NOON)
    used = Usage()
    for fact in (ended, replace(running, earlier=(Share("ci", given),))):
        used.add(fact)
    hour = hour_of(NOON)
    assert used.seconds("ci", hour) == (30 + 2 * 10) * 60
    assert used.seconds("ann", hour) == (10 + 2 * 20) * 60
    for fact in (ended, replace(running, earlier=(Share("ci", given),))):
        used.add(fact, -1)
    assert (used.seconds("ci", hour), used.seconds("ann", hour)) == (0, 0)


def test_a_client_of_twice_the_weight_may_use_twice_as_much() -> None:
    rules = policy("p", rule("kernel", weight=2), rule("apps", weight=1))
    used = [
        usage("one", "ci", NOON - minutes(90), NOON - minutes(30)),
        usage("two", "ann", NOON - minutes(90), NOON - minutes(50)),
    ]
    asked = [lease("ci", client="ci", created=NEW), lease("ann", client="ann", created=OLD)]
    world = [client("ci", "kernel"), client("ann", "apps"), exporter("a"), rules, *used, *asked]
    assert served(*world) == {"ci"}


def test_a_burst_is_shared_though_one_client_asked_first() -> None:
    flood = [lease(f"f{n}", client="ci", created=OLD) for n in range(10)]
    few = [lease(f"g{n}", client="ann", created=NEW) for n in range(2)]
    got = served(*BOTH, *[exporter(name) for name in "abcd"], *flood, *few)
    assert len(got & {"g0", "g1"}) == 2
    assert len(got) == 4


def test_priority_goes_before_share_until_a_lease_has_waited_long_enough() -> None:
    rules = policy("p", rule("kernel", priority=5), rule("apps", priority=1))
    world = [client("ci", "kernel"), client("ann", "apps"), exporter("a"), rules, lease("urgent", client="ci")]
    assert served(*world, lease("meek", client="ann", created=NOON - PATIENCE + minutes(1))) == {"urgent"}
    assert served(*world, lease("meek", client="ann", created=NOON - PATIENCE)) == {"meek"}


def test_the_time_before_its_begin_does_not_age_a_lease() -> None:
    rules = policy("p", rule("kernel", priority=5), rule("apps", priority=1))
    booked = lease("booked", client="ann", created=NOON - 2 * PATIENCE, begin=NOON)
    world = [client("ci", "kernel"), client("ann", "apps"), exporter("a"), rules, lease("urgent", client="ci"), booked]
    assert served(*world) == {"urgent"}


def test_leases_for_other_exporters_are_not_in_the_way() -> None:
    blocked = [lease(f"b{n}", "rpi4", created=OLD) for n in range(20)]
    assert served(*BOTH, exporter("a"), *blocked, lease("mine", created=NEW)) == {"mine"}


@pytest.mark.parametrize("length", [minutes(5), minutes(50), timedelta(days=3), timedelta(days=400)])
def test_what_is_taken_out_again_leaves_nothing(length: timedelta) -> None:
    known = Usage()
    kept, passing = usage("k", "ci", NOON - minutes(30), NOON), usage("p", "ci", NOON - length, NOON)
    known.add(kept)
    known.add(passing)
    assert known.seconds("ci", hour_of(NOON)) == 1800 + min(length, timedelta(hours=23)).total_seconds()
    known.add(passing, -1)
    assert known.seconds("ci", hour_of(NOON)) == 1800


def test_of_many_past_leases_the_sum_stays_and_the_oldest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespace_index, "MOST_PAST_LEASES", 3)
    index, hour = namespace_index.NamespaceIndex(), hour_of(NOON)
    past = [
        usage(str(number), "ci", NOON + timedelta(minutes=number), NOON + timedelta(minutes=number + 1))
        for number in range(10)
    ]
    for fact in past:
        index.put(fact, NOON)
    assert [fact.uid for fact in index.facts.values()] == ["lease-7", "lease-8", "lease-9"]
    assert index.usage.seconds(ClientName("ci"), hour) == 600

    # An exporter's history tells of its leases again, and then of one less.
    for fact in past:
        index.put(fact, NOON)
    assert index.usage.seconds(ClientName("ci"), hour) == 600
    index.drop("lease-0", NOON)
    assert index.usage.seconds(ClientName("ci"), hour) == 600
    index.drop("lease-9", NOON)
    assert index.usage.seconds(ClientName("ci"), hour) == 540
