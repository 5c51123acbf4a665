"""Lease: the exclusive use of an exporter by a client, for a time."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from jumplab_operator.resources.metadata import Condition, GoDuration, Instant, Model, ObjectRef, Resource
from jumplab_operator.resources.selector import LabelSelector

TagValue = Annotated[str, Field(max_length=63)]
ContextValue = Annotated[str, Field(max_length=64)]
MOST_MEMBERS = 32
ENDED_LABEL = "jumpstarter.dev/lease-ended"
TAG_LABEL_PREFIX = "metadata.jumpstarter.dev/"


class LeasedExporter(Model):
    """One exporter of a lease of several."""

    name: str = Field(min_length=1, max_length=63, description="What the lease calls it.")
    selector: LabelSelector | None = Field(default=None, description="Selects exporters by their labels.")
    exporter_ref: ObjectRef | None = Field(default=None, description="Pins one exporter.")


class ExtendOnActivity(Model):
    """Moves the end on while a session is attached."""

    by: GoDuration = Field(description="How far ahead the end is kept.")
    until: Instant | None = Field(default=None, description="The limit.")


class LeaseSpec(Model):
    """What is asked for."""

    client_ref: ObjectRef = Field(description="The client that holds the lease.")
    selector: LabelSelector | None = Field(default=None, description="Selects exporters by their labels.")
    exporter_ref: ObjectRef | None = Field(default=None, description="Pins one exporter.")
    duration: GoDuration | None = Field(default=None, description="How long it lasts once it is ready.")
    begin_time: Instant | None = Field(default=None, description="When it is to begin; absent: now.")
    end_time: Instant | None = Field(default=None, description="When it is to end.")
    release: bool = Field(default=False, description="True ends it now.")
    tags: dict[str, TagValue] = Field(
        default_factory=dict,
        max_length=10,
        description="For people and reports; mirrored as labels metadata.jumpstarter.dev/KEY. Immutable.",
    )
    context: dict[str, ContextValue] = Field(
        default_factory=dict,
        max_length=8,
        description="Told to the exporter; a key has at most 32 characters. Immutable.",
    )
    allow_disabled: bool = Field(default=False, description="Leases a disabled exporter; only with exporterRef.")
    exporters: list[LeasedExporter] | None = Field(
        default=None, max_length=MOST_MEMBERS, description="Several exporters, all or none."
    )
    when_unsatisfiable: Literal["Fail", "Wait"] = Field(
        default="Fail", description="What to do while no exporter could ever match: fail, or wait for one."
    )
    extend_on_activity: ExtendOnActivity | None = Field(
        default=None, description="Moves the end on while a session is attached."
    )
    release_after_detached: GoDuration | None = Field(
        default=None, description="Ends the lease when its holder has not been attached for so long."
    )
    ttl_seconds_after_ended: int | None = Field(
        default=None, ge=0, le=2**31 - 1, description="How long an ended lease is kept."
    )


class AssignedExporter(Model):
    """Which exporter a part of the lease got."""

    name: str = Field(description="What the lease calls it.")
    exporter_ref: ObjectRef | None = Field(default=None, description="The exporter.")


class QueuePlace(Model):
    """Where a waiting lease stands."""

    position: int | None = Field(default=None, ge=1, description="1 is next.")
    expected_begin_time: Instant | None = Field(default=None, description="When its turn is expected.")
    message: str = Field(default="", description="Why it waits.")


class Holder(Model):
    """Which client holds the lease, told from others that have or had its name."""

    uid: str = Field(description="The Client's uid.")
    credential_uid: str | None = Field(default=None, description="The uid of the Secret with its token.")


class LeaseStatus(Model):
    """What became of it."""

    accepted: LeaseSpec | None = Field(default=None, description="The last valid spec: this is in force.")
    holder: Holder | None = Field(
        default=None, description="Its client. When that one, or its credential, is deleted, the lease is released."
    )
    begin_time: Instant | None = Field(default=None, description="When it became ready.")
    end_time: Instant | None = Field(default=None, description="When it ended.")
    expected_end_time: Instant | None = Field(default=None, description="When it is going to end.")
    first_used_time: Instant | None = Field(default=None, description="When its holder first attached.")
    exporter_ref: ObjectRef | None = Field(default=None, description="The exporter (of several: the first).")
    exporters: list[AssignedExporter] | None = Field(
        default=None, max_length=MOST_MEMBERS, description="The exporters."
    )
    kept_exporter_ref: ObjectRef | None = Field(
        default=None, description="The exporter that is kept for it from its begin (of several: the first)."
    )
    kept_exporters: list[AssignedExporter] | None = Field(
        default=None, max_length=MOST_MEMBERS, description="The exporters that are kept for it from its begin."
    )
    ended: bool = Field(default=False, description="Whether it is over. It stays so.")
    priority: int | None = Field(default=None, description="By the access policy.")
    spot_access: bool | None = Field(default=None, description="By the access policy: it may be preempted.")
    queue: QueuePlace | None = Field(default=None, description="Where it stands while it waits.")
    observed_generation: int | None = Field(default=None, ge=0, description="The generation that this was made of.")
    conditions: list[Condition] = Field(
        default_factory=list,
        description="Pending, Assigned, ExporterOnline, Ready, Unsatisfiable, Invalid; the last one counts.",
    )

    @property
    def exporter_names(self) -> tuple[str, ...]:
        """The exporters that it is assigned to, one for each part that it asked for; none while it waits."""
        return _names(self.exporters, self.exporter_ref)

    @property
    def kept_names(self) -> tuple[str, ...]:
        """The exporters that are kept for it from its begin, one for each part that it asked for."""
        return _names(self.kept_exporters, self.kept_exporter_ref)


def _names(several: Sequence[AssignedExporter] | None, one: ObjectRef | None) -> tuple[str, ...]:
    if several is None:
        return (one.name,) if one is not None else ()
    return tuple(each.exporter_ref.name for each in several if each.exporter_ref is not None)


class Lease(Resource):
    """The exclusive use of an exporter, for a time. Deleting it releases it."""

    KIND: ClassVar[str] = "Lease"
    PLURAL: ClassVar[str] = "leases"

    spec: LeaseSpec
    status: LeaseStatus = Field(default_factory=LeaseStatus)
