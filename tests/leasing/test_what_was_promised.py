"""What a waiting lease was told of its begin, held against what it then got: a simulation runs the plan forward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from jumplab_operator.leasing.model.decisions import Wait
from jumplab_operator.leasing.model.facts import ExporterFacts, Fact, LeaseFacts, Request
from tests.leasing.simulation import Simulation
from tests.leasing.worlds import BOARDS, NOON, board, client, exporter, lease, minutes, policy, rule

_lengths = st.none() | st.sampled_from((5, 7, 10, 30)).map(minutes)
_maxima = st.none() | st.sampled_from((10, 20, 25)).map(minutes)


def _requests(clients: Sequence[str], kinds: Sequence[str], sizes: Sequence[int]) -> st.SearchStrategy[Request]:
    def request(who: str, some: list[str], length: timedelta | None) -> Request:
        each = [Request(who, board(kind), duration=length, name=f"m{number}") for number, kind in enumerate(some)]
        return each[0] if len(each) == 1 else Request(who, duration=length, members=tuple(each))

    some = st.sampled_from(sizes).flatmap(lambda size: st.lists(st.sampled_from(kinds), min_size=size, max_size=size))
    return st.builds(request, st.sampled_from(clients), some, _lengths)


def _waiting(requests: st.SearchStrategy[Request], *, reserving: bool) -> st.SearchStrategy[list[LeaseFacts]]:
    ages = st.integers(0, 30).map(minutes)
    begins = st.none() | st.integers(1, 40).map(lambda count: NOON + minutes(count)) if reserving else st.none()
    drawn = st.lists(st.tuples(requests, ages, begins), min_size=1, max_size=6)
    return drawn.map(
        lambda some: [
            lease(f"w{number}", request=request, created=NOON - age, begin=begin)
            for number, (request, age, begin) in enumerate(some)
        ]
    )


def _exporters(kinds: Sequence[str]) -> st.SearchStrategy[list[Fact]]:
    """Up to three, some of them leased until a known end."""

    def build(some: list[tuple[str, int]]) -> list[Fact]:
        found: list[Fact] = []
        for number, (kind, left) in enumerate(some):
            name, holder = f"e{number}", f"h{number}"
            found.append(exporter(name, kind, claim=f"lease-{holder}" if left else None))
            if left:
                times = {"began": NOON - minutes(5), "end": NOON + minutes(left)}
                found.append(lease(holder, kind, exporters=(name,), **times))
        return found

    return st.lists(st.tuples(st.sampled_from(kinds), st.integers(0, 20)), min_size=1, max_size=3).map(build)


def _worlds(
    clients: Sequence[str] = ("ci",),
    kinds: Sequence[str] = ("imx8",),
    sizes: Sequence[int] = (1,),
    *,
    reserving: bool = False,
) -> st.SearchStrategy[list[Fact]]:
    rules = st.tuples(_maxima, _maxima, st.integers(0, 1)).map(
        lambda drawn: policy(
            "p",
            rule("kernel", maximum_duration=drawn[0], priority=drawn[2]),
            rule("apps", maximum_duration=drawn[1]),
        )
    )
    return st.tuples(rules, _exporters(kinds), _waiting(_requests(clients, kinds, sizes), reserving=reserving)).map(
        lambda drawn: [client("ci", "kernel"), client("ann", "apps"), drawn[0], *drawn[1], *drawn[2]]
    )


def _expected(simulation: Simulation, world: Sequence[Fact]) -> dict[str, datetime | None]:
    """The expected begin of each lease that stands in a queue now, by its uid."""
    waiting = [fact.uid for fact in world if isinstance(fact, LeaseFacts)]
    places = {uid: simulation.lab.of("lab").position_of(uid, simulation.now) for uid in waiting}
    return {uid: place.expected_begin for uid, place in places.items() if place is not None}


def _forecast_and_begun(world: Sequence[Fact]) -> list[tuple[datetime | None, datetime | None]]:
    """Of each lease that waited in a queue, when it was expected to begin and when it did."""
    simulation = Simulation(NOON)
    simulation.put(world)
    expected = _expected(simulation, world)
    simulation.run()
    return [(moment, simulation.began.get(uid)) for uid, moment in expected.items()]


@given(_worlds(clients=("ci", "ann")))
def test_leases_for_one_kind_of_board_begin_when_they_were_expected(world: list[Fact]) -> None:
    for expected, begun in _forecast_and_begun(world):
        assert expected == begun


@given(_worlds(kinds=BOARDS))
def test_leases_for_other_boards_change_no_forecast(world: list[Fact]) -> None:
    for expected, begun in _forecast_and_begun(world):
        assert expected == begun


@given(_worlds(reserving=True) | _worlds(sizes=(1, 1, 2)))
def test_beside_reservations_or_gangs_no_lease_begins_later_than_expected(world: list[Fact]) -> None:
    """Earlier it may: a short one is served before a reservation, or before a gang that waits for its last exporter."""
    for expected, begun in _forecast_and_begun(world):
        assert expected is None or (begun is not None and begun <= expected)


@given(_worlds(("ci", "ann"), BOARDS, (1, 1, 2), reserving=True))
def test_a_reservation_gets_its_exporters_at_its_begin(world: list[Fact]) -> None:
    simulation = Simulation(NOON)
    simulation.put(world)
    promised: dict[str, tuple[datetime, tuple[str, ...]]] = {}
    for fact in world:
        decision = simulation.lab.of("lab").decision(fact.uid) if isinstance(fact, LeaseFacts) else None
        if isinstance(fact, LeaseFacts) and fact.begin is not None and isinstance(decision, Wait) and decision.reserved:
            promised[fact.uid] = fact.begin, decision.reserved
    simulation.run()
    assert {uid: (simulation.began.get(uid), simulation.got.get(uid)) for uid in promised} == promised


@given(_worlds(reserving=True), st.integers(1, 60), _maxima)
def test_a_reservation_is_refused_only_where_every_exporter_is_taken_then(
    world: list[Fact], begin: int, longest: timedelta | None
) -> None:
    """One that asks for no length, after all others: it would overlap with them for as long as it may last."""
    rules = policy("p", rule("kernel", maximum_duration=longest))
    late = lease("late", request=Request("ci", board("imx8")), begin=NOON + minutes(begin), created=NOON)
    simulation = Simulation(NOON)
    simulation.put([*(fact for fact in world if fact.uid != rules.uid), rules, late])
    decision = simulation.lab.of("lab").decision(late.uid)
    if not isinstance(decision, Wait) or decision.reserved:
        return
    over = NOON + minutes(begin) + min(longest or minutes(30), minutes(30))
    taken = set()
    for fact in simulation.facts.values():
        if not isinstance(fact, LeaseFacts) or fact is simulation.facts[late.uid]:
            continue
        if fact.exporters and (fact.end is None or fact.end > NOON + minutes(begin)):
            taken.update(fact.exporters)
        if fact.reserved and fact.begin is not None:
            length = (
                min(longest or minutes(30), minutes(30)) if fact.request.duration is None else fact.request.duration
            )
            if fact.begin < over and NOON + minutes(begin) < fact.begin + length:
                taken.update(fact.reserved)
    assert taken == {fact.name for fact in simulation.facts.values() if isinstance(fact, ExporterFacts)}


def test_the_simulation_ends_what_it_has_begun() -> None:
    simulation = Simulation(NOON)
    simulation.put([client(), exporter("a"), lease("x"), replace(lease("y"), created=NOON + minutes(1))])
    simulation.run()
    assert simulation.began == {"lease-x": NOON, "lease-y": NOON + minutes(10)}
