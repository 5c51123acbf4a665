"""A lease that can't be read, and of which no spec was ever accepted: its status gets the reason."""

from pydantic import ValidationError

from jumplab_operator.kube.object_store import StoredObject
from jumplab_operator.leasing.lease import conditions as lease_conditions
from jumplab_operator.leasing.lease.validation import Refusal
from jumplab_operator.reconcile.context.context import Cluster, whole_seconds
from jumplab_operator.resources import Lease, LeaseSpec, LeaseStatus, ObjectRef
from jumplab_operator.resources.conditions import merge_conditions
from jumplab_operator.resources.metadata import Metadata

_NO_SPEC = LeaseSpec(client_ref=ObjectRef(name="unreadable"))
"""It stands for the spec, which nothing looks at."""


async def refuse(stored: StoredObject, cluster: Cluster) -> None:
    """Writes the condition Invalid; nothing where the status can't be read either. Raises ApiError."""
    try:
        status = LeaseStatus.model_validate(stored.plain.get("status") or {})
    except ValidationError:
        return  # it may be in force: it stays as it is
    lease = Lease(metadata=Metadata.model_validate(stored.plain["metadata"]), spec=_NO_SPEC, status=status)
    refusal = Refusal("Unreadable", f"the lease can't be read: {stored.problem}; correct it")
    now, generation = whole_seconds(cluster.clock.now()), lease.metadata.generation
    merged = merge_conditions(status.conditions, lease_conditions.invalid(refusal), now, generation)
    fields = {"observed_generation": generation, "conditions": merged, "state": "Invalid"}
    await cluster.write_status(lease, status.model_copy(update=fields))
