"""Records of what becomes of leases, clients, exporters and policies, whoever has changed them."""

from jumplab_operator.audit import OperatorAudit
from jumplab_operator.kube.object_store import StoredObject
from jumplab_operator.resources import ExporterAccessPolicy, Lease, LeaseStatus
from jumplab_operator.resources.conditions import find_condition, is_true


class LabAudit:
    """Listens to the object store.  audit: where the records go."""

    def __init__(self, audit: OperatorAudit) -> None:
        self._audit = audit

    def on_change(self, before: StoredObject | None, now: StoredObject | None) -> None:
        """An object has changed; None: there was, or is, none."""
        seen = now or before
        if seen is None:
            return
        kind = "policy" if seen.kind is ExporterAccessPolicy else seen.kind.KIND.lower()
        names = {kind: f"{seen.name.namespace}/{seen.name.name}", f"{kind}_uid": seen.uid}
        if before is None or now is None:
            self._audit.add(f"{kind}-{'created' if before is None else 'deleted'}", **names, **_holder(seen))
        elif _generation(before) != _generation(now):
            self._audit.add(f"{kind}-changed", **names, **_holder(seen), generation=_generation(now))
        if now is not None and isinstance(now.resource, Lease):
            known = before.resource if before is not None else None
            status = known.status if isinstance(known, Lease) else LeaseStatus()
            self._follow(names | _holder(seen), status, now.resource.status)

    def _follow(self, names: dict[str, str], before: LeaseStatus, now: LeaseStatus) -> None:
        exporters = list(now.exporter_names)
        if exporters and exporters != list(before.exporter_names):
            self._audit.add("lease-assigned", **names, exporters=exporters)
        ready = find_condition(now.conditions, "Ready")
        if is_true(now.conditions, "Ready") and not is_true(before.conditions, "Ready"):
            self._audit.add("lease-ready", **names, exporters=exporters)
        if now.ended and not before.ended:
            reason = ready.reason if ready is not None else ""
            self._audit.add("lease-ended", **names, exporters=exporters, reason=reason)


def _generation(seen: StoredObject) -> int:
    """Changes with the spec; of an object that can't be read it is unknown."""
    return seen.resource.metadata.generation if seen.resource is not None else 0


def _holder(seen: StoredObject) -> dict[str, str]:
    """The client of a lease: by what was accepted, and before that by what is asked for."""
    lease = seen.resource
    if not isinstance(lease, Lease):
        return {}
    return {"holder": f"{lease.namespace}/{(lease.status.accepted or lease.spec).client_ref.name}"}
