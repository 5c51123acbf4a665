"""The users of the one-machine Kubernetes API beside its administrator: the operator, and a user for each Client.

A Client's user is `client:NAMESPACE:NAME`, in the group `jumplab:clients`, and its token is the credential that the
controller knows it by, from its Secret: one token for both doors.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from jumplab.transport.tokens import same_token
from jumplab_operator.audit import credential_id
from jumplab_operator.controller.credentials import (
    InvalidCredential,
    Subject,
    accepted_tokens,
    secret_name,
)
from jumplab_operator.leasing.model import lease_ownership
from jumplab_operator.names import Name
from jumplab_operator.resources import GROUP
from jumplab_operator.resources.client import is_enabled
from jumplab_operator.standalone.auth.users import AUTHENTICATED, Lookup, User
from jumplab_operator.standalone.base.rbac import READ, Grant, Rule
from jumplab_operator.standalone.storage.store import Key

OPERATOR = User("jumplab-operator", ("jumplab:operators", AUTHENTICATED), is_own=True)
CLIENTS = "jumplab:clients"
_PREFIX = "client"
_EVENT_GROUPS = ("", "events.k8s.io")

OPERATOR_GRANT = Grant(
    (
        Rule(("*",), (GROUP,), ("*",)),
        Rule((*READ, "create", "update", "patch", "delete"), ("",), ("secrets",)),
        Rule(("create", "update", "patch"), _EVENT_GROUPS, ("events",)),
        Rule((*READ, "create", "update", "patch"), ("coordination.k8s.io",), ("leases",)),
        Rule(READ, ("",), ("namespaces",)),
        Rule((*READ, "create", "patch"), ("apiextensions.k8s.io",), ("customresourcedefinitions",)),
    )
)


class LabUsers:
    """The tenancy of a lab. operator_token: what the operator presents.  now: the time."""

    def __init__(self, operator_token: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.operator_token = operator_token
        self._now = now
        self._read_credential: Callable[[str], Subject] | None = None
        self._leases_held: Callable[[Name], int] = lambda _: 0

    def trust(self, read_credential: Callable[[str], Subject]) -> None:
        """From now on let Clients in by what this reads; it raises InvalidCredential for what isn't its issuer's."""
        self._read_credential = read_credential

    def count_leases(self, held: Callable[[Name], int]) -> None:
        """From now on bound how many leases a Client creates, by what this knows of those that have not ended."""
        self._leases_held = held

    def user(self, token: str, lookup: Lookup) -> User | None:
        """The operator, or the Client whose Secret has the token."""
        if same_token(self.operator_token, token):
            return OPERATOR
        if self._read_credential is None:
            return None
        try:
            subject = self._read_credential(token)
        except InvalidCredential:
            return None
        secret = _secret(subject, lookup) if subject.kind == "Client" else None
        tokens = accepted_tokens(secret) if secret is not None else None
        if secret is None or tokens is None or not tokens.accepts(token, self._now()):
            return None
        name, credential = f"{_PREFIX}:{subject.name.namespace}:{subject.name.name}", secret["metadata"]["uid"]
        return User(name, (CLIENTS, AUTHENTICATED), subject.uid, credential, credential_id(token))

    def is_revoked(self, user: User, lookup: Lookup) -> bool:
        """Whether the Client is disabled or gone, or its Secret is, or others have their names, or its token is no
        longer accepted, since it was replaced."""
        client = _client(user)
        if client is None or not user.credential:  # somebody else, or whoever acts for it
            return False
        secret = _secret(Subject("Client", Name(*client), user.uid), lookup)
        if secret is None or secret["metadata"]["uid"] != user.credential:
            return True
        tokens = accepted_tokens(secret)
        return tokens is None or user.token not in tokens.ids(self._now())

    def grants(self, user: User) -> Sequence[Grant]:
        """The rights by the rule set: of clients in their namespace, by name, so that impersonation finds the same."""
        if user.name == OPERATOR.name:
            return (OPERATOR_GRANT,)
        client = _client(user)
        return () if client is None else (_client_grant(*client),)

    def refusal(self, user: User, key: Key, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> str | None:
        """A Client may hold its own leases and no others, so many at most, and its deletions may not be held up."""
        client = _client(user)
        if client is None or key.resource != f"leases.{GROUP}":
            return None
        if old is None:
            refused = lease_ownership.creation_refusal(client[1], _wanted_holder(new))
            held = self._leases_held(Name(*client))
            return refused or lease_ownership.quota_refusal(client[1], held) or _finalizer_refusal(client[1], {}, new)
        if held_up := _finalizer_refusal(client[1], old, new):
            return held_up
        refused = lease_ownership.change_refusal(client[1], key.name, _holder(old))
        if refused or new is None or _wanted_holder(new) == _wanted_holder(old):
            return refused
        accepted = bool(_status(old).get("accepted"))
        return lease_ownership.transfer_refusal(client[1], _wanted_holder(new), accepted=accepted)


def _client_grant(namespace: str, name: str) -> Grant:
    rules = (
        Rule(READ, (GROUP,), ("exporters", "leases", "exporteraccesspolicies")),
        Rule(("create", "update", "patch", "delete"), (GROUP,), ("leases",)),
        Rule(READ, (GROUP,), ("clients",), names=(name,)),
        Rule(READ, _EVENT_GROUPS, ("events",)),
        Rule(("get",), ("",), ("namespaces",), names=(namespace,)),
    )
    return Grant(rules, namespace)


def _client(user: User) -> tuple[str, str] | None:
    """Namespace and name of the Client whose user this is."""
    match user.name.split(":"):
        case [prefix, namespace, name] if prefix == _PREFIX and namespace and name:
            return namespace, name
    return None


def _secret(subject: Subject, lookup: Lookup) -> Mapping[str, Any] | None:
    """The Secret of a Client; None where one of them is gone, or the Client is disabled or another."""
    name = subject.name
    client = lookup(Key(f"clients.{GROUP}", name.namespace, name.name))
    if client is None or client["metadata"]["uid"] != subject.uid or client["metadata"].get("deletionTimestamp"):
        return None
    if not is_enabled(client):
        return None
    return lookup(Key("secrets", name.namespace, secret_name(subject.kind, name.name)))


def _finalizer_refusal(client: str, old: Mapping[str, Any], new: Mapping[str, Any] | None) -> str | None:
    """A finalizer that nobody removes would keep a lease, and its name, for ever."""
    before = set((old.get("metadata") or {}).get("finalizers") or ())
    added = [each for each in ((new or {}).get("metadata") or {}).get("finalizers") or () if each not in before]
    return f'client "{client}" may not set finalizers on a lease; leave them out' if added else None


def _wanted_holder(lease: Mapping[str, Any] | None) -> str:
    return _holder_in((lease or {}).get("spec"))


def _holder(lease: Mapping[str, Any]) -> str:
    """The holder's name: by the accepted spec, and before that by the spec."""
    return _holder_in(_status(lease).get("accepted") or lease.get("spec"))


def _holder_in(spec: Any) -> str:
    return str(((spec or {}).get("clientRef") or {}).get("name") or "")


def _status(lease: Mapping[str, Any]) -> Mapping[str, Any]:
    return lease.get("status") or {}
