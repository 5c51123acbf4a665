"""Who is revoked: a client that was deleted, or whose credential was. Its leases are released.

A Lease records as whom its client holds it: by the uids of the Client and of the Secret with its token. So a deletion
is known for what it is whenever an operator looks, and whoever has the name by then.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from jumplab_operator.controller.lab import Name
from jumplab_operator.handlers.cluster import Cluster
from jumplab_operator.handlers.holders import holder_of
from jumplab_operator.handlers.kube import CUSTOM, path
from jumplab_operator.leasing import expiry
from jumplab_operator.leasing.expiry import Ending
from jumplab_operator.resources import Client, Holder, Lease, LeaseSpec

_REMEMBERED = 10_000
_K = TypeVar("_K")
_V = TypeVar("_V")


class Revocations:
    """Finds the leases of revoked clients."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._revoked: dict[Holder, Ending] = {}
        """What the API has said: it stays so, since no uid is given twice."""
        self._former: dict[str, Holder] = {}
        """By the uids of leases that didn't record their holder before that one was revoked."""

    def note(self, lease: Lease, holder: Holder) -> None:
        """The client that has the lease's name of a client is revoked."""
        if lease.status.holder is None:
            _put(self._former, lease.uid, holder)

    async def ending(self, lease: Lease) -> Ending | None:
        """The ending of a lease whose holder is revoked. Raises ApiRefused.

        It is decided on what the API answers now: a snapshot may lag, and an API that is away says nothing.
        """
        holder = lease.status.holder or self._former.get(lease.uid)
        if holder is None and not lease.status.exporter_names:
            return None  # nobody has held it yet: its client may still be made
        if holder is not None and holder in self._revoked:
            return self._revoked[holder]
        name = holder_of(lease)
        known = self._cluster.snapshot.get(Client, name)
        if known is not None and _ending(name.name, holder, _seen(known)) is None:
            return None
        answer = await self._cluster.kube.get(path(CUSTOM, Client.PLURAL, name.namespace, name.name))
        if answer is not None:
            self._cluster.snapshot.put(Client, answer)
        ending = _ending(name.name, holder, _answered(answer))
        if ending is not None and holder is not None:
            _put(self._revoked, holder, ending)
        return ending


def recorded_holder(lease: Lease, spec: LeaseSpec | None, cluster: Cluster) -> Holder | None:
    """The holder to be recorded with a spec that is in force. A revoked one stays: it is for `Revocations` to see."""
    known, accepted = lease.status.holder, lease.status.accepted
    if spec is None:
        return known
    if accepted is None or accepted.client_ref != spec.client_ref:
        known = None
    if known is not None and known.credential_uid:
        return known
    client = cluster.snapshot.get(Client, Name(lease.namespace, spec.client_ref.name))
    if client is None or (known is not None and known.uid != client.uid):
        return known
    return holder_as(client)


def holder_as(client: Client) -> Holder:
    """What is recorded of the leases that the client holds now."""
    return Holder(uid=client.uid, credential_uid=client.status.credential_uid or None)


def told_revocation(before: Client | None, now: Client | None) -> str:
    """Why a client is revoked that was seen like this before and now (None: it is gone); empty: it isn't."""
    if before is None or _seen(before) is None:
        return ""
    ending = _ending(before.name, holder_as(before), _seen(now) if now is not None else None)
    return ending.message.removeprefix("released: ") if ending is not None else ""


class _Who(NamedTuple):
    """A client that is there."""

    uid: str
    credential_uid: str


def _seen(client: Client) -> _Who | None:
    if client.metadata.deletion_timestamp is not None:
        return None
    return _Who(client.uid, client.status.credential_uid)


def _answered(client: Mapping[str, Any] | None) -> _Who | None:
    """The same of a plain object, which needn't be readable."""
    if client is None or client["metadata"].get("deletionTimestamp"):
        return None
    credential = client.get("status", {}).get("credential") or {}
    return _Who(client["metadata"]["uid"], credential.get("uid", ""))


def _put(memory: dict[_K, _V], key: _K, value: _V) -> None:
    memory[key] = value
    while len(memory) > _REMEMBERED:
        del memory[next(iter(memory))]


def _ending(name: str, holder: Holder | None, client: _Who | None) -> Ending | None:
    if client is None or (holder is not None and holder.uid != client.uid):
        return expiry.client_deleted(name)
    if holder is not None and holder.credential_uid not in (None, client.credential_uid):
        return expiry.credential_removed(name)
    return None
