"""Reconciles an ExporterAccessPolicy: whether it can be read. One that can't grants nothing, and says so."""

from jumplab_operator.kube.object_store import StoredObject
from jumplab_operator.leasing.model.policy_rules import policy_problem
from jumplab_operator.reconcile.context.context import Cluster, whole_seconds
from jumplab_operator.resources import ExporterAccessPolicy
from jumplab_operator.resources.conditions import condition, merge_conditions
from jumplab_operator.resources.metadata import Metadata
from jumplab_operator.resources.policy import ExporterAccessPolicyStatus


class PolicyReconciler:
    """The reconcile of one kind."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def reconcile(self, seen: StoredObject) -> None:
        """Writes the condition Valid. Raises ApiError."""
        policy = seen.resource if isinstance(seen.resource, ExporterAccessPolicy) else _shell(seen)
        problem = seen.problem or policy_problem(policy)
        valid = (
            condition("Valid", False, "Unreadable", f"it grants nothing until this is corrected: {problem}")
            if problem
            else condition("Valid", True, "Valid", "it is in force")
        )
        now = whole_seconds(self._cluster.clock.now())
        conditions = merge_conditions(policy.status.conditions, [valid], now, policy.metadata.generation)
        await self._cluster.write_status(policy, ExporterAccessPolicyStatus(conditions=conditions))


def _shell(seen: StoredObject) -> ExporterAccessPolicy:
    """The metadata and the status of a policy whose spec can't be read."""
    status = ExporterAccessPolicyStatus.model_validate(seen.plain.get("status") or {})
    return ExporterAccessPolicy(metadata=Metadata.model_validate(seen.plain["metadata"]), status=status)
