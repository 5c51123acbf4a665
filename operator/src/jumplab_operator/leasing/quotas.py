"""How much of what a policy is for a client holds, against the number that the policy permits at once."""

from collections.abc import Iterable

from jumplab_operator.leasing import selectors
from jumplab_operator.leasing.access import Grant, Quota
from jumplab_operator.leasing.facts import ExporterFacts
from jumplab_operator.leasing.space import Space


class Holdings:
    """What clients hold, and what a pass gives them. Counted when it is asked for, then kept up to date."""

    def __init__(self, space: Space, given: Iterable[tuple[str, str]] = ()) -> None:
        """`given`: clients, and the uids of exporters that they have been given and don't hold yet."""
        self._space = space
        self._given: dict[str, list[str]] = {}
        self._counts: dict[tuple[str, int], int] = {}
        for client, exporter_uid in given:
            self._given.setdefault(client, []).append(exporter_uid)

    def give(self, client: str, exporter_uid: str) -> None:
        """The client has got this exporter, too."""
        self._given.setdefault(client, []).append(exporter_uid)
        exporter = self._space.situations[exporter_uid].exporter
        for holder, policy in list(self._counts):
            if holder == client and self._is_for(policy, exporter):
                self._counts[holder, policy] += 1

    def permit(self, client: str, grant: Grant) -> bool:
        """Whether the client may have one more by this right."""
        return grant.quota is None or self.excess(client, grant.quota) is None

    def excess(self, client: str, quota: Quota) -> str | None:
        """Why the client may not have one more, in words; None where it may."""
        held = self._held(client, quota.policy)
        for limit, noun in ((quota.leases, "lease"), (quota.exporters, "exporter")):
            if limit is not None and held >= limit:
                number = f"{limit} {noun}" if limit == 1 else f"{limit} {noun}s"
                return (
                    f'the access policies permit client "{client}" {number} of this kind at once, and it holds {held}'
                )
        return None

    def _held(self, client: str, policy: int) -> int:
        if (client, policy) not in self._counts:
            held = [
                self._space.situations[uid].exporter
                for uid in [*self._space.held_by(client), *self._given.get(client, ())]
            ]
            self._counts[client, policy] = sum(self._is_for(policy, exporter) for exporter in held)
        return self._counts[client, policy]

    def _is_for(self, policy: int, exporter: ExporterFacts) -> bool:
        resource = self._space.policies[policy]
        return resource is not None and selectors.matches(resource.spec.exporter_selector, exporter.labels)
