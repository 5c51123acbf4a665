"""ExporterAccessPolicy: which clients may lease which exporters, and how."""

from typing import ClassVar

from pydantic import Field

from jumplab_operator.resources.metadata import Condition, GoDuration, Model, Resource
from jumplab_operator.resources.selector import LabelSelector


class From(Model):
    """Clients that a policy is for."""

    client_selector: LabelSelector = Field(
        default_factory=LabelSelector, description="Which clients; an empty selector means all."
    )


class Policy(Model):
    """One rule: whom it is for and what it grants."""

    description: str | None = Field(default=None, description="What the rule is for.")
    priority: int = Field(default=0, ge=-(2**31), le=2**31 - 1, description="Higher goes first.")
    from_: list[From] = Field(default_factory=list, alias="from", description="The clients; an empty list: nobody.")
    maximum_duration: GoDuration | None = Field(default=None, description="The longest lease that it permits.")
    spot_access: bool = Field(default=False, description="Leases under this rule may be preempted.")
    weight: int = Field(default=1, ge=1, le=1000, description="The share of a client among others (fair share).")
    maximum_leases: int | None = Field(default=None, ge=0, description="How many leases a client may hold at once.")
    maximum_exporters: int | None = Field(
        default=None, ge=0, description="How many exporters a client may hold at once."
    )


class ExporterAccessPolicySpec(Model):
    """Exporters, and the rules for them."""

    exporter_selector: LabelSelector = Field(
        default_factory=LabelSelector, description="Which exporters; an empty selector means all."
    )
    policies: list[Policy] = Field(default_factory=list, description="The rules.")


class ExporterAccessPolicyStatus(Model):
    """What the operator makes of a policy."""

    conditions: list[Condition] = Field(default_factory=list, description="Valid.")


class ExporterAccessPolicy(Resource):
    """Who may lease what. Where a namespace has none, every client may lease every exporter."""

    KIND: ClassVar[str] = "ExporterAccessPolicy"
    PLURAL: ClassVar[str] = "exporteraccesspolicies"

    spec: ExporterAccessPolicySpec = Field(default_factory=ExporterAccessPolicySpec)
    status: ExporterAccessPolicyStatus = Field(default_factory=ExporterAccessPolicyStatus)
