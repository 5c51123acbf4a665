"""What must hold of every plan, whatever the world looks like."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from jumplab_operator.leasing.cache.namespace_index import CLEANING
from jumplab_operator.leasing.explain.queue_position import QueuePosition
from jumplab_operator.leasing.model import policy_rules, selectors
from jumplab_operator.leasing.model.decisions import Assign, Chosen, Decision, Preempt, Wait
from jumplab_operator.leasing.model.facts import ClientFacts, ExporterFacts, Fact, LeaseFacts, PolicyFacts, Request
from jumplab_operator.leasing.model.lease_length import end_of
from jumplab_operator.leasing.scheduler.scheduler import Changes, LabScheduler
from jumplab_operator.resources import ExporterAccessPolicy
from tests.leasing.worlds import NOON, clients, contested_worlds, decided, facts


def _unique(some: list[Fact]) -> list[Fact]:
    return list({fact.uid: fact for fact in some}.values())


_worlds = st.lists(facts, max_size=25).flatmap(
    lambda some: st.lists(clients, min_size=1, max_size=2).map(lambda more: _unique([*some, *more]))
)
_steps = st.lists(
    st.tuples(
        st.timedeltas(timedelta(0), timedelta(minutes=6)),
        st.lists(facts, max_size=4).map(_unique),
        st.sets(st.integers(0, 15)),
    ),
    max_size=6,
)


def _known(world: list[Fact]) -> dict[str, Fact]:
    return {fact.uid: fact for fact in world}


@given(_worlds)
def test_no_two_leases_share_an_exporter(world: list[Fact]) -> None:
    decisions = LabScheduler().apply(Changes(NOON, world))
    known = _known(world).values()
    taken = Counter(exporter for decision in decisions.values() for exporter in _names(decision))
    held = {name for fact in known if isinstance(fact, LeaseFacts) for name in fact.exporters}
    claims = {fact.name: fact.claim for fact in known if isinstance(fact, ExporterFacts) and fact.claim is not None}
    assert all(count == 1 for count in taken.values())
    for uid, decision in decisions.items():
        for exporter in _names(decision):
            assert claims.get(exporter) in (None, uid)
            assert exporter not in held or claims.get(exporter) == uid


def _names(decision: Decision) -> list[str]:
    """The names of the exporters that are given."""
    return [chosen.name for chosen in decision.exporters] if isinstance(decision, Assign) else []


@given(_worlds)
def test_an_assigned_exporter_matches_is_enabled_online_and_permitted(world: list[Fact]) -> None:
    decisions = LabScheduler().apply(Changes(NOON, world))
    known = _known(world)
    policies = [fact.policy for fact in known.values() if isinstance(fact, PolicyFacts)]
    teams = {fact.name: fact.labels for fact in known.values() if isinstance(fact, ClientFacts)}
    for uid, decision in decisions.items():
        if not isinstance(decision, Assign):
            continue
        lease = known[uid]
        assert isinstance(lease, LeaseFacts)
        for request, chosen in zip(lease.members, decision.exporters, strict=True):
            exporter = known[chosen.uid]
            assert isinstance(exporter, ExporterFacts)
            assert request.selector is None or selectors.matches(request.selector, exporter.labels)
            assert request.exporter in (None, exporter.name)
            assert exporter.enabled or request.allow_disabled
            assert exporter.online
            assert exporter.uid not in lease.avoid
            grant = policy_rules.best_grant(policies, exporter.labels, teams[request.client], decision.duration)
            assert isinstance(grant, policy_rules.Grant)


@given(_worlds)
def test_no_client_is_given_more_than_any_quota_of_its_policies_permits(world: list[Fact]) -> None:
    decisions = LabScheduler().apply(Changes(NOON, world))
    known = _known(world)
    got = {uid: decision for uid, decision in decisions.items() if isinstance(decision, Assign)}
    for policy in [fact.policy for fact in known.values() if isinstance(fact, PolicyFacts) and fact.policy]:
        applies = {
            fact.name
            for fact in known.values()
            if isinstance(fact, ExporterFacts) and selectors.matches(policy.spec.exporter_selector, fact.labels)
        }
        quotas = [rule.maximum_leases for rule in policy.spec.policies]
        if None in quotas:
            continue
        for who in ("ci", "ann"):
            leases = [fact for fact in known.values() if isinstance(fact, LeaseFacts) and fact.request.client == who]
            held = sum(not applies.isdisjoint(lease.exporters) for lease in leases)
            given = [got[lease.uid] for lease in leases if lease.uid in got]
            given = [decision for decision in given if not applies.isdisjoint(_names(decision))]
            under = [
                decision
                for decision in given
                if any(_granted_by(policy, chosen, decision.duration, known, who) for chosen in decision.exporters)
            ]
            assert not under or held + len(given) <= max(most for most in quotas if most is not None)


def _granted_by(
    policy: ExporterAccessPolicy, chosen: Chosen, duration: timedelta, known: dict[str, Fact], who: str
) -> bool:
    """Whether the policy alone could have granted it."""
    others = [fact.policy for fact in known.values() if isinstance(fact, PolicyFacts) and fact.policy is not policy]
    labels = {fact.name: fact.labels for fact in known.values() if isinstance(fact, ClientFacts)}[who]
    exporter = known[chosen.uid]
    assert isinstance(exporter, ExporterFacts)
    readable = [None, *others]
    return not isinstance(policy_rules.best_grant(readable, exporter.labels, labels, duration), policy_rules.Grant)


@given(_worlds)
def test_what_is_kept_is_kept_for_one_and_given_to_nobody_who_would_still_have_it(world: list[Fact]) -> None:
    lab = LabScheduler()
    decisions = lab.apply(Changes(NOON, world))
    known = _known(world)
    kept: dict[str, list[tuple[datetime, datetime]]] = {}
    for uid in decided(lab.of("lab")):
        decision, lease = lab.of("lab").decision(uid), known[uid]
        for name in decision.reserved if isinstance(decision, Wait) else ():
            assert isinstance(lease, LeaseFacts)
            if lease.begin is not None and lease.begin > NOON:  # then it goes before all others
                kept.setdefault(name, []).append((lease.begin, _end_of_slot(lease, decision.reserved, known)))
    for slots in kept.values():
        assert all(one[1] <= other[0] or other[1] <= one[0] for n, one in enumerate(slots) for other in slots[n + 1 :])
    for uid, decision in decisions.items():
        lease = known[uid]
        if isinstance(decision, Assign) and isinstance(lease, LeaseFacts) and not lease.reserved:
            end = lease.end or (decision.latest or NOON) + decision.duration
            assert all(end <= begin for name in _names(decision) for begin, _ in kept.get(name, []))
            assert decision.latest is None or decision.latest >= NOON


def _end_of_slot(lease: LeaseFacts, names: Sequence[str], known: dict[str, Fact]) -> datetime:
    """Until when the lease has these exporters, if it begins in time."""
    assert lease.begin is not None
    exporters = {fact.name: fact for fact in known.values() if isinstance(fact, ExporterFacts)}
    teams = {fact.name: fact.labels for fact in known.values() if isinstance(fact, ClientFacts)}
    policies = [fact.policy for fact in known.values() if isinstance(fact, PolicyFacts)]
    rights = [
        policy_rules.best_grant(policies, exporters[name].labels, teams[part.client], part.duration)
        for name, part in zip(names, lease.members, strict=True)
    ]
    assert all(isinstance(right, policy_rules.Grant) for right in rights)
    return end_of(lease, lease.begin, rights)


@given(_worlds)
def test_no_lease_is_assigned_before_its_begin_or_after_its_end(world: list[Fact]) -> None:
    for lease, decision in _decided(world):
        if isinstance(decision, Assign):
            assert lease.begin is None or lease.begin <= NOON
        assert lease.exporters or lease.end is None or lease.end > NOON


@given(_worlds | contested_worlds, _steps)
def test_planning_step_by_step_equals_planning_from_scratch(
    world: list[Fact], steps: list[tuple[timedelta, list[Fact], set[int]]]
) -> None:
    now, known = NOON, _known(world)
    lab = LabScheduler()
    lab.apply(Changes(now, world))
    for passed, put, gone in steps:
        now += passed
        leaving = [uid for index, uid in enumerate(known) if index in gone and uid not in {fact.uid for fact in put}]
        lab.apply(Changes(now, put, [("lab", uid) for uid in leaving]))
        known = {uid: fact for uid, fact in {**known, **_known(put)}.items() if uid not in leaving}
        scratch = LabScheduler()
        scratch.apply(Changes(now, list(known.values())))
        assert _all_decisions(lab) == _all_decisions(scratch)
        assert _all_places(lab, now) == _all_places(scratch, now)


def _decided(world: list[Fact]) -> Iterator[tuple[LeaseFacts, Decision]]:
    """The leases of a world, each with what is decided of it."""
    decisions = LabScheduler().apply(Changes(NOON, world))
    known = _known(world)
    for uid, decision in decisions.items():
        lease = known[uid]
        assert isinstance(lease, LeaseFacts)
        yield lease, decision


def _all_decisions(lab: LabScheduler) -> dict[str, Decision | None]:
    return {uid: lab.of("lab").decision(uid) for uid in decided(lab.of("lab"))}


def _all_places(lab: LabScheduler, now: datetime) -> dict[str, QueuePosition]:
    found = {needed for uid in decided(lab.of("lab")) if (needed := lab.of("lab").queue_of(uid)) is not None}
    return {uid: place for needed in found for uid, place in lab.of("lab").positions(needed, now).items()}


@given(_worlds)
def test_everyone_who_is_next_has_a_place_and_nobody_has_one_before_what_they_wait_for(world: list[Fact]) -> None:
    lab = LabScheduler()
    decisions = lab.apply(Changes(NOON, world))
    known, places = _known(world), _all_places(lab, NOON)
    assert not [uid for uid in places if isinstance(decisions[uid], Assign)]
    for uid, place in places.items():
        lease = known[uid]
        assert isinstance(lease, LeaseFacts)
        assert place.position <= len(places)
        assert place.expected_begin is None or place.expected_begin >= NOON
        assert place.expected_begin is None or lease.end is None or place.expected_begin < lease.end
        assert place.latest_begin is None or place.latest_begin > (place.expected_begin or place.latest_begin)
    waits = {uid for uid, it in decisions.items() if isinstance(it, Wait) and it.reason in ("NotAvailable", "NotReady")}
    queued = {uid for uid in waits if lab.of("lab").queue_of(uid) is not None}
    assert queued <= set(places)


@given(_worlds)
def test_a_gang_gets_everything_at_once_and_each_part_something_else(world: list[Fact]) -> None:
    for lease, decision in _decided(world):
        if isinstance(decision, Assign):
            assert len(set(_names(decision))) == len(lease.members)


@given(_worlds)
def test_one_gang_alone_waits_only_where_no_choice_of_what_is_free_would_do(world: list[Fact]) -> None:
    """Without policies, slots and former troubles: whatever fits may be had."""
    gangs = [fact for fact in world if isinstance(fact, LeaseFacts) and len(fact.members) > 1][:1]
    others = [fact for fact in world if not isinstance(fact, PolicyFacts) and not isinstance(fact, LeaseFacts)]
    alone = [replace(fact, exporters=(), began=None, begin=None, reserved=(), avoid=frozenset()) for fact in gangs]
    decisions = LabScheduler().apply(Changes(NOON, [*others, *alone]))
    free = [it for it in others if isinstance(it, ExporterFacts) and it.online and it.available]
    known = {fact.name for fact in others if isinstance(fact, ClientFacts)}
    for lease in alone:
        choices = [[it for it in free if _fits(lease.uid, part, it)] for part in lease.members]
        there_is_one = any(len({it.uid for it in some}) == len(some) for some in itertools.product(*choices))
        in_time = (lease.end is None or lease.end > NOON) and lease.request.client in known
        assert isinstance(decisions.get(lease.uid), Assign) == (there_is_one and in_time)


def _fits(lease_uid: str, part: Request, exporter: ExporterFacts) -> bool:
    selected = part.selector is None or selectors.matches(part.selector, exporter.labels)
    named = part.exporter in (None, exporter.name)
    return selected and named and exporter.claim in (None, lease_uid) and (exporter.enabled or part.allow_disabled)


@given(contested_worlds)
def test_who_is_ended_is_a_spot_lease_of_lower_priority_than_by_which_another_would_have_its_exporter(
    world: list[Fact],
) -> None:
    lab = LabScheduler()
    lab.apply(Changes(NOON, world))
    known = _known(world)
    policies = [fact.policy for fact in known.values() if isinstance(fact, PolicyFacts)]
    teams = {fact.name: fact.labels for fact in known.values() if isinstance(fact, ClientFacts)}
    exporters = {fact.name: fact for fact in known.values() if isinstance(fact, ExporterFacts)}
    for uid, waiting_uid in _victims(lab).items():
        victim, waiting = known[uid], known[waiting_uid]
        assert isinstance(victim, LeaseFacts)
        assert isinstance(waiting, LeaseFacts)
        assert victim.spot
        assert not waiting.exporters
        assert not isinstance(lab.of("lab").decision(waiting.uid), Assign)
        held = [exporters[name] for name in victim.exporters if name in exporters and exporters[name].online]
        grants = [
            policy_rules.best_grant(policies, it.labels, teams[waiting.request.client], waiting.request.duration)
            for it in held
            if it.uid not in waiting.avoid
        ]
        assert any(isinstance(grant, policy_rules.Grant) and grant.priority > victim.priority for grant in grants)


def _victims(lab: LabScheduler) -> Mapping[str, str]:
    """The uid of each lease that is to be preempted, with that of the waiting lease that it is for."""
    victims = lab.of("lab").last.victims
    assert victims.keys() == {uid for uid, each in _all_decisions(lab).items() if isinstance(each, Preempt)}
    return victims


@given(contested_worlds)
def test_nobody_is_ended_in_vain(world: list[Fact]) -> None:
    """If all who are told end, and what is being cleaned up is clean, then all whom they are ended for are served."""
    lab = LabScheduler()
    decisions = lab.apply(Changes(NOON, world))
    ended, known = _victims(lab), _known(world)
    freed = {name for uid in ended for name in getattr(known[uid], "exporters", ())}
    after = [_later(fact, freed, decisions) for fact in known.values() if fact.uid not in ended]
    decisions = LabScheduler().apply(Changes(NOON, after))
    for uid in ended.values():
        assert isinstance(decisions.get(uid), Assign)


def _later(fact: Fact, freed: set[str], decisions: Mapping[str, Decision]) -> Fact:
    """What becomes of it: exporters of these names, and what is being cleaned up, become clean; who is given one has
    it, and for whom one is kept that is written."""
    decision = decisions.get(fact.uid)
    if isinstance(fact, LeaseFacts) and isinstance(decision, Assign):
        return replace(fact, exporters=tuple(_names(decision)), end=fact.end or NOON + decision.duration)
    if isinstance(fact, LeaseFacts) and isinstance(decision, Wait):
        return replace(fact, reserved=decision.reserved)
    if isinstance(fact, ExporterFacts) and fact.online:
        cleaned = fact.vacated is not None and fact.vacated + CLEANING > NOON
        if cleaned or fact.name in freed:
            return replace(fact, claim=None, available=True, busy=False, vacated=None)
    return fact


@given(_worlds)
def test_a_plan_tells_only_news(world: list[Fact]) -> None:
    lab = LabScheduler()
    decisions = lab.apply(Changes(NOON, world))
    assert all(lab.of("lab").decision(uid) == decision for uid, decision in decisions.items())
    news = lab.apply(Changes(NOON, list(_known(world).values())))
    assert news == {}
