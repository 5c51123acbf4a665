"""Looks whether the Secrets of clients and exporters are still there.

The operator may not list or watch Secrets, which would show it all of a namespace's. It asks for those that matter: of
clients that hold leases, wait for them, or have a call open, and of exporters that are leased, every few seconds; of
the others in turn.
"""

import asyncio
from datetime import timedelta

from jumplab_operator.errors import ApiError
from jumplab_operator.kube.client import KubeApi
from jumplab_operator.reconcile.context.context import Cluster
from jumplab_operator.reconcile.lease_steps.credentials import Credentials, secret_path
from jumplab_operator.resources import Client, Exporter, Resource

OTHERS_AT_ONCE = 5
"""How many of the clients without leases and calls are checked each time, and how many of the other exporters."""
LEASED_AT_ONCE = 50
"""How many of the exporters that are leased are checked each time. More of them are checked in turn."""


class CredentialChecks:
    """Has a resource reconciled whose Secret has changed.  kube: a request queue that leases do not use."""

    def __init__(self, kube: KubeApi, cluster: Cluster, credentials: Credentials, every: timedelta) -> None:
        self._kube = kube
        self._cluster = cluster
        self._credentials = credentials
        self._every = every
        self._turn: list[str] = []
        self._leased: list[str] = []
        self._unleased: list[str] = []

    async def run(self) -> None:
        """Looks for ever."""
        while True:
            await self._cluster.clock.sleep(self._every)
            self._cluster.callers.end_replaced(self._cluster.clock.now())
            async with asyncio.TaskGroup() as tasks:
                for resource in (*self._due(), *self._due_exporters()):
                    tasks.create_task(self._look(resource), name=f"the credential of {resource.name}")

    def _due_exporters(self) -> list[Exporter]:
        objects = self._cluster.objects
        if not self._leased or not self._unleased:
            known = [it for uid in objects.uids(Exporter) if (it := objects.by_uid(Exporter, uid)) is not None]
            self._leased = self._leased or [it.uid for it in known if it.status.lease_ref is not None]
            self._unleased = self._unleased or [it.uid for it in known if it.status.lease_ref is None]
        due = self._leased[-LEASED_AT_ONCE:] + self._unleased[-OTHERS_AT_ONCE:]
        del self._leased[-LEASED_AT_ONCE:], self._unleased[-OTHERS_AT_ONCE:]
        return [it for uid in due if (it := objects.by_uid(Exporter, uid)) is not None]

    def _due(self) -> list[Client]:
        objects = self._cluster.objects
        holding = [objects.get(Client, name) for name in self._cluster.holders.clients()]
        calling = [objects.by_uid(Client, uid) for uid in self._cluster.callers.uids()]
        self._turn = self._turn or sorted(objects.uids(Client))
        others = [objects.by_uid(Client, uid) for uid in self._turn[-OTHERS_AT_ONCE:]]
        del self._turn[-OTHERS_AT_ONCE:]
        return list({it.uid: it for it in (*holding, *calling, *others) if it is not None}.values())

    async def _look(self, resource: Resource) -> None:
        try:
            secret = await self._kube.get(secret_path(resource))
        except ApiError:
            return  # the Secret may be there all the same; it is checked again
        if not self._credentials.is_as_known(resource, secret):
            self._credentials.forget(resource.uid)
            self._cluster.queue.add(resource.uid)
