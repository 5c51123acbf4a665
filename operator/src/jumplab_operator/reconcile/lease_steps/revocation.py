"""Revocation: a client that is deleted or disabled, or whose credential is deleted. Its leases are released.

A Lease records its holder by the uids of the Client and of the Secret with its token. So a deletion is noticed whenever
an operator looks, even if another client has the name by then.
"""

from datetime import datetime
from typing import NamedTuple, TypeVar

from jumplab_operator.kube.client import CUSTOM, Plain, path
from jumplab_operator.leasing.lease import expiry
from jumplab_operator.leasing.lease.expiry import Ending
from jumplab_operator.names import Name
from jumplab_operator.reconcile.context.context import Cluster
from jumplab_operator.reconcile.context.holders import holder_of
from jumplab_operator.resources import Client, Holder, Lease, LeaseSpec
from jumplab_operator.resources.client import is_enabled

_REMEMBERED = 10_000
_K = TypeVar("_K")
_V = TypeVar("_V")


class Revocations:
    """Finds the leases of revoked clients."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._revoked: dict[Holder, Ending] = {}
        """By the API's answer. It is final, since no uid is given twice. A client that is disabled may come back."""
        self._former: dict[str, Holder] = {}
        """By the uids of leases that didn't record their holder before that one was revoked."""

    def note(self, lease: Lease, holder: Holder) -> None:
        """The client that has the lease's name of a client is revoked."""
        if lease.status.holder is None:
            _put(self._former, lease.uid, holder)

    async def ending(self, lease: Lease) -> Ending | None:
        """The ending of a lease whose holder is revoked. Raises ApiError.

        The API's answer decides: the object store may lag, and an API that is away means nothing.
        """
        holder = lease.status.holder or self._former.get(lease.uid)
        name, made = holder_of(lease), lease.metadata.creation_timestamp
        known = self._cluster.objects.get(Client, name)
        if holder is None and not lease.status.exporter_names and (known is None or known.spec.enabled):
            return None  # it never had a holder: its client may still be made
        if known is not None and _ending(name.name, holder, _seen(known), made) is None:
            return None
        if holder is not None and holder in self._revoked:
            return self._revoked[holder]
        answer = await self._cluster.kube.get(path(CUSTOM, Client.PLURAL, name.namespace, name.name))
        ending = _ending(name.name, holder, _answered(answer), made)
        self._take(answer, holder)
        if ending is not None and holder is not None and ending != expiry.client_disabled(name.name):
            _put(self._revoked, holder, ending)
        return ending

    def _take(self, client: Plain | None, holder: Holder | None) -> None:
        """Takes the answer over: from now on nothing is recorded for a client that is gone."""
        if holder is not None and (client is None or client["metadata"]["uid"] != holder.uid):
            self._cluster.objects.drop(holder.uid)
        if client is not None:
            self._cluster.objects.put(Client, client)


def recorded_holder(lease: Lease, spec: LeaseSpec | None, cluster: Cluster) -> Holder | None:
    """The holder to be recorded with a spec that is in force. A revoked one stays: it is for `Revocations` to see."""
    known, accepted, made = lease.status.holder, lease.status.accepted, lease.metadata.creation_timestamp
    if spec is None:
        return known
    if accepted is None or accepted.client_ref != spec.client_ref:
        known = None
    client = cluster.objects.get(Client, Name(lease.namespace, spec.client_ref.name))
    if client is None:
        return known
    if known is None or _is_anothers(known, _identity(client), made):
        return holder_as(client)
    return known if known.credential_uid or known.uid != client.uid else holder_as(client)


def holder_as(client: Client) -> Holder:
    """The holder as recorded in the client's leases from now on."""
    return Holder(uid=client.uid, credential_uid=client.status.credential_uid or None)


def revocation_message(before: Client | None, now: Client | None) -> str:
    """Why a client is revoked, by its state before and now (None: it is gone); empty: it isn't revoked."""
    if before is None or _seen(before) is None:
        return ""
    ending = _ending(before.name, holder_as(before), _seen(now) if now is not None else None)
    return ending.message if ending is not None else ""


class _Identity(NamedTuple):
    """A client that is there, since when, and the same of its credential."""

    uid: str
    created: datetime | None
    credential_uid: str
    issued: datetime | None
    enabled: bool


def _identity(client: Client) -> _Identity:
    credential = client.status.credential
    issued = credential.creation_time if credential is not None else None
    created, enabled = client.metadata.creation_timestamp, client.spec.enabled
    return _Identity(client.uid, created, client.status.credential_uid, issued, enabled)


def _seen(client: Client) -> _Identity | None:
    return _identity(client) if client.metadata.deletion_timestamp is None else None


def _answered(client: Plain | None) -> _Identity | None:
    """The same of a plain object, which needn't be readable."""
    if client is None or client["metadata"].get("deletionTimestamp"):
        return None
    metadata, credential = client["metadata"], client.get("status", {}).get("credential") or {}
    created, issued = metadata["creationTimestamp"], credential.get("creationTime")
    return _Identity(
        metadata["uid"],
        datetime.fromisoformat(created),
        credential.get("uid", ""),
        datetime.fromisoformat(issued) if issued else None,
        is_enabled(client),
    )


def _ending(name: str, holder: Holder | None, client: _Identity | None, made: datetime | None = None) -> Ending | None:
    """made: when the lease was."""
    if client is None:
        return expiry.client_deleted(name)
    if holder is not None and not _is_anothers(holder, client, made):
        if holder.uid != client.uid:
            return expiry.client_deleted(name)
        if holder.credential_uid not in (None, client.credential_uid):
            return expiry.credential_removed(name)
    return None if client.enabled else expiry.client_disabled(name)


def _is_anothers(recorded: Holder, client: _Identity, made: datetime | None) -> bool:
    """Whether a lease is this client's, with this credential, though another is recorded: it was made when these were
    there already, and recorded before that was known. In the same second nobody inherits it."""
    if recorded.uid != client.uid:
        since = client.created
    elif recorded.credential_uid not in (None, client.credential_uid):
        since = client.issued
    else:
        return False
    return made is not None and since is not None and made > since


def _put(memory: dict[_K, _V], key: _K, value: _V) -> None:
    memory[key] = value
    while len(memory) > _REMEMBERED:
        del memory[next(iter(memory))]
