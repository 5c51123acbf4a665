"""Who gets which exporter, and what the others are told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jumplab_operator.leasing.model.decisions import Assign, Chosen, Decision, Wait
from jumplab_operator.leasing.model.facts import Fact, PolicyFacts, Request
from jumplab_operator.leasing.scheduler.scheduler import Changes, LabScheduler
from tests.leasing.worlds import NOON, board, client, exporter, lease, minutes, policy, rule


def planned(*world: Fact) -> dict[str, Decision]:
    """The decisions by the lease's name."""
    decisions = LabScheduler().apply(Changes(NOON, world))
    return {uid.removeprefix("lease-"): decision for uid, decision in decisions.items()}


def wait_of(decision: Decision) -> Wait:
    assert isinstance(decision, Wait)
    return decision


def test_the_older_lease_goes_first() -> None:
    young = lease("young", created=NOON + minutes(1))
    decisions = planned(client(), exporter("a"), young, lease("old"))
    assert isinstance(decisions["old"], Assign)
    assert wait_of(decisions["young"]).reason == "NotAvailable"


def test_priority_goes_before_age() -> None:
    world = [client(), client("boss", "board"), exporter("a"), lease("old", created=NOON - minutes(9))]
    rules = policy("p", rule("kernel", priority=1), rule("board", priority=5))
    decisions = planned(*world, rules, lease("urgent", client="boss"))
    assert decisions["urgent"] == Assign((Chosen("exporter-a", "a", "1"),), 5, False, minutes(10))
    assert isinstance(decisions["old"], Wait)


def test_a_claim_that_was_left_unfinished_is_finished() -> None:
    claimed = exporter("b", claim="lease-l", available=False)
    decision = planned(client(), exporter("a"), claimed, lease("l"))["l"]
    assert isinstance(decision, Assign)
    assert decision.exporters[0].name == "b"
    returning = planned(client(), replace(claimed, busy=True), lease("l"))["l"]  # with the lease from before
    assert isinstance(returning, Wait)


def test_an_exporter_that_is_still_claimed_by_a_lease_that_is_gone_is_not_given_away() -> None:
    decision = wait_of(planned(client(), exporter("a", claim="lease-gone"), lease("l"))["l"])
    assert (decision.condition, decision.reason) == ("Pending", "NotReady")


def test_a_waiting_lease_is_told_who_holds_what_until_when() -> None:
    held = [
        lease(f"h{n}", client=who, exporters=(n,), end=NOON + minutes(m))
        for n, who, m in (("a", "ci", 125), ("b", "ann", 20))
    ]
    decision = wait_of(planned(client(), exporter("a"), exporter("b"), *held, lease("l"))["l"])
    assert decision.message == (
        "both exporters that match board=imx8 are leased, by ann until 12:20 UTC and by ci until 14:05 UTC"
    )


def test_a_mixed_reason_is_told_in_full() -> None:
    held = lease("h", exporters=("a",), end=NOON + minutes(5))
    decision = wait_of(planned(client(), exporter("a"), exporter("b", online=False), held, lease("l"))["l"])
    assert decision.message == (
        "of 2 exporters that match board=imx8, 1 is leased, by ci until 12:05 UTC; 1 is offline (b)"
    )


def test_a_lease_that_begins_later_waits_and_is_due_then() -> None:
    later = lease("l", begin=NOON + minutes(3))
    lab = LabScheduler()
    decisions = lab.apply(Changes(NOON, [client(), exporter("a"), later]))
    assert wait_of(decisions["lease-l"]).reason == "Scheduled"
    assert lab.due == NOON + minutes(3)
    decisions = lab.apply(Changes(NOON + minutes(3)))
    assert isinstance(decisions["lease-l"], Assign)


@pytest.mark.parametrize(
    ("world", "request_", "reason"),
    [
        ([client()], Request("ci", board("imx8")), "ExporterNotFound"),
        ([client()], Request("ci", exporter="a"), "ExporterNotFound"),
        ([client(), exporter("a", "rpi4")], Request("ci", board("imx8"), "a"), "SelectorMismatch"),
        ([client(), exporter("a", enabled=False)], Request("ci", exporter="a"), "ExporterDisabled"),
        ([client(), exporter("a", enabled=False)], Request("ci", board("imx8")), "AllDisabled"),
        ([exporter("a")], Request("ci", board("imx8")), "NoAccess"),
        ([client(), exporter("a"), policy("p", rule("apps"))], Request("ci", board("imx8")), "NoAccess"),
        ([client(), exporter("a"), PolicyFacts("lab", "p", None)], Request("ci", board("imx8")), "NoAccess"),
        (
            [client(), exporter("a"), policy("p", rule(maximum_duration=minutes(5)))],
            Request("ci", board("imx8"), duration=minutes(6)),
            "TooLong",
        ),
    ],
)
def test_what_no_exporter_can_serve_is_unsatisfiable_with_its_reason(
    world: list[Fact], request_: Request, reason: str
) -> None:
    decision = wait_of(planned(*world, replace(lease("l"), request=request_))["l"])
    assert (decision.condition, decision.reason) == ("Unsatisfiable", reason)


def test_a_patient_lease_waits_for_an_exporter_that_does_not_exist_yet() -> None:
    patient = replace(lease("l"), request=Request("ci", board("imx8"), patient=True))
    lab = LabScheduler()
    decisions = lab.apply(Changes(NOON, [client(), patient]))
    assert decisions["lease-l"] == Wait(
        "Pending",
        "ExporterNotFound",
        "there is no exporter that matches board=imx8; the lease waits until that changes",
    )
    decisions = lab.apply(Changes(NOON, [exporter("a")]))
    assert isinstance(decisions["lease-l"], Assign)


def test_no_patience_makes_a_lease_shorter() -> None:
    short = policy("p", rule(maximum_duration=minutes(5)))
    patient = replace(lease("l"), request=Request("ci", board("imx8"), duration=minutes(6), patient=True))
    decision = wait_of(planned(client(), exporter("a"), short, patient)["l"])
    assert (decision.condition, decision.reason) == ("Unsatisfiable", "TooLong")


def test_a_disabled_exporter_can_be_leased_by_name_where_that_is_asked_for() -> None:
    asked = replace(lease("l"), request=Request("ci", exporter="a", allow_disabled=True))
    assert isinstance(planned(client(), exporter("a", enabled=False), asked)["l"], Assign)


def test_a_default_duration_bends_to_the_policy() -> None:
    short = policy("p", rule(maximum_duration=minutes(5)))
    asked = replace(lease("l"), request=Request("ci", board("imx8")))
    decision = planned(client(), exporter("a"), short, asked)["l"]
    assert isinstance(decision, Assign)
    assert decision.duration == minutes(5)


def test_when_the_last_exporter_of_a_kind_goes_all_who_wait_for_it_are_told() -> None:
    waiting = [lease(f"l{n}") for n in range(30)]
    lab = LabScheduler()
    lab.apply(Changes(NOON, [client(), exporter("a", online=False), *waiting]))
    told = lab.apply(Changes(NOON, gone=[("lab", "exporter-a")]))
    assert {wait_of(decision).reason for decision in told.values()} == {"ExporterNotFound"}
    assert len(told) == 30
    told = lab.apply(Changes(NOON, [exporter("a", online=False)]))
    assert {wait_of(decision).reason for decision in told.values()} == {"Offline"}
    assert len(told) == 30


def test_of_a_long_queue_only_the_first_are_told_of_each_change() -> None:
    held = lease("h", exporters=("a",), end=NOON + minutes(5))
    waiting = [lease(f"l{n:02}") for n in range(30)]
    lab = LabScheduler()
    told = lab.apply(Changes(NOON, [client(), exporter("a", claim="lease-h"), held, *waiting]))
    assert len(told) == 30
    told = lab.apply(Changes(NOON, [replace(held, end=NOON + minutes(9))]))
    assert set(told) == {f"lease-l{n:02}" for n in range(10)}


def test_a_kind_that_was_asked_for_once_is_remembered_as_it_is_now_and_of_many_kinds_the_latest() -> None:
    kinds = [f"kind-{number}" for number in range(100)]
    lab = LabScheduler()
    lab.apply(Changes(NOON, [client(), *(exporter(kind, kind) for kind in kinds)]))
    pools = lab.of("lab").index.pools.pools
    for kind in kinds:
        decisions = lab.apply(Changes(NOON, [lease(kind, kind)]))
        assert isinstance(decisions[f"lease-{kind}"], Assign)
        lab.apply(Changes(NOON, gone=[("lab", f"lease-{kind}")]))
    assert 0 < len(pools) < len(kinds)
    latest = next(pool for pool in pools.values() if pool.request.selector == board(kinds[-1]))
    lab.apply(Changes(NOON, [exporter(kinds[-1], kinds[-1], online=False)]))
    decisions = lab.apply(Changes(NOON, [lease("again", kinds[-1])]))
    assert latest in pools.values()
    assert "is offline (kind-99)" in wait_of(decisions["lease-again"]).message
