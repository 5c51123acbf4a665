"""ExporterAccessPolicy: which clients may lease which exporters, and how."""

from typing import ClassVar

from pydantic import Field

from jumplab_operator.resources.metadata import Condition, GoDuration, Model, Resource
from jumplab_operator.resources.selector import LabelSelector


class From(Model):
    """Clients that a rule applies to."""

    client_selector: LabelSelector = Field(
        default_factory=LabelSelector, description="Label selector for clients. An empty selector matches all."
    )


class Policy(Model):
    """One rule: the clients that it applies to, and what it grants."""

    description: str | None = Field(default=None, description="Purpose of the rule.")
    priority: int = Field(
        default=0,
        ge=-(2**31),
        le=2**31 - 1,
        description="Priority of leases under this rule. A higher number goes first.",
    )
    from_: list[From] = Field(
        default_factory=list, alias="from", description="Clients of the rule. An empty list matches nobody."
    )
    maximum_duration: GoDuration | None = Field(default=None, description="Longest permitted duration of a lease.")
    spot_access: bool = Field(default=False, description="True permits the preemption of leases under this rule.")
    weight: int = Field(
        default=1, ge=1, le=1000, description="Fair share of a client, relative to the weights of others."
    )
    maximum_leases: int | None = Field(
        default=None, ge=0, description="Quota: number of leases of one client in force at the same time."
    )
    maximum_exporters: int | None = Field(
        default=None, ge=0, description="Quota: number of exporters of one client at the same time."
    )
    accept_transfers: list[From] | None = Field(
        default=None,
        description="Clients that may transfer a lease to a client of the rule. Without it, all of the namespace; an "
        "empty list matches nobody.",
    )


class ExporterAccessPolicySpec(Model):
    """Exporters, and the rules that apply to them."""

    exporter_selector: LabelSelector = Field(
        default_factory=LabelSelector, description="Label selector for exporters. An empty selector matches all."
    )
    policies: list[Policy] = Field(
        default_factory=list, description="Rules. Of several that match, the one with the highest priority applies."
    )


class ExporterAccessPolicyStatus(Model):
    """The observed state of the policy."""

    conditions: list[Condition] = Field(
        default_factory=list, description="Valid: false if the policy can't be read; such a policy grants nothing."
    )


class ExporterAccessPolicy(Resource):
    """Which clients may lease which exporters. Without a policy, every client may lease each exporter."""

    KIND: ClassVar[str] = "ExporterAccessPolicy"
    PLURAL: ClassVar[str] = "exporteraccesspolicies"

    spec: ExporterAccessPolicySpec = Field(default_factory=ExporterAccessPolicySpec)
    status: ExporterAccessPolicyStatus = Field(default_factory=ExporterAccessPolicyStatus)
