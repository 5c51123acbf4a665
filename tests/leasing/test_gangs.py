"""Leases of several exporters: all at one time or none, each part with another, and nobody passed by for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from jumplab_operator.leasing.model.decisions import Assign, Decision, Wait
from jumplab_operator.leasing.model.facts import ExporterFacts, Fact, LeaseFacts, Request
from jumplab_operator.leasing.model.ranking import PATIENCE
from jumplab_operator.leasing.scheduler.scheduler import Changes, LabScheduler
from tests.leasing.worlds import NOON, board, client, exporter, gang, lease, minutes, part, policy, rule

A, B, C = exporter("a"), exporter("b"), exporter("c", "rpi4")
PAIR = (part("dut", "imx8"), part("peer", "rpi4"))
TWO = (part("one", "imx8"), part("two", "imx8"))
LATER = NOON + minutes(1)


def planned(*world: Fact, now: datetime = NOON) -> dict[str, Decision]:
    decisions = LabScheduler().apply(Changes(now, [client(), client("ann", "apps"), *world]))
    return {uid.removeprefix("lease-"): decision for uid, decision in decisions.items()}


def names(decision: Decision) -> list[str]:
    assert isinstance(decision, Assign), decision
    return [chosen.name for chosen in decision.exporters]


def told(decision: Decision) -> tuple[str, str, str]:
    assert isinstance(decision, Wait), decision
    return decision.condition, decision.reason, decision.message


def held(exporter: ExporterFacts, until: int, holder: str = "h") -> tuple[ExporterFacts, LeaseFacts]:
    """An exporter that a lease has for so many minutes from noon."""
    running = lease(holder, client="ann", exporters=(exporter.name,), began=NOON, end=NOON + minutes(until))
    return replace(exporter, claim=running.uid), running


def asking(name: str, length: int, **changes: object) -> LeaseFacts:
    return lease(name, request=Request("ci", board("imx8"), duration=minutes(length)), created=LATER, **changes)


def test_each_part_gets_what_it_asked_for() -> None:
    assert names(planned(A, B, C, gang("g", *PAIR))["g"]) == ["a", "c"]
    assert names(planned(A, B, C, gang("g", *TWO))["g"]) == ["a", "b"]


def test_a_part_that_could_have_anything_leaves_to_the_others_what_only_they_can_use() -> None:
    parts = (part("any", "imx8"), part("pinned", exporter="a"), part("both", "imx8"))
    world = [A, B, exporter("d")]
    assert set(names(planned(*world, gang("g", *parts))["g"])) == {"a", "b", "d"}
    assert names(planned(*world, gang("g", *parts))["g"])[1] == "a"


def test_one_part_that_has_nothing_keeps_all_from_having_anything() -> None:
    busy, running = held(C, 20)
    decisions = planned(A, busy, running, gang("g", *PAIR))
    assert told(decisions["g"]) == (
        "Pending",
        "NotAvailable",
        'a gang gets its 2 exporters all at once; "peer": the one exporter that matches board=rpi4 is leased, by ann '
        'until 12:20 UTC; exporters "a" and "c" are reserved for it from 12:20 UTC',
    )


def test_what_a_gang_waits_for_is_used_by_others_who_are_back_in_time() -> None:
    busy, running = held(C, 20)
    world = [A, busy, running, gang("g", *PAIR)]
    assert names(planned(*world, asking("short", 19))["short"]) == ["a"]
    assert told(planned(*world, asking("long", 20))["long"]) == (
        "Pending",
        "NotAvailable",
        "the one exporter that matches board=imx8 is reserved for a gang from 12:20 UTC",
    )


def test_a_stream_of_small_leases_does_not_starve_a_gang() -> None:
    """One board comes free each minute, in turn, and there is always somebody who would have it at once."""
    lab, now = LabScheduler(), NOON
    boards = {"a": NOON + minutes(1), "b": NOON + minutes(2)}
    holders = {name: f"first-{name}" for name in boards}
    world: dict[str, Fact] = {fact.uid: fact for fact in (client(), client("ann", "apps"), gang("g", *TWO))}
    for minute in range(10):
        now = NOON + minutes(minute)
        for name, end in boards.items():
            running = lease(holders[name], client="ann", exporters=(name,), began=end - minutes(2), end=end)
            gone = end <= now
            world[f"exporter-{name}"] = exporter(name, claim=None if gone else running.uid)
            world.pop(running.uid, None)
            if not gone:
                world[running.uid] = running
        small = lease(f"small-{minute}", client="ci", request=Request("ci", board("imx8"), duration=minutes(2)))
        small = replace(small, created=now)
        world[small.uid] = small
        lab = LabScheduler()
        lab.apply(Changes(now, list(world.values())))
        decision = lab.of("lab").decision("lease-g")
        if isinstance(decision, Assign):
            assert minute == 2
            return
        got = lab.of("lab").decision(small.uid)
        if isinstance(got, Assign):
            [chosen] = got.exporters
            boards[chosen.name], holders[chosen.name] = now + minutes(2), small.name
            del world[small.uid]
    raise AssertionError("the gang was passed by")


def test_what_is_kept_is_what_is_busy_anyway_where_there_is_a_choice() -> None:
    busy_b, for_b = held(B, 20, "hb")
    busy_c, for_c = held(C, 20, "hc")
    decisions = planned(A, busy_b, for_b, busy_c, for_c, gang("g", *PAIR), asking("long", 60))
    assert names(decisions["long"]) == ["a"]


def test_two_gangs_that_want_the_same_are_served_one_after_the_other() -> None:
    decisions = planned(A, B, gang("x", *TWO), gang("y", *reversed(TWO), client="ann", created=LATER))
    assert names(decisions["x"]) == ["a", "b"]
    assert told(decisions["y"])[1] == "NotAvailable"


def test_a_lease_of_higher_rank_takes_what_is_kept_for_a_gang() -> None:
    busy, running = held(C, 20)
    starving = asking("old", 60)
    starving = replace(starving, created=NOON - PATIENCE)
    assert names(planned(A, busy, running, gang("g", *PAIR), starving)["old"]) == ["a"]


def test_nothing_is_kept_for_a_gang_whose_time_can_not_be_said() -> None:
    away = replace(C, online=False)
    assert names(planned(A, away, gang("g", *PAIR), asking("long", 60))["long"]) == ["a"]
    assert told(planned(A, away, gang("g", *PAIR))["g"])[1:] == (
        "Offline",
        'a gang gets its 2 exporters all at once; "peer": the one exporter that matches board=rpi4 is offline (c)',
    )


def test_what_is_kept_is_freed_when_the_gang_goes() -> None:
    busy, running = held(C, 20)
    world = [client(), A, busy, running, gang("g", *PAIR), asking("long", 60)]
    lab = LabScheduler()
    lab.apply(Changes(NOON, world))
    decisions = lab.apply(Changes(NOON, gone=[("lab", "lease-g")]))
    assert names(decisions["lease-long"]) == ["a"]


@pytest.mark.parametrize(
    ("world", "message"),
    [
        ([A], '"peer": there is no exporter that matches board=rpi4'),
        ([A, C, policy("p", rule(), exporters=board("imx8"))], '"peer": no access policy permits client "ci"'),
        ([A, replace(C, enabled=False)], '"peer": every exporter that matches board=rpi4 is disabled (c)'),
    ],
)
def test_a_gang_is_told_which_part_can_not_be_had(world: list[Fact], message: str) -> None:
    condition, _, sentence = told(planned(*world, gang("g", *PAIR))["g"])
    assert condition == "Unsatisfiable"
    assert sentence.startswith(message)


def test_a_gang_that_asks_for_more_different_exporters_than_there_are_is_unsatisfiable_until_there_are() -> None:
    lab = LabScheduler()
    decisions = lab.apply(Changes(NOON, [client(), A, gang("g", *TWO)]))
    assert told(decisions["lease-g"]) == (
        "Unsatisfiable",
        "ExporterNotFound",
        'it asks for 2 different exporters; only exporter "a" matches',
    )
    decisions = lab.apply(Changes(NOON, [B]))
    assert names(decisions["lease-g"]) == ["a", "b"]


def test_a_gang_that_no_policy_permits_for_so_long_is_too_long() -> None:
    rules = policy("p", rule(maximum_duration=minutes(5)), exporters=board("rpi4"))
    free_for_all = policy("q", rule(), exporters=board("imx8"))
    assert told(planned(A, C, rules, free_for_all, gang("g", *PAIR))["g"])[:2] == ("Unsatisfiable", "TooLong")


def test_the_least_of_its_rights_ranks_a_gang() -> None:
    rules = [policy("p", rule(priority=5), exporters=board("imx8")), policy("q", rule(), exporters=board("rpi4"))]
    decision = planned(A, C, *rules, gang("g", *PAIR))["g"]
    assert isinstance(decision, Assign)
    assert decision.priority == 0


def test_a_gang_counts_as_one_lease_and_as_all_of_its_exporters() -> None:
    one_lease = policy("p", rule(maximum_leases=1))
    assert names(planned(A, B, one_lease, gang("g", *TWO))["g"]) == ["a", "b"]
    busy, running = held(C, 20)
    mine = replace(running, request=replace(running.request, client="ci"))
    two_exporters = policy("p", rule(maximum_exporters=2))
    assert told(planned(A, B, busy, mine, two_exporters, gang("g", *TWO))["g"]) == (
        "Pending",
        "OverQuota",
        'the access policies permit client "ci" 2 exporters of this kind at once, and it holds 1 and asks for 2 more; '
        "it waits until enough are released",
    )


def test_a_gang_that_is_larger_than_its_quota_is_told_that_waiting_does_not_help() -> None:
    decision = planned(A, B, policy("p", rule(maximum_exporters=1)), gang("g", *TWO))["g"]
    assert told(decision)[:2] == ("Unsatisfiable", "OverQuota")


def test_a_quota_of_one_kind_is_kept_by_taking_another_where_a_part_may() -> None:
    rules = [policy("p", rule(priority=1, maximum_exporters=1), exporters=board("imx8")), policy("q", rule())]
    parts = (part("one", "imx8"), Request("", exporter=None, selector=None, name="two"))
    assert names(planned(A, B, C, *rules, gang("g", *parts))["g"]) == ["a", "c"]


def test_a_gang_is_charged_to_its_client_for_each_exporter() -> None:
    asked = [gang("g", *TWO, created=NOON - minutes(3)), lease("mine", created=NOON - minutes(2))]
    others = [lease("hers", client="ann", created=NOON)]
    decisions = planned(A, B, exporter("d"), *asked, *others)
    assert names(decisions["g"]) == ["a", "b"]
    assert names(decisions["hers"]) == ["d"]
    assert isinstance(decisions["mine"], Wait)


def test_a_gang_that_begins_later_has_a_slot_on_each_of_its_exporters() -> None:
    later = gang("g", *PAIR, begin=NOON + minutes(30))
    decision = planned(A, C, later)["g"]
    assert isinstance(decision, Wait)
    assert decision.reserved == ("a", "c")
    assert decision.message == ('begins at 12:30 UTC; exporters "a" and "c" are reserved for it until 12:40 UTC')
    assert told(planned(A, C, later, asking("long", 60))["long"])[1] == "NotAvailable"
    begun = replace(later, begin=NOON, reserved=("a", "c"))
    assert names(planned(A, C, begun, asking("long", 60))["g"]) == ["a", "c"]


def test_a_claim_that_was_left_is_finished_with_the_others_once_its_exporter_is_clean() -> None:
    claimed = replace(A, claim="lease-g")
    assert names(planned(claimed, C, gang("g", *PAIR))["g"]) == ["a", "c"]
    cleaning = replace(claimed, available=False)
    decisions = planned(cleaning, C, gang("g", *PAIR), lease("l", "rpi4", created=LATER))
    assert told(decisions["g"])[1] == "NotReady"
    assert isinstance(decisions["l"], Wait)


def test_an_exporter_that_failed_to_confirm_is_not_offered_again() -> None:
    decision = planned(A, B, C, gang("g", *PAIR, avoid=frozenset({"exporter-a"})))["g"]
    assert names(decision) == ["b", "c"]
