"""Where waiting leases stand, when their turn is expected, and what they are told of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from jumplab_operator.leasing.explain.queue_position import QueuePosition
from jumplab_operator.leasing.model.decisions import Wait
from jumplab_operator.leasing.model.facts import Fact, LeaseFacts, Request
from jumplab_operator.leasing.scheduler.scheduler import Changes, LabScheduler
from tests.leasing.worlds import NOON, board, client, decided, exporter, lease, minutes, policy, rule


def standing(*world: Fact, now: datetime = NOON, most: int = 10, reach: int = 256) -> dict[str, QueuePosition]:
    """The places by the lease's name."""
    lab = LabScheduler()
    lab.apply(Changes(now, world))
    found = {needed for uid in decided(lab.of("lab")) if (needed := lab.of("lab").queue_of(uid)) is not None}
    return {
        uid.removeprefix("lease-"): place
        for needed in found
        for uid, place in lab.of("lab").positions(needed, now, most, reach).items()
    }


def held(name: str, until: int | None, who: str = "ci") -> LeaseFacts:
    """A lease that runs on the exporter of that name."""
    end = NOON + minutes(until) if until is not None else None
    return lease(f"on-{name}", client=who, exporters=(name,), began=NOON - minutes(1) if end else None, end=end)


def expected(place: QueuePosition) -> int | None:
    """In minutes from noon."""
    return None if place.expected_begin is None else int((place.expected_begin - NOON).total_seconds()) // 60


def waiting(count: int, **changes: object) -> list[LeaseFacts]:
    return [lease(f"w{n}", created=NOON + timedelta(seconds=n), **changes) for n in range(count)]


def test_a_place_says_who_goes_first_what_is_in_the_way_and_for_how_long() -> None:
    world = [client(), exporter("a"), exporter("b"), held("a", 125), held("b", 130, "ann"), *waiting(3)]
    places = standing(*world)
    assert places["w2"] == QueuePosition(
        3,
        NOON + minutes(135),
        "3rd in the queue for 2 exporters matching board=imx8; both leased, the first until 14:05 UTC by ci",
    )
    assert {name: (place.position, expected(place)) for name, place in places.items()} == {
        "w0": (1, 125),
        "w1": (2, 130),
        "w2": (3, 135),
    }


def test_the_one_exporter_that_is_asked_for_by_name_is_told_by_name() -> None:
    pinned = replace(lease("w"), request=Request("ci", exporter="a", duration=minutes(10)))
    assert standing(client(), exporter("a"), held("a", 5), pinned)["w"].message == (
        '1st in the queue for exporter "a"; leased until 12:05 UTC by ci'
    )


def test_what_is_in_different_states_is_counted() -> None:
    world = [exporter("a"), exporter("b", online=False), exporter("c", available=False), held("a", 5)]
    place = standing(client(), *world, lease("w"))["w"]
    assert place.message == (
        "1st in the queue for 3 exporters matching board=imx8; 1 leased until 12:05 UTC by ci; 1 not ready; 1 offline"
    )
    assert expected(place) == 1


def test_when_nothing_has_a_known_end_there_is_no_estimate_and_the_sentence_says_so() -> None:
    place = standing(client(), exporter("a", online=False), lease("w"))["w"]
    assert place.expected_begin is None
    assert place.message == (
        "1st in the queue for the one exporter matching board=imx8; offline; its expected begin is unknown"
    )


def test_an_end_that_moves_on_while_the_lease_is_used_is_told_as_such() -> None:
    busy = replace(held("a", 5), moves=True)
    place = standing(client(), exporter("a"), busy, lease("w"))["w"]
    assert expected(place) == 5
    assert place.message == (
        "1st in the queue for the one exporter matching board=imx8; "
        "leased until 12:05 UTC (extended while it is used) by ci; expected to begin at 12:05 UTC or later, "
        "since leases before it are extended while they are used"
    )


def test_leases_that_may_be_extended_up_to_a_limit_give_those_behind_them_a_range() -> None:
    busy = replace(held("a", 5), moves=True, latest_end=NOON + minutes(60), max_duration=minutes(61))
    first = lease("w0", moves=True, max_duration=minutes(30))
    places = standing(client(), exporter("a"), busy, first, lease("w1", created=NOON + timedelta(seconds=1)))
    assert (expected(places["w0"]), places["w0"].latest_begin) == (5, NOON + minutes(60))
    assert places["w0"].message == (
        "1st in the queue for the one exporter matching board=imx8; "
        "leased until 12:05 UTC (extended while it is used, 13:00 UTC at the latest) by ci; "
        "expected to begin between 12:05 UTC and 13:00 UTC, since leases before it may be extended"
    )
    assert (expected(places["w1"]), places["w1"].latest_begin) == (15, NOON + minutes(90))


def test_a_waiting_lease_that_may_be_extended_gives_a_range_to_the_one_behind_it() -> None:
    first = lease("w0", moves=True, max_duration=minutes(30))
    places = standing(client(), exporter("a"), held("a", 5), first, lease("w1", created=NOON + timedelta(seconds=1)))
    assert (expected(places["w0"]), places["w0"].latest_begin) == (5, None)
    assert (expected(places["w1"]), places["w1"].latest_begin) == (15, NOON + minutes(35))


def test_a_free_exporter_beside_an_extended_one_needs_no_range() -> None:
    busy = replace(held("a", 5), moves=True, latest_end=NOON + minutes(60))
    places = standing(client(), exporter("a"), exporter("b"), busy, held("b", 2), lease("w"))
    assert (expected(places["w"]), places["w"].latest_begin) == (2, None)
    assert "between" not in places["w"].message


def test_a_lease_that_is_getting_ready_is_expected_to_last_as_long_as_it_asks() -> None:
    assert expected(standing(client(), exporter("a"), held("a", None), lease("w"))["w"]) == 10


def test_a_lease_that_would_be_over_before_its_turn_has_no_estimate() -> None:
    short = lease("w", end=NOON + minutes(4))
    assert standing(client(), exporter("a"), held("a", 5), short)["w"].expected_begin is None


def test_leases_of_a_higher_priority_are_before_those_of_a_lower_one_though_their_rights_differ() -> None:
    rules = policy("p", rule("kernel", priority=1), rule("board", priority=5))
    world = [client(), client("boss", "board"), rules, exporter("a"), held("a", 5)]
    places = standing(*world, lease("old", created=NOON - minutes(9)), lease("urgent", client="boss"))
    assert (places["urgent"].position, expected(places["urgent"])) == (1, 5)
    assert (places["old"].position, expected(places["old"])) == (2, 15)


def test_who_asks_for_a_board_by_name_stands_behind_those_who_could_have_it_too() -> None:
    pinned = replace(lease("pinned"), request=Request("ci", exporter="a", duration=minutes(10)))
    world = [client(), exporter("a"), exporter("b"), held("a", 5), held("b", 50)]
    older = lease("older", created=NOON - minutes(1))
    places = standing(*world, older, pinned)
    assert (places["pinned"].position, expected(places["pinned"])) == (2, 15)


def test_who_waits_for_other_exporters_is_not_in_the_queue() -> None:
    world = [client(), exporter("a"), exporter("b", "rpi4"), held("a", 5), held("b", 9)]
    places = standing(*world, lease("x", created=NOON - minutes(1)), lease("y", "rpi4"))
    assert (places["x"].position, places["y"].position) == (1, 1)
    assert (expected(places["x"]), expected(places["y"])) == (5, 9)


def test_a_client_that_has_what_it_may_have_stands_in_no_queue_and_in_nobodys_way() -> None:
    most = policy("p", rule("kernel", maximum_leases=1), rule("apps"))
    world = [client(), client("ann", "apps"), most, exporter("a"), held("a", 5)]
    places = standing(*world, lease("mine", created=NOON - minutes(9)), lease("hers", client="ann"))
    assert set(places) == {"hers"}
    assert places["hers"].position == 1


def test_of_two_that_a_quota_lets_in_one_by_one_only_the_first_stands_in_the_queue() -> None:
    most = policy("p", rule("kernel", maximum_leases=1))
    busy = held("a", 5, "ann")
    world = [client(), client("ann", "apps"), most, exporter("a"), busy]
    assert set(standing(*world, *waiting(2))) == {"w0"}


def test_what_is_kept_for_a_reservation_is_free_when_that_is_over() -> None:
    kept = lease("kept", begin=NOON + minutes(5))
    long = replace(lease("w"), request=Request("ci", board("imx8"), duration=minutes(20)))
    place = standing(client(), exporter("a"), kept, long)["w"]
    assert expected(place) == 15
    assert "reserved for a later lease from 12:05 UTC" in place.message


def test_a_lease_that_has_just_been_given_an_exporter_is_not_in_the_queue_any_more() -> None:
    places = standing(client(), exporter("a"), *waiting(2))
    assert {name: (place.position, expected(place)) for name, place in places.items()} == {"w1": (1, 10)}


def test_an_estimate_is_rounded_up_to_the_minute() -> None:
    end = held("a", 5)
    late = replace(end, end=NOON + minutes(5) + timedelta(seconds=1))
    assert expected(standing(client(), exporter("a"), late, lease("w"))["w"]) == 6


def test_so_many_are_looked_at_as_was_asked_for() -> None:
    world = [client(), exporter("a"), held("a", 5), *waiting(30)]
    assert len(standing(*world)) == 10
    assert list(standing(*world, most=30).values())[-1].position == 30
    assert len(standing(*world, most=30, reach=20)) == 20


def test_a_change_makes_those_restless_who_compete_with_whom_it_touches() -> None:
    pinned = replace(lease("pinned"), request=Request("ci", exporter="a", duration=minutes(10)))
    world = [client(), exporter("a"), exporter("b"), exporter("c", "rpi4"), held("a", 5), held("b", 5), held("c", 5)]
    lab = LabScheduler()
    lab.apply(Changes(NOON, [*world, pinned, lease("other", "rpi4")]))
    assert len(lab.of("lab").take_dirty()) == 2
    assert lab.of("lab").take_dirty() == set()
    lab.apply(Changes(NOON, [lease("any")]))
    needed = [lab.of("lab").queue_of(f"lease-{name}") for name in ("pinned", "any")]
    assert lab.of("lab").take_dirty() == set(needed)


def test_what_is_to_be_ended_for_a_higher_priority_is_expected_in_a_minute() -> None:
    rules = policy("p", rule("kernel", priority=9), rule("apps", spot_access=True))
    people = [client(), client("ann", "apps")]
    given_way = replace(held("a", 120, "ann"), spot=True)
    assert expected(standing(*people, rules, exporter("a"), given_way, *waiting(1))["w0"]) == 1
    assert expected(standing(*people, rules, exporter("a"), held("a", 120, "ann"), *waiting(1))["w0"]) == 120


def test_an_exporter_that_is_freed_by_preemption_is_told_as_such_and_expected_then() -> None:
    people = [client("ci", team="kernel"), client("ann", team="apps")]
    rules = policy("p", rule("kernel", priority=9), rule("apps", priority=1, spot_access=True))
    spot = replace(held("a", 125, "ann"), priority=1, spot=True)
    noticed = replace(spot, noticed=True, preempted_at=NOON + timedelta(minutes=4, seconds=20))
    world = [*people, rules, exporter("a"), lease("w")]
    place = standing(*world, noticed)["w"]
    assert place.message == (
        "1st in the queue for the one exporter matching board=imx8; being freed by preemption, expected at 12:05 UTC"
    )
    assert expected(place) == 5
    lab = LabScheduler()
    lab.apply(Changes(NOON, [*world, noticed]))
    waits = lab.of("lab").decision("lease-w")
    assert isinstance(waits, Wait)
    assert (waits.reason, waits.message) == (
        "NotAvailable",
        "the one exporter that matches board=imx8 is being freed by preemption, expected at 12:05 UTC",
    )


def test_what_is_leased_and_what_is_freed_by_preemption_are_counted_apart() -> None:
    people = [client("ci", team="kernel"), client("ann", team="apps")]
    rules = policy("p", rule("kernel", priority=9), rule("apps", priority=1, spot_access=True))
    spot = replace(held("a", 125, "ann"), priority=1, spot=True, noticed=True, preempted_at=NOON + minutes(4))
    place = standing(*people, rules, exporter("a"), exporter("b"), spot, held("b", 130), lease("w"))["w"]
    assert place.message == (
        "1st in the queue for 2 exporters matching board=imx8; 1 leased until 14:10 UTC by ci; "
        "1 being freed by preemption, expected at 12:04 UTC"
    )
    assert expected(place) == 4
