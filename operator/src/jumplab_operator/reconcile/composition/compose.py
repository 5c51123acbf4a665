"""Composes the operator: no other module knows all its parts.

    async with running_lab(KubeAccess(url, ca_pem, token), LabSettings(endpoint="lab:8082"), issuer) as lab:
        ...  # serve the gRPC services over `lab`; leaving the context stops watches, workers and timers

`lab` is a `jumplab_operator.controller.lab.Lab`. Entering waits for the API server and for one list of each kind. A
background task that fails ends the body: run it under a supervisor.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jumplab_operator.clock import Clock, SystemClock
from jumplab_operator.kube import kopf_watch
from jumplab_operator.kube.access import KubeAccess
from jumplab_operator.kube.client import KubeApi, connected
from jumplab_operator.kube.concurrency_limit import ConcurrencyLimit
from jumplab_operator.kube.event_recorder import EventRecorder
from jumplab_operator.kube.informer import Informer
from jumplab_operator.kube.object_store import ObjectStore
from jumplab_operator.reconcile.composition.lab_service import LabService
from jumplab_operator.reconcile.composition.manager import Manager
from jumplab_operator.reconcile.context.connections import Connections
from jumplab_operator.reconcile.context.context import Cluster
from jumplab_operator.reconcile.context.ended_leases import EndedLeases
from jumplab_operator.reconcile.context.pauses import Pauses
from jumplab_operator.reconcile.context.settings import LabSettings
from jumplab_operator.reconcile.context.workqueue import WorkQueue
from jumplab_operator.reconcile.lease_steps.credential_checks import CredentialChecks
from jumplab_operator.reconcile.lease_steps.credentials import Credentials, TokenIssuer
from jumplab_operator.reconcile.scheduling.scheduler_loop import SchedulerLoop

_WORKERS = 8


@asynccontextmanager
async def running_lab(
    access: KubeAccess, settings: LabSettings, issuer: TokenIssuer, clock: Clock | None = None
) -> AsyncIterator[LabService]:
    """The lab over a Kubernetes API, while the context lasts. Raises ApiError where the CRDs aren't installed."""
    clock = clock or SystemClock()
    watch = kopf_watch.of_cluster(access, settings.namespaces, clock)
    async with connected(access) as kube, lab_over(kube, watch, settings, issuer, clock) as lab:
        yield lab


@asynccontextmanager
async def lab_over(
    kube: KubeApi, watch: kopf_watch.Watch, settings: LabSettings, issuer: TokenIssuer, clock: Clock
) -> AsyncIterator[LabService]:
    """The same, over a given API and a watch of its changes."""
    beside, kube = ConcurrencyLimit(kube), ConcurrencyLimit(kube)
    queue = WorkQueue(clock)
    cluster = Cluster(
        kube=kube,
        settings=settings,
        clock=clock,
        objects=ObjectStore(),
        presence=Connections(clock.now(), settings.connection_grace, settings.return_within),
        queue=queue,
        events=EventRecorder(kube, clock, queue.calm, settings.attach_first),
        pauses=Pauses(clock),
        ended=EndedLeases(settings.ended_of_client, settings.ended_of_namespace),
    )
    scheduler_loop = SchedulerLoop(cluster)
    credentials = Credentials(kube, issuer, settings.ca_pem, cluster.callers, clock)
    reconciler = Manager(cluster, scheduler_loop, credentials)
    checks = CredentialChecks(beside, cluster, credentials, settings.check_credentials_every)
    informer = Informer(kube, cluster.objects, settings.namespaces, settings.relist_every, clock)
    await informer.list_first()
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(watch(informer.on_event), name="watches"),
            group.create_task(informer.keep_listing(), name="lists"),
            group.create_task(scheduler_loop.run(), name="plan"),
            group.create_task(scheduler_loop.positions.run(), name="queue positions"),
            group.create_task(cluster.queue.keep_time(), name="timers"),
            group.create_task(cluster.pauses.run(), name="pauses"),
            group.create_task(reconciler.deferred_status.run(), name="deferred statuses"),
            group.create_task(cluster.events.post(), name="events"),
            group.create_task(checks.run(), name="clients' credentials"),
        ]
        for number in range(_WORKERS):
            worker = cluster.queue.work(reconciler.reconcile)
            tasks.append(group.create_task(worker, name=f"reconcile {number}"))
        try:
            yield LabService(cluster, scheduler_loop, reconciler)
        finally:
            for task in tasks:
                task.cancel()
