"""The clients and the access policies of a namespace, and the rights that follow from them."""

from datetime import timedelta

from jumplab_operator.leasing.model import policy_rules
from jumplab_operator.leasing.model.facts import ClientFacts, PolicyFacts, Request
from jumplab_operator.leasing.model.ids import ClientName
from jumplab_operator.resources import ExporterAccessPolicy

_REMEMBERED = 10_000
"""How many rights are remembered."""


class AccessIndex:
    """Rights are found once for each client and length."""

    def __init__(self) -> None:
        self.clients: dict[ClientName, ClientFacts] = {}
        self.policies: list[ExporterAccessPolicy | None] = []
        """In the order of their uids; None for each that can't be read."""
        self._by_uid: dict[str, ExporterAccessPolicy | None] = {}
        self._rights: dict[tuple[ClientName, timedelta | None], policy_rules.Rights] = {}

    def put(self, fact: ClientFacts | PolicyFacts) -> None:
        """A client or a policy is new or has changed."""
        if isinstance(fact, PolicyFacts):
            self._by_uid[fact.uid] = fact.policy
        else:
            self.clients[fact.name] = fact
        self._forget_rights(fact)

    def drop(self, fact: ClientFacts | PolicyFacts) -> None:
        """A client or a policy does not exist any more, or not like this."""
        if isinstance(fact, PolicyFacts):
            del self._by_uid[fact.uid]
        elif self.clients.get(fact.name) is fact:
            del self.clients[fact.name]
        self._forget_rights(fact)

    def rights(self, request: Request) -> policy_rules.Rights:
        """The rights of the request's client, which must exist, to leases of that length."""
        key = (request.client, request.duration)
        if key not in self._rights:
            if len(self._rights) >= _REMEMBERED:
                self._rights.clear()
            labels = self.clients[request.client].labels
            self._rights[key] = policy_rules.rights(self.policies, labels, request.duration)
        return self._rights[key]

    def _forget_rights(self, fact: ClientFacts | PolicyFacts) -> None:
        if isinstance(fact, PolicyFacts):
            self.policies = [policy for _, policy in sorted(self._by_uid.items(), key=lambda item: item[0])]
            self._rights.clear()
        else:
            for key in [key for key in self._rights if key[0] == fact.name]:
                del self._rights[key]
