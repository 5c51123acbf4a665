"""How much of what a policy is for a client holds, against the number that the policy permits at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from jumplab_operator.leasing.cache.namespace_cache import Space
from jumplab_operator.leasing.cache.pools import Pool
from jumplab_operator.leasing.model import selectors
from jumplab_operator.leasing.model.facts import ExporterFacts
from jumplab_operator.leasing.model.matching import Matching
from jumplab_operator.leasing.model.policy_rules import Grant, Quota


class Holdings:
    """What clients hold, and what a pass gives them. Counted when it is asked for, then kept up to date."""

    def __init__(self, space: Space, given: Iterable[tuple[str, str, str]] = (), but: str = "") -> None:
        """`given`: clients, their leases' uids, and the uids of exporters that these have been given and don't hold
        yet; `but`: the uid of a lease that does not count."""
        self._space = space
        self._but = but
        self._given: dict[str, list[tuple[str, str]]] = {}
        self._counts: dict[tuple[str, int], tuple[int, int]] = {}
        for client, lease_uid, exporter_uid in given:
            self._given.setdefault(client, []).append((lease_uid, exporter_uid))

    def give(self, client: str, lease_uid: str, exporter_uids: Iterable[str]) -> None:
        """The client has got these exporters by one lease, too."""
        got = [self._space.situations[uid].exporter for uid in exporter_uids]
        self._given.setdefault(client, []).extend((lease_uid, exporter.uid) for exporter in got)
        for (holder, policy), (leases, exporters) in list(self._counts.items()):
            more = sum(self._is_for(policy, exporter) for exporter in got) if holder == client else 0
            if more:
                self._counts[holder, policy] = leases + 1, exporters + more

    def room_for(self, client: str) -> Callable[[object], int | None]:
        """How many more exporters the client may have by a right with this quota; None: any number."""

        def room(quota: object) -> int | None:
            if not isinstance(quota, Quota):
                return None
            leases, exporters = self._held(client, quota.policy)
            if quota.leases is not None and leases >= quota.leases:
                return 0
            return None if quota.exporters is None else max(quota.exporters - exporters, 0)

        return room

    def excess_of(self, client: str, asked: Sequence[tuple[str, Grant]]) -> str | None:
        """Why the client may not have one more lease of all these exporters, in words; None where it may."""
        for quota, count in self._counted(asked):
            if excess := self.excess(client, quota, count):
                return excess
        return None

    def is_too_much_alone(self, asked: Sequence[tuple[str, Grant]]) -> bool:
        """Whether a client may not have all these exporters even while it holds nothing."""
        return any(quota.exporters is not None and count > quota.exporters for quota, count in self._counted(asked))

    def _counted(self, asked: Sequence[tuple[str, Grant]]) -> Iterator[tuple[Quota, int]]:
        for quota in dict.fromkeys(grant.quota for _, grant in asked):
            if quota is not None:
                exporters = [self._space.situations[uid].exporter for uid, _ in asked]
                yield quota, sum(self._is_for(quota.policy, exporter) for exporter in exporters)

    def match(self, client: str, pools: Sequence[Pool], wishes: Sequence[Sequence[str]]) -> tuple[str, ...] | None:
        """A distinct exporter for each member of a lease, out of its pool, all within the client's quota; or None.

        wishes: for each member the uids of the exporters that it could have, the best first.
        """
        if not all(wishes):
            return None
        grants = {uid: pool.grants[uid] for pool, uids in zip(pools, wishes, strict=True) for uid in uids}
        chosen = Matching(wishes, lambda uid: grants[uid].quota, self.room_for(client)).run()
        if chosen is None or self.excess_of(client, [(uid, grants[uid]) for uid in chosen]) is not None:
            return None
        return chosen

    def permit(self, client: str, grant: Grant) -> bool:
        """Whether the client may have one more by this right."""
        return grant.quota is None or self.excess(client, grant.quota) is None

    def excess(self, client: str, quota: Quota, exporters: int = 1) -> str | None:
        """Why the client may not have one more lease of so many exporters, in words; None where it may."""
        leases_held, exporters_held = self._held(client, quota.policy)
        for limit, held, more, noun in (
            (quota.leases, leases_held, 1, "lease"),
            (quota.exporters, exporters_held, exporters, "exporter"),
        ):
            if limit is not None and held + more > limit:
                number = f"{limit} {noun}" if limit == 1 else f"{limit} {noun}s"
                asks = f" and asks for {more} more" if more > 1 else ""
                return (
                    f'the access policies permit client "{client}" {number} of this kind at once, '
                    f"and it holds {held}{asks}"
                )
        return None

    def _held(self, client: str, policy: int) -> tuple[int, int]:
        """How many leases, and how many exporters by them."""
        if (client, policy) not in self._counts:
            held = [
                lease_uid
                for lease_uid, uid in [*self._space.held_by(client), *self._given.get(client, ())]
                if lease_uid != self._but and self._is_for(policy, self._space.situations[uid].exporter)
            ]
            self._counts[client, policy] = len(set(held)), len(held)
        return self._counts[client, policy]

    def _is_for(self, policy: int, exporter: ExporterFacts) -> bool:
        resource = self._space.policies[policy]
        return resource is not None and selectors.matches(resource.spec.exporter_selector, exporter.labels)
