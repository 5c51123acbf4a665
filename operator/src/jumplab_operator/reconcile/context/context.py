"""The context of every reconcile, and the only way in which it writes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from jumplab_operator.clock import Clock
from jumplab_operator.errors import ApiError
from jumplab_operator.kube.client import CUSTOM, KubeApi, path
from jumplab_operator.kube.event_recorder import EventRecorder
from jumplab_operator.kube.object_store import ObjectStore
from jumplab_operator.names import Name
from jumplab_operator.reconcile.context.callers import Callers
from jumplab_operator.reconcile.context.change_notifier import ChangeNotifier, HolderNotifier
from jumplab_operator.reconcile.context.connections import Connections
from jumplab_operator.reconcile.context.ended_leases import EndedLeases
from jumplab_operator.reconcile.context.holders import Holders
from jumplab_operator.reconcile.context.past_leases import PastLeases
from jumplab_operator.reconcile.context.pauses import Pauses
from jumplab_operator.reconcile.context.settings import LabSettings
from jumplab_operator.reconcile.context.workqueue import WorkQueue
from jumplab_operator.resources import Exporter, ExporterAccessPolicy, Lease, Resource
from jumplab_operator.resources.metadata import Model

_R = TypeVar("_R", bound=Resource)
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster as the operator sees it, and its hands."""

    kube: KubeApi
    settings: LabSettings
    clock: Clock
    objects: ObjectStore
    presence: Connections
    queue: WorkQueue
    events: EventRecorder
    pauses: Pauses
    ended: EndedLeases
    topics: ChangeNotifier = field(default_factory=ChangeNotifier)
    holdings: HolderNotifier = field(default_factory=HolderNotifier)
    holders: Holders = field(default_factory=Holders)
    callers: Callers = field(default_factory=Callers)
    past: PastLeases = field(default_factory=PastLeases)
    deadlines: dict[str, datetime] = field(default_factory=dict)
    """The latest end of each lease that had an exporter, by uid; the entries outlive the Lease objects."""

    def exporters_of(self, lease: Lease) -> list[Exporter]:
        """The exporters that a lease is assigned to, as far as they are known."""
        names = [Name(lease.namespace, name) for name in lease.status.exporter_names]
        return [found for name in names if (found := self.objects.get(Exporter, name)) is not None]

    def policies(self, namespace: str) -> list[ExporterAccessPolicy | None]:
        """The access policies of a namespace; None for each that can't be read."""
        uids = self.objects.uids(ExporterAccessPolicy)
        found = [seen for uid in uids if (seen := self.objects.seen(uid)) and seen.name.namespace == namespace]
        return [seen.resource if isinstance(seen.resource, ExporterAccessPolicy) else None for seen in found]

    async def write_status(self, resource: Resource, after: Model) -> bool:
        """Writes what differs of the status that the API has, on the resource version that `resource` has.

        False: nothing does. Raises ApiError; on 409 the store has the object's newest state by then, and the next
        reconcile sees it.
        """
        changes = status_changes(self.objects.stored_status(resource), after)
        if not changes:
            self.objects.drop_deferred(resource.uid)
            return False
        body = {"metadata": {"resourceVersion": resource.metadata.resource_version}, "status": changes}
        await self.merge(resource, body, "status")
        return True

    async def change_status(self, resource: _R, changed: Callable[[_R], Model]) -> None:
        """Writes the status that `changed` makes of the resource's newest state, whoever else writes meanwhile.

        For changes that do not depend on the rest of the status. Raises ApiError.
        """
        for attempt in range(_ATTEMPTS):
            newest = self.objects.by_uid(type(resource), resource.uid) or resource
            try:
                await self.write_status(newest, changed(newest))
            except ApiError as refused:
                if refused.status != 409 or attempt == _ATTEMPTS - 1:
                    raise
            else:
                return

    async def merge(self, resource: Resource, body: Mapping[str, Any], sub: str = "") -> None:
        """Merge-patches a resource and takes the answer over."""
        try:
            answer = await self.kube.merge(object_path(resource, sub), body)
        except ApiError as refused:
            if refused.status in (404, 409):
                await self.refresh(resource)
            raise
        self.objects.put(type(resource), answer)

    async def refresh(self, resource: Resource) -> None:
        """Asks the API for the object anew."""
        current = await self.kube.get(object_path(resource))
        if current is None or current["metadata"]["uid"] != resource.uid:
            self.objects.drop(resource.uid)
        if current is not None:
            self.objects.put(type(resource), current)


def object_path(resource: Resource, sub: str = "") -> str:
    """The resource's path in the API."""
    return path(CUSTOM, resource.PLURAL, resource.namespace, resource.name, sub)


def status_changes(before: Model, after: Model) -> dict[str, Any]:
    """The merge patch from one status to the other, which is of the same kind; only what differs is looked at."""
    changed = {name for name in type(after).model_fields if getattr(before, name) != getattr(after, name)}
    return difference(before.to_plain(changed), after.to_plain(changed)) if changed else {}


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON merge patch (RFC 7386) that turns `before` into `after`."""
    changes: dict[str, Any] = {key: None for key in before if key not in after}
    for key, new in after.items():
        old = before.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            if inner := difference(old, new):
                changes[key] = inner
        elif key not in before or old != new:
            changes[key] = new
    return changes


def whole_seconds(moment: datetime) -> datetime:
    """The moment, rounded up: resources carry whole seconds, and what lasts until then isn't cut short."""
    utc = moment.astimezone(UTC)
    return utc if utc.microsecond == 0 else utc.replace(microsecond=0) + timedelta(seconds=1)
