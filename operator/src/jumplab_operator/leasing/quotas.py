"""How much of what a policy is for a client holds, against the number that the policy permits at once."""

from collections.abc import Iterable

from jumplab_operator.leasing import selectors
from jumplab_operator.leasing.access import Grant, Quota
from jumplab_operator.leasing.facts import ExporterFacts
from jumplab_operator.leasing.space import Space


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

    def permit(self, client: str, grant: Grant) -> bool:
        """Whether the client may have one more by this right."""
        return grant.quota is None or self.excess(client, grant.quota) is None

    def excess(self, client: str, quota: Quota) -> str | None:
        """Why the client may not have one more, in words; None where it may."""
        held = self._held(client, quota.policy)
        for limit, count, noun in zip((quota.leases, quota.exporters), held, ("lease", "exporter"), strict=True):
            if limit is not None and count >= limit:
                number = f"{limit} {noun}" if limit == 1 else f"{limit} {noun}s"
                return (
                    f'the access policies permit client "{client}" {number} of this kind at once, and it holds {count}'
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
