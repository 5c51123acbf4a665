"""Reconciles a Client: its credential."""

from datetime import datetime, timedelta

from jumplab_operator.handlers.cluster import Cluster
from jumplab_operator.handlers.credentials import Credential, Credentials
from jumplab_operator.resources import Client, ObjectRef

_SOONEST = timedelta(minutes=1)


class Clients:
    """The reconcile of one kind."""

    def __init__(self, cluster: Cluster, credentials: Credentials) -> None:
        self._cluster = cluster
        self._credentials = credentials

    async def reconcile(self, client: Client) -> None:
        """Sees to the Client's Secret and tells of it in the status. Raises ApiRefused."""
        if client.metadata.deletion_timestamp is not None:
            return
        await self._tell(client, await self._credentials.ensure(client))

    async def rotate(self, client: Client) -> Credential:
        """A new token; the one before is not in the Secret any more. Raises ApiRefused."""
        credential = await self._credentials.rotate(client)
        await self._tell(client, credential)
        return credential

    async def _tell(self, client: Client, credential: Credential) -> None:
        expires = credential.expires if credential.fresh else client.status.token_expires_at
        told = {
            "credential": ObjectRef(name=credential.secret),
            "endpoint": self._cluster.settings.endpoint,
            "token_expires_at": expires,
        }
        await self._cluster.change_status(client, lambda newest: newest.status.model_copy(update=told))
        if expires is not None:
            self._cluster.queue.add_at(client.uid, next_look(expires, self._cluster.clock.now()))


def next_look(expires: datetime, now: datetime) -> datetime:
    """When to ask again whether the token is to be renewed: half-way to its expiry."""
    return now + max((expires - now) / 2, _SOONEST)
