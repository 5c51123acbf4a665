"""Waits until this operator leads, and sees to what belongs to leading, while it does."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from jumplab_operator.clock import SystemClock
from jumplab_operator.kube.client import KubeApi, once_it_answers
from jumplab_operator.leadership import pod
from jumplab_operator.leadership.candidate import Candidate
from jumplab_operator.leadership.fence import Fenced

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Process:
    """The callbacks of a control plane to its process.

    on_standby: it is as ready as it gets without leading;  stop: end in good order; a new process goes on.
    """

    on_standby: Callable[[], None]
    stop: Callable[[], None]


@dataclass(frozen=True, slots=True)
class PodIdentity:
    """One of several operators. namespace: of the coordination Lease and of the pods;  pod: the one that it runs in."""

    namespace: str
    pod: str


class Lead:
    """The leader's tools. kube: the Kubernetes API, for its decisions."""

    def __init__(self, kube: KubeApi) -> None:
        self.kube = kube

    async def attract_clients(self) -> None:
        """Has exporters and clients come here: they are served. Raises ApiError."""


class _PodsLead(Lead):
    def __init__(self, kube: KubeApi, pod_identity: PodIdentity, candidate: Candidate) -> None:
        super().__init__(Fenced(kube, candidate.leads))
        self._unfenced = kube
        self._pod_identity = pod_identity
        self._predecessor = candidate.predecessor

    async def attract_clients(self) -> None:
        namespace, own = self._pod_identity.namespace, self._pod_identity.pod
        await once_it_answers(lambda: pod.mark(self._unfenced, namespace, own, leads=True))
        if self._predecessor not in ("", own):
            await pod.unmark_if_there(self._unfenced, namespace, self._predecessor)


@asynccontextmanager
async def leading(kube: KubeApi, pod_identity: PodIdentity | None, process: Process) -> AsyncIterator[Lead]:
    """Enters once this operator leads; without a pod identity there is nobody to compete with.

    Once another leads, nothing is written any more and the process is stopped. Leaving gives the lead up. Raises
    ApiError where a right or the pod is missing.
    """
    if pod_identity is None:
        yield Lead(kube)
        return
    await once_it_answers(lambda: pod.mark(kube, pod_identity.namespace, pod_identity.pod, leads=False))
    process.on_standby()
    candidate = Candidate(kube, pod_identity.namespace, pod_identity.pod, SystemClock())
    await candidate.until_leading()
    try:
        async with asyncio.TaskGroup() as tasks:
            renewing = tasks.create_task(_renew(candidate, process), name="renewing the lead")
            yield _PodsLead(kube, pod_identity, candidate)
            renewing.cancel()
    finally:
        await pod.unmark_if_there(kube, pod_identity.namespace, pod_identity.pod)
        await candidate.give_up()


async def _renew(candidate: Candidate, process: Process) -> None:
    other = await candidate.until_lost()
    _log.error("%s is the leader now; stopping", f'the operator "{other}"' if other else "another operator")
    process.stop()
