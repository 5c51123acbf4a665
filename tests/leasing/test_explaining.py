"""Each exporter that was considered for a lease, and why the lease has not got it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from jumplab_operator.leasing.explain.explain import Considered
from jumplab_operator.leasing.model.facts import ExporterFacts, Fact, LeaseFacts, Request
from jumplab_operator.leasing.scheduler.scheduler import Changes, LabScheduler
from jumplab_operator.resources import Exporter, LabelSelector, Requirement
from tests.leasing.worlds import NOON, board, client, exporter, gang, lease, minutes, part, policy, rule


def explained(asked: LeaseFacts, *world: Fact, resource: Exporter | None = None) -> list[Considered]:
    lab = LabScheduler()
    lab.apply(Changes(NOON, [client(), client("ann", "apps"), asked, *world]))
    return lab.of("lab").explain(asked.uid, lambda _: resource)


def one(asked: LeaseFacts, *world: Fact, resource: Exporter | None = None) -> tuple[str, str]:
    """What is said of exporter a."""
    [found] = [each for each in explained(asked, *world, resource=resource) if each.exporter == "a"]
    return found.reason, found.message


LATER = lease("l", begin=NOON + minutes(60))
HELD = lease("h", client="ann", exporters=("a",), end=NOON + minutes(5))


def seen(**status: object) -> Exporter:
    return Exporter.from_plain({"metadata": {"name": "a"}, "status": status})


@pytest.mark.parametrize(
    ("found", "world", "reason", "words"),
    [
        (exporter("a", "rpi4"), [], "SelectorMismatch", "its board is rpi4, not imx8"),
        (exporter("a", labels={}), [], "SelectorMismatch", "it has no label board"),
        (exporter("a", enabled=False), [], "Disabled", "it is disabled"),
        (
            exporter("a"),
            [policy("p", rule("apps"))],
            "NoAccess",
            'no access policy permits client "ci" to lease exporter "a"',
        ),
        (
            exporter("a"),
            [policy("p", rule(maximum_duration=minutes(5)))],
            "TooLong",
            'the access policies permit client "ci" at most 5m',
        ),
        (exporter("a", online=False), [], "Offline", "it is offline"),
        (exporter("a"), [HELD], "Leased", "it is leased by ann until 12:05 UTC"),
        (
            exporter("a"),
            [replace(HELD, moves=True)],
            "Leased",
            "it is leased by ann until 12:05 UTC (extended while it is used)",
        ),
        (
            exporter("a"),
            [replace(HELD, moves=True, latest_end=NOON + minutes(90))],
            "Leased",
            "it is leased by ann until 12:05 UTC (extended while it is used, 13:30 UTC at the latest)",
        ),
        (exporter("a", claim="lease-gone"), [], "CleaningUp", "it cleans up after its last lease"),
        (exporter("a", available=False), [], "NotReady", "it is connected, and has not reported yet that it is ready"),
        (exporter("a"), [], "Assigned", "it is free, and is being assigned to this lease"),
        (
            exporter("a"),
            [lease("first", client="ann", created=NOON - minutes(1))],
            "Leased",
            "it is being assigned to a lease of ann",
        ),
        (
            exporter("a"),
            [lease("kept", client="ann", begin=NOON + minutes(5))],
            "Reserved",
            "it is reserved for a lease of ann from 12:05 UTC",
        ),
        (
            exporter("a"),
            [policy("p", rule(maximum_leases=0))],
            "OverQuota",
            'the access policies permit client "ci" 0 leases of this kind at once, and it holds 0',
        ),
    ],
)
def test_an_exporter_is_named_with_what_keeps_it_from_the_lease(
    found: ExporterFacts, world: list[Fact], reason: str, words: str
) -> None:
    assert one(lease("l"), found, *world) == (reason, words)


def test_what_is_offline_or_quarantined_tells_since_when() -> None:
    away = seen(lastSeen="2026-08-01T11:00:00Z")
    assert one(lease("l"), exporter("a", online=False), resource=away)[1] == "it is offline since 11:00 UTC"
    ill = seen(quarantine={"since": "2026-08-01T11:00:00Z", "reason": "its console is dead"})
    assert one(lease("l"), exporter("a", available=False), resource=ill) == (
        "Quarantined",
        "it is quarantined since 11:00 UTC: its console is dead",
    )


def test_a_lease_whose_client_does_not_exist_and_one_that_an_exporter_failed_are_told_so() -> None:
    stranger = replace(lease("l"), request=Request("nobody", board("imx8")))
    assert one(stranger, exporter("a")) == ("NoAccess", 'client "nobody" does not exist')
    failed = lease("l", avoid=frozenset({"exporter-a"}))
    assert one(failed, exporter("a"))[0] == "NotConfirmed"


def test_what_matches_comes_first_and_a_set_of_values_is_told_as_it_was_asked_for() -> None:
    asked = LabelSelector(match_expressions=[Requirement(key="board", operator="In", values=["imx8", "x"])])
    found = explained(replace(LATER, request=Request("ci", asked)), exporter("a", "rpi4"), exporter("b"))
    assert [(each.exporter, each.matches, each.message) for each in found] == [
        ("b", True, "it is free"),
        ("a", False, "it is not board in (imx8,x)"),
    ]


def test_a_lease_that_names_its_exporter_was_offered_no_other() -> None:
    pinned = replace(lease("l"), request=Request("ci", exporter="a"))
    assert [each.exporter for each in explained(pinned, exporter("a"), exporter("b"))] == ["a"]


def test_a_gang_is_told_of_each_of_its_parts() -> None:
    both = gang("l", part("dut", "imx8"), part("peer", exporter="b"), created=NOON + minutes(1))
    found = explained(both, exporter("a"), exporter("b", "rpi4", online=False))
    assert [(each.asked_for, each.exporter, each.matches, each.reason) for each in found] == [
        ("board=imx8", "a", True, "Free"),
        ("board=imx8", "b", False, "SelectorMismatch"),
        ('exporter "b"', "b", True, "Offline"),
    ]
    assert found[0].message == "it is free; the lease is a gang and waits for its other exporters"


def test_of_a_lease_that_has_its_exporter_there_is_nothing_to_explain() -> None:
    lab = LabScheduler()
    lab.apply(Changes(NOON, [client("ann"), exporter("a"), HELD]))
    assert lab.of("lab").explain(HELD.uid, lambda _: None) == []
    assert lab.of("lab").position_of(HELD.uid, NOON) is None


def test_everybody_may_ask_for_a_place_however_far_behind() -> None:
    waiting = [lease(f"w{n:04}", created=NOON + timedelta(seconds=n)) for n in range(1500)]
    lab = LabScheduler()
    lab.apply(Changes(NOON, [client(), exporter("a"), HELD, client("ann"), *waiting]))
    last = lab.of("lab").position_of("lease-w1499", NOON)
    assert last is not None
    assert (last.position, last.expected_begin) == (1500, None)
    middle = lab.of("lab").position_of("lease-w0500", NOON)
    assert middle is not None
    assert middle.expected_begin == NOON + minutes(5 + 10 * 500)


def test_who_waits_is_found_by_the_labels_of_what_they_wait_for() -> None:
    pinned = replace(lease("p", created=NOON - minutes(1)), request=Request("ci", exporter="a"))
    world = [client(), exporter("a"), exporter("b", "rpi4"), HELD, lease("i"), lease("r", "rpi4"), pinned]
    held = lease("h2", exporters=("b",), end=NOON + minutes(5))
    lab = LabScheduler()
    lab.apply(Changes(NOON, [*world, held]))
    for selector, names in ((board("imx8"), "pi"), (board("rpi4"), "r"), (LabelSelector(), "pir")):
        asked = lab.of("lab").queues_for(selector)
        assert asked == [lab.of("lab").queue_of(f"lease-{name}") for name in names]


def test_of_an_exporter_whose_holder_gives_way_it_is_told_for_whom() -> None:
    rules = policy("p", rule("kernel", priority=9), rule("apps", spot_access=True))
    held = replace(HELD, spot=True)
    leased = "it is leased by ann until 12:05 UTC; that lease will be preempted by"
    first, second = lease("l"), lease("m", client="ann", created=NOON + minutes(1))
    assert one(first, second, exporter("a"), rules, held)[1] == f"{leased} this lease, which has a higher priority"
    assert one(second, first, exporter("a"), rules, held)[1] == f"{leased} a lease of ci, which has a higher priority"
    several = gang("g", part("one", "imx8"))
    assert one(several, exporter("a"), rules, held)[1] == f"{leased} this lease, which has a higher priority"
