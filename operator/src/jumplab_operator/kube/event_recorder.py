"""Kubernetes Events: what happened to a lease, for `kubectl describe`. They are posted behind the work, best effort."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from jumplab_operator.clock import Clock
from jumplab_operator.errors import ApiError, NotLeading
from jumplab_operator.kube.client import CORE, KubeApi, path
from jumplab_operator.resources import GROUP, VERSION, Resource
from jumplab_operator.resources.metadata import format_instant

_log = logging.getLogger(__name__)

_WAITING = 5000
"""The most Events that wait while the API is slow or away; more are dropped."""
_LONGEST_WAIT = timedelta(seconds=1)
"""How often one is posted while there is no end of urgent work."""
_SPREAD = timedelta(milliseconds=50)
"""Nobody waits for Events: while there are few, the requests of leases go first."""
_FEW = 1000


@dataclass(frozen=True, slots=True)
class Event:
    """The content of an Event.  about: further keys of its line in the log."""

    reason: str
    message: str
    warning: bool = False
    about: Mapping[str, str] = field(default_factory=dict)


class EventRecorder:
    """Posts Events about resources.

    calm: returns once there is nothing more urgent to write, or when so much time has passed.  pause: what an Event
    waits at least.
    """

    def __init__(
        self, kube: KubeApi, clock: Clock, calm: Callable[[timedelta], Awaitable[None]], pause: timedelta
    ) -> None:
        self._kube = kube
        self._clock = clock
        self._calm = calm
        self._pause = pause
        self._posts: asyncio.Queue[tuple[datetime, str, dict[str, object]]] = asyncio.Queue(_WAITING)

    def record(self, resource: Resource, happening: Event) -> None:
        """Logs what happened, and queues an Event; never waits and never fails."""
        log_transition(_log, resource, happening)
        now = self._clock.now()
        try:
            self._posts.put_nowait((now + self._pause, resource.namespace, _event(resource, happening, now)))
        except asyncio.QueueFull:
            _log.warning('%s "%s": %s (no Event: too many are queued)', resource.KIND, resource.name, happening.message)

    async def post(self) -> None:
        """Posts what was recorded, for ever."""
        while True:
            due, namespace, event = await self._posts.get()
            await self._clock.sleep(min(max(due - self._clock.now(), timedelta(0)), self._pause))
            await self._calm(_LONGEST_WAIT)
            try:
                await self._kube.create(path(CORE, "events", namespace), event)
            except NotLeading:
                pass  # that it does not lead is logged once, and not for each Event
            except ApiError as refused:
                _log.info("an Event was not posted: %s", refused)
            if self._posts.qsize() < _FEW:
                await self._clock.sleep(_SPREAD)


def log_transition(log: logging.Logger, resource: Resource, happening: Event) -> None:
    """The one line at level info for what happened to a resource."""
    kind, name = resource.KIND.lower(), f"{resource.namespace}/{resource.name}"
    keys = {**happening.about, kind: name, "reason": happening.reason}
    log.info('%s "%s": %s: %s', kind, name, happening.reason, happening.message, extra=keys)


def _event(resource: Resource, happening: Event, now: datetime) -> dict[str, object]:
    moment = format_instant(now.replace(microsecond=0))
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{resource.name}.", "namespace": resource.namespace},
        "involvedObject": {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": resource.KIND,
            "namespace": resource.namespace,
            "name": resource.name,
            "uid": resource.uid,
            "resourceVersion": resource.metadata.resource_version,
        },
        "reason": happening.reason,
        "message": happening.message[:1024],
        "type": "Warning" if happening.warning else "Normal",
        "source": {"component": "jumplab-operator"},
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }
