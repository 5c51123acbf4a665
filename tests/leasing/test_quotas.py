"""How much a client may hold at once."""

from __future__ import annotations

from dataclasses import replace

from jumplab_operator.leasing.model.decisions import Assign, Decision, Wait
from jumplab_operator.leasing.model.facts import Fact, Request
from jumplab_operator.leasing.scheduler.scheduler import Changes, LabScheduler
from tests.leasing.worlds import NOON, board, client, exporter, lease, minutes, policy, rule

HELD = lease("held", exporters=("a",), began=NOON, end=NOON + minutes(9))
TAKEN = exporter("a", claim="lease-held")


def planned(*world: Fact) -> dict[str, Decision]:
    decisions = LabScheduler().apply(Changes(NOON, [client(), client("ann"), *world]))
    return {uid.removeprefix("lease-"): decision for uid, decision in decisions.items()}


def served(*world: Fact) -> set[str]:
    return {name for name, decision in planned(*world).items() if isinstance(decision, Assign)}


def test_a_lease_over_its_quota_waits_and_says_so() -> None:
    decision = planned(TAKEN, HELD, exporter("b"), policy("p", rule(maximum_leases=1)), lease("l"))["l"]
    assert decision == Wait(
        "Pending",
        "OverQuota",
        'the access policies permit client "ci" 1 lease of this kind at once, and it holds 1; it waits until one is '
        "released",
    )


def test_what_one_plan_gives_counts_for_the_quota() -> None:
    asked = [lease(name, created=NOON - minutes(age)) for age, name in enumerate("wxyz")]
    free = [exporter(name) for name in "bcd"]
    assert served(*free, policy("p", rule(maximum_exporters=2)), *asked) == {"z", "y"}


def test_a_quota_is_each_clients_own() -> None:
    mine = lease("mine", client="ann")
    assert served(TAKEN, HELD, exporter("b"), policy("p", rule(maximum_leases=1)), lease("l"), mine) == {"mine"}


def test_exporters_that_the_policy_is_not_for_do_not_count() -> None:
    rules = [policy("p", rule(maximum_leases=1), exporters=board("rpi4")), policy("q", rule(), exporters=board("imx8"))]
    assert served(TAKEN, HELD, exporter("b", "rpi4"), *rules, lease("l", "rpi4")) == {"l"}


def test_what_another_policy_permits_is_taken_where_one_is_exhausted() -> None:
    rules = [
        policy("p", rule(maximum_leases=1, priority=5), exporters=board("imx8")),
        policy("q", rule(), exporters=board("rpi4")),
    ]
    anything = replace(lease("l"), request=Request("ci", None, duration=minutes(10)))
    decision = planned(TAKEN, HELD, exporter("b"), exporter("c", "rpi4"), *rules, anything)["l"]
    assert isinstance(decision, Assign)
    assert decision.exporters[0].name == "c"


def test_the_next_is_served_when_one_is_released() -> None:
    world = [client(), TAKEN, HELD, exporter("b"), policy("p", rule(maximum_leases=1)), lease("l")]
    lab = LabScheduler()
    decisions = lab.apply(Changes(NOON, world))
    assert isinstance(decisions["lease-l"], Wait)
    decisions = lab.apply(Changes(NOON, gone=[("lab", "lease-held")]))
    assert isinstance(decisions["lease-l"], Assign)


def test_ten_thousand_leases_of_one_client_are_in_nobodys_way() -> None:
    flood = [lease(f"f{n}", created=NOON - minutes(9)) for n in range(10_000)]
    world = [*(exporter(f"e{n}") for n in range(5)), policy("p", rule(maximum_leases=2)), *flood]
    got = served(*world, lease("mine", client="ann"))
    assert "mine" in got
    assert len(got) == 3


def test_a_lease_that_an_exporter_is_claimed_for_comes_before_an_older_one_of_its_client() -> None:
    older = lease("older", created=NOON - minutes(5))
    claimed = exporter("a", claim="lease-younger")
    assert served(claimed, exporter("b"), policy("p", rule(maximum_leases=1)), older, lease("younger")) == {"younger"}
