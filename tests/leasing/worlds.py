"""Builders and hypothesis strategies of the scheduler's facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from jumplab_operator.leasing.model.facts import (
    ClientFacts,
    ExporterFacts,
    Fact,
    LeaseFacts,
    PolicyFacts,
    Request,
    UsageFacts,
)
from jumplab_operator.leasing.model.ids import LeaseUid
from jumplab_operator.leasing.scheduler.scheduler import Scheduler
from jumplab_operator.resources import ExporterAccessPolicy, LabelSelector, Policy
from jumplab_operator.resources.policy import ExporterAccessPolicySpec, From

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
BOARDS = ("imx8", "rpi4")


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


def board(name: str) -> LabelSelector:
    return LabelSelector(match_labels={"board": name})


def exporter(name: str, kind: str = "imx8", **changes: object) -> ExporterFacts:
    fact = ExporterFacts("lab", f"exporter-{name}", name, {"board": kind}, True, True, True, None, "1")
    return replace(fact, **changes)  # type: ignore[arg-type]  # tests name the fields


def lease(name: str, kind: str = "imx8", client: str = "ci", **changes: object) -> LeaseFacts:
    request = Request(client, board(kind), duration=minutes(10))
    return replace(LeaseFacts("lab", f"lease-{name}", name, NOON, request), **changes)  # type: ignore[arg-type]


def gang(name: str, *parts: Request, client: str = "ci", length: int = 10, **changes: object) -> LeaseFacts:
    """A lease of several exporters; each of its parts as `part` makes it."""
    members = tuple(replace(part, client=client, duration=minutes(length)) for part in parts)
    request = Request(client, duration=minutes(length), members=members)
    return replace(LeaseFacts("lab", f"lease-{name}", name, NOON, request), **changes)  # type: ignore[arg-type]


def part(name: str, kind: str | None = None, exporter: str | None = None) -> Request:
    """A part of a gang: a kind of board, or one exporter."""
    return Request("", board(kind) if kind else None, exporter, name=name)


def usage(name: str, client: str, began: datetime, ended: datetime) -> UsageFacts:
    return UsageFacts("lab", f"lease-{name}", client, began, ended)


def client(name: str = "ci", team: str = "kernel") -> ClientFacts:
    return ClientFacts("lab", f"client-{name}", name, {"team": team})


def policy(name: str, *rules: Policy, exporters: LabelSelector | None = None) -> PolicyFacts:
    spec = ExporterAccessPolicySpec(exporter_selector=exporters or LabelSelector(), policies=list(rules))
    return PolicyFacts("lab", f"policy-{name}", ExporterAccessPolicy(spec=spec))


def rule(team: str | None = None, **fields: object) -> Policy:
    """A rule for a team, or for everyone."""
    clients = LabelSelector(match_labels={"team": team} if team else {})
    return Policy.model_validate({"from_": [From(client_selector=clients)], **fields})


def decided(scheduler: Scheduler) -> list[LeaseUid]:
    """All leases for which something is decided."""
    queues, last = scheduler.index.queues, scheduler.last
    return [*queues.of_lease, *queues.ahead, *queues.stranded, *last.victims, *last.spared]


_moments = st.integers(-5, 20).map(lambda count: NOON + minutes(count))

exporters = st.builds(
    lambda number, kind, enabled, online, available, busy, quarantined, claim, vacated: exporter(
        f"e{number}",
        kind,
        enabled=enabled,
        online=online,
        available=available and not busy,
        busy=online and busy,
        quarantined=quarantined,
        claim=claim,
        vacated=vacated,
    ),
    st.integers(0, 4),
    st.sampled_from(BOARDS),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.none() | st.integers(0, 5).map(lambda number: f"lease-l{number}") | st.just("lease-gone"),
    st.none() | _moments,
)
_singles = st.builds(
    Request,
    client=st.sampled_from(("ci", "ann", "nobody")),
    selector=st.sampled_from([board(kind) for kind in BOARDS]),
    exporter=st.none() | st.integers(0, 5).map(lambda number: f"e{number}"),
    allow_disabled=st.booleans(),
    duration=st.none() | st.integers(1, 90).map(minutes),
)


def _together(whole: Request, parts: list[Request]) -> Request:
    of_whole = {"client": whole.client, "duration": whole.duration, "patient": whole.patient}
    members = tuple(replace(each, name=f"m{number}", **of_whole) for number, each in enumerate(parts))
    return Request(whole.client, duration=whole.duration, patient=whole.patient, members=members)


requests = _singles | st.builds(_together, _singles, st.lists(_singles, min_size=1, max_size=3))


def _lease(number: int, request: Request, held: list[int], kept: list[int], **changes: object) -> LeaseFacts:
    lease = LeaseFacts("lab", f"lease-l{number}", f"l{number}", NOON, request)
    count = len(lease.members)  # it has as many exporters as parts, or none
    lease = replace(lease, exporters=tuple(f"e{each}" for each in held[:count]) if len(held) >= count else ())
    lease = replace(lease, reserved=tuple(f"e{each}" for each in kept[:count]) if len(kept) >= count else (), **changes)
    return lease if lease.exporters else replace(lease, began=None)


_numbers = st.lists(st.integers(0, 4), unique=True, max_size=3)
leases = st.builds(
    _lease,
    st.integers(0, 5),
    requests,
    _numbers,
    _numbers,
    created=_moments,
    begin=st.none() | _moments,
    began=st.none() | _moments,
    end=st.none() | _moments,
    moves=st.booleans(),
    latest_end=st.none() | _moments,
    max_duration=st.none() | st.integers(5, 600).map(minutes),
    avoid=st.frozensets(st.integers(0, 4).map(lambda number: f"exporter-e{number}"), max_size=2),
    priority=st.integers(0, 2),
    spot=st.booleans(),
    noticed=st.booleans(),
)
usages = st.builds(
    lambda number, who, began, length: usage(f"l{number}", who, began, began + length),
    st.integers(0, 5),
    st.sampled_from(("ci", "ann")),
    _moments,
    st.integers(0, 3000).map(minutes),
)
clients = st.builds(client, st.sampled_from(("ci", "ann")), st.sampled_from(("kernel", "apps")))
_rules = st.builds(
    lambda team, priority, longest, weight, most: rule(
        team, priority=priority, maximum_duration=longest, weight=weight, maximum_leases=most
    ),
    st.sampled_from((None, "kernel", "apps")),
    st.integers(0, 3),
    st.none() | st.integers(5, 60).map(minutes),
    st.integers(1, 3),
    st.none() | st.integers(0, 2),
)
policies = st.builds(
    lambda number, rules, kind: policy(f"p{number}", *rules, exporters=board(kind) if kind else None),
    st.integers(0, 1),
    st.lists(_rules, max_size=2),
    st.sampled_from((None, *BOARDS)),
) | st.integers(0, 1).map(lambda number: PolicyFacts("lab", f"policy-p{number}", None))


def _contested(
    kinds: list[str], rights: list[int], some: list[LeaseFacts], order: list[int], waiting: list[LeaseFacts]
) -> list[Fact]:
    """Spot leases of one exporter and of several, each with exporters of its own, and those who wait for these."""
    held: list[LeaseFacts] = []
    for number, (lease, priority) in enumerate(zip(some, rights, strict=False)):
        mine, order = order[: len(lease.members)], order[len(lease.members) :]
        if len(mine) == len(lease.members):
            times = {"began": NOON - minutes(number), "end": NOON + minutes(40), "begin": None}
            terms = {"priority": priority, "spot": True, "noticed": number == 1, "reserved": ()}
            names = tuple(f"e{each}" for each in mine)
            named = {"uid": f"lease-h{number}", "name": f"h{number}", "exporters": names}
            held.append(replace(lease, **named, **times, **terms))  # type: ignore[arg-type]
    first, second, third = rights
    rules = [
        policy("p0", rule("kernel", priority=1 + first), rule("apps", priority=second, spot_access=True)),
        policy("p1", rule("kernel", priority=third, maximum_exporters=2), exporters=board("rpi4")),
    ]
    benches = [exporter(f"e{number}", kind, available=number > 0) for number, kind in enumerate(kinds)]
    waits = [replace(lease, exporters=(), began=None) for lease in {each.uid: each for each in waiting}.values()]
    return [client("ci", "kernel"), client("ann", "apps"), *rules[: 1 + second], *benches, *held, *waits]


contested_worlds = st.builds(
    _contested,
    st.lists(st.sampled_from(BOARDS), min_size=5, max_size=5),
    st.lists(st.integers(0, 2), min_size=3, max_size=3),
    st.lists(leases, min_size=1, max_size=3),
    st.permutations(range(5)),
    st.lists(leases, min_size=1, max_size=4),
)
"""Facts of a lab in which some may be ended for others."""

facts: st.SearchStrategy[Fact] = st.one_of(exporters, leases, leases, exporters, clients, policies, usages)
