"""Reconciles a Client: its credential, and the revocation where that was removed."""

from datetime import datetime, timedelta

from jumplab_operator.errors import ApiRefused
from jumplab_operator.kube.event_recorder import Event
from jumplab_operator.reconcile.context.context import Cluster
from jumplab_operator.reconcile.lease_steps.credentials import Credential, CredentialRemoved, Credentials
from jumplab_operator.resources import Client, ClientStatus, IssuedCredential

_SOONEST = timedelta(minutes=1)


class ClientReconciler:
    """The reconcile of one kind."""

    def __init__(self, cluster: Cluster, credentials: Credentials) -> None:
        self._cluster = cluster
        self._credentials = credentials

    async def reconcile(self, client: Client) -> None:
        """Writes the Client's Secret where need be, and its status. Raises ApiError."""
        if client.metadata.deletion_timestamp is not None:
            return
        recorded = client.status.credential_uid
        try:
            credential = await self._credentials.ensure(client, recorded)
        except CredentialRemoved:
            credential = await self._revoke(client, recorded)
        await self._write_status(client, credential)

    async def rotate(self, client: Client, token: str) -> Credential:
        """A new token in place of this one. Raises TokenReplaced, ApiError."""
        credential = await self._credentials.rotate(client, token, client.status.credential_uid)
        await self._write_status(client, credential)
        return credential

    async def _revoke(self, client: Client, removed: str) -> Credential:
        """The Secret of that uid is gone: this is recorded first; the rest follows from it. Then comes a new one."""
        await self._cluster.change_status(client, lambda newest: _without(newest.status, removed))
        newest = self._cluster.objects.by_uid(Client, client.uid)
        if newest is None or newest.status.credential_uid:  # an earlier try got there, and its answer was lost
            raise ApiRefused(409, f'Client "{client.name}" already has another credential; reconciling again')
        message = "its Secret was deleted; its sessions end, its leases are released, and a new Secret is created"
        self._cluster.events.record(client, Event("CredentialRemoved", message, warning=True))
        return await self._credentials.renew(client)

    async def _write_status(self, client: Client, credential: Credential) -> None:
        expires = credential.expires if credential.fresh else client.status.token_expires_at
        changes = {
            "credential": IssuedCredential(
                name=credential.secret, uid=credential.uid, creation_time=credential.created
            ),
            "endpoint": self._cluster.settings.endpoint,
            "token_expires_at": expires,
        }
        await self._cluster.change_status(client, lambda newest: newest.status.model_copy(update=changes))
        if expires is not None:
            self._cluster.queue.add_at(client.uid, next_look(expires, self._cluster.clock.now()))


def _without(status: ClientStatus, removed: str) -> ClientStatus:
    """The status without that credential."""
    if status.credential_uid != removed:
        return status
    return status.model_copy(update={"credential": None, "token_expires_at": None})


def next_look(expires: datetime, now: datetime) -> datetime:
    """When to ask again whether the token is to be renewed: half-way to its expiry."""
    return now + max((expires - now) / 2, _SOONEST)
