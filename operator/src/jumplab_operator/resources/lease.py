"""Lease: the right of one client to use an exporter, or several, for a time."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from jumplab_operator.resources.metadata import Condition, GoDuration, Instant, Model, ObjectRef, Resource
from jumplab_operator.resources.selector import LabelSelector

TagValue = Annotated[str, Field(max_length=63)]
ContextValue = Annotated[str, Field(max_length=64)]
MOST_MEMBERS = 32
ENDED_LABEL = "jumpstarter.dev/lease-ended"
TAG_LABEL_PREFIX = "metadata.jumpstarter.dev/"


class LeasedExporter(Model):
    """One member of a gang."""

    name: str = Field(min_length=1, max_length=63, description="Name of the member within this lease.")
    selector: LabelSelector | None = Field(default=None, description="Label selector for exporters.")
    exporter_ref: ObjectRef | None = Field(default=None, description="Name of one exporter; no other is taken.")


class ExtendOnActivity(Model):
    """Extends the lease while its holder uses it."""

    by: GoDuration | None = Field(
        default=None, description="Remaining time that use keeps the lease at; at most and by default 10m."
    )
    max_duration: GoDuration | None = Field(
        default=None, description="Longest duration of the lease, counted from the moment at which it is Ready."
    )
    until: Instant | None = Field(default=None, description="Latest possible end.")


class LeaseSpec(Model):
    """The request for an exporter."""

    client_ref: ObjectRef = Field(description="Client that the lease is for.")
    selector: LabelSelector | None = Field(default=None, description="Label selector for exporters.")
    exporter_ref: ObjectRef | None = Field(default=None, description="Name of one exporter; no other is taken.")
    duration: GoDuration | None = Field(
        default=None, description="Length of the lease, counted from the moment at which it is Ready."
    )
    begin_time: Instant | None = Field(default=None, description="Begin of the lease; without it, as soon as possible.")
    end_time: Instant | None = Field(
        default=None, description="End of the lease. It can be moved while the lease is in force."
    )
    release: bool = Field(default=False, description="True ends the lease now.")
    tags: dict[str, TagValue] = Field(
        default_factory=dict,
        max_length=10,
        description="Notes for people and reports, copied to the labels metadata.jumpstarter.dev/KEY. Immutable.",
    )
    context: dict[str, ContextValue] = Field(
        default_factory=dict,
        max_length=8,
        description="Values passed to the exporter. A key has at most 32 characters. Immutable.",
    )
    allow_disabled: bool = Field(default=False, description="Permits a disabled exporter; requires exporterRef.")
    exporters: list[LeasedExporter] | None = Field(
        default=None,
        max_length=MOST_MEMBERS,
        description="Members of a gang: the lease gets all of them at once, or none.",
    )
    when_unsatisfiable: Literal["Fail", "Wait"] = Field(
        default="Fail",
        description="What happens while no exporter matches: Fail sets Unsatisfiable, Wait waits for one.",
    )
    extend_on_activity: ExtendOnActivity | None = Field(
        default=None, description="Extends the lease while its holder uses it."
    )
    release_after_detached: GoDuration | None = Field(
        default=None, description="Ends the lease once no session has been attached for this long."
    )
    ttl_seconds_after_ended: int | None = Field(
        default=None, ge=0, le=2**31 - 1, description="Seconds until an ended lease is deleted."
    )


class AssignedExporter(Model):
    """The exporter that one member of the lease got."""

    name: str = Field(description="Name of the member within the lease.")
    exporter_ref: ObjectRef | None = Field(default=None, description="Exporter of this member.")


class QueueStatus(Model):
    """Queue position of a waiting lease, and the reason why it waits."""

    position: int | None = Field(default=None, ge=1, description="Queue position; 1 is next.")
    expected_begin_time: Instant | None = Field(default=None, description="Expected begin of the lease.")
    latest_begin_time: Instant | None = Field(
        default=None, description="Latest expected begin, where leases before it may be extended."
    )
    message: str = Field(default="", description="Reason why the lease waits.")


class Holder(Model):
    """Identity of the holder, apart from other clients of the same name."""

    uid: str = Field(description="Identifier of the Client.")
    credential_uid: str | None = Field(default=None, description="Identifier of the Secret that holds its token.")


MOST_EARLIER_HOLDERS = 20


class EarlierHolder(Model):
    """A client that transferred the lease to another."""

    client: str = Field(description="Name of the client.")
    until: Instant = Field(description="Time of the transfer.")


class LeaseStatus(Model):
    """The observed state of the lease."""

    accepted: LeaseSpec | None = Field(
        default=None, description="The last valid spec. It is in force, also after an invalid edit."
    )
    holder: Holder | None = Field(
        default=None, description="Holder of the lease. Deleting the Client, or its Secret, releases the lease."
    )
    earlier_holders: list[EarlierHolder] | None = Field(
        default=None,
        max_length=MOST_EARLIER_HOLDERS,
        description="Clients that held the ready lease before, the first one first. Their exporter time stays theirs.",
    )
    begin_time: Instant | None = Field(default=None, description="Time at which the lease became Ready.")
    end_time: Instant | None = Field(default=None, description="Time at which the lease ended.")
    expected_end_time: Instant | None = Field(default=None, description="Expected end of the lease.")
    first_used_time: Instant | None = Field(default=None, description="Time at which the holder first attached.")
    clock: str = Field(
        default="",
        max_length=64,
        description="Setting of the operator's clock that these times are of: boot of its machine, and time of the "
        "boot in seconds. A clock that is set later moves the times.",
    )
    exporter_ref: ObjectRef | None = Field(
        default=None, description="Exporter of the lease; of a gang, that of the first member."
    )
    exporters: list[AssignedExporter] | None = Field(
        default=None, max_length=MOST_MEMBERS, description="The exporters."
    )
    kept_exporter_ref: ObjectRef | None = Field(
        default=None, description="Exporter reserved for the lease; of a gang, that of the first member."
    )
    kept_exporters: list[AssignedExporter] | None = Field(
        default=None, max_length=MOST_MEMBERS, description="Exporters reserved for the members."
    )
    state: str | None = Field(
        default=None,
        description="State in one word: Waiting, Scheduled, GettingReady, Ready, Preempting, Unsatisfiable, Invalid, "
        'or the reason of the end. ",InvalidEdit" follows it while an edit is refused.',
    )
    ended: bool = Field(default=False, description="True once the lease has ended. It stays true.")
    priority: int | None = Field(default=None, description="Priority by the access policy.")
    spot_access: bool | None = Field(
        default=None, description="True if the access policy permits the preemption of this lease."
    )
    queue: QueueStatus | None = Field(default=None, description="Queue position, for the first leases of each queue.")
    observed_generation: int | None = Field(
        default=None, ge=0, description="Generation of the spec that this status is about."
    )
    conditions: list[Condition] = Field(
        default_factory=list,
        description="Pending, Assigned, ExporterOnline, Ready, Unsatisfiable, Invalid, Preempting; the last counts.",
    )

    @property
    def exporter_names(self) -> tuple[str, ...]:
        """The exporters that it is assigned to, one for each of its members; none while it waits."""
        return _names(self.exporters, self.exporter_ref)

    @property
    def reserved_names(self) -> tuple[str, ...]:
        """The exporters that are reserved for it from its begin, one for each of its members."""
        return _names(self.kept_exporters, self.kept_exporter_ref)


def _names(several: Sequence[AssignedExporter] | None, one: ObjectRef | None) -> tuple[str, ...]:
    if several is None:
        return (one.name,) if one is not None else ()
    return tuple(each.exporter_ref.name for each in several if each.exporter_ref is not None)


class Lease(Resource):
    """The right of one client to use an exporter, or several, for a time. Deleting it releases them."""

    KIND: ClassVar[str] = "Lease"
    PLURAL: ClassVar[str] = "leases"

    spec: LeaseSpec
    status: LeaseStatus = Field(default_factory=LeaseStatus)

    @classmethod
    def spec_in_force(cls, plain: Mapping[str, Any], /) -> Mapping[str, Any] | None:
        """The accepted spec; its release is asked for as plainly as ever."""
        accepted, spec = (plain.get("status") or {}).get("accepted"), plain.get("spec")
        if accepted is None:
            return None
        return {**accepted, "release": isinstance(spec, Mapping) and spec.get("release") is True}
