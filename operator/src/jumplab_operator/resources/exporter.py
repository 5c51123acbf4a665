"""Exporter: a lab host with its devices, which can be leased."""

from typing import ClassVar, Literal

from pydantic import Field

from jumplab_operator.resources.metadata import Condition, Instant, Model, ObjectRef, Resource

Phase = Literal[
    "Unspecified",
    "Offline",
    "Available",
    "BeforeLeaseHook",
    "LeaseReady",
    "AfterLeaseHook",
    "BeforeLeaseHookFailed",
    "AfterLeaseHookFailed",
]


class ExporterSpec(Model):
    """What an administrator says of an exporter."""

    username: str | None = Field(default=None, description="Its identity at an external issuer.")
    enabled: bool = Field(default=True, description="Whether it may be leased; a running lease goes on.")


class Interface(Model):
    """A driver interface that a device offers."""

    name: str = Field(description="The interface's name.")
    version: str = Field(default="", description="Its version.")


class Device(Model):
    """One driver of the exporter's tree."""

    uuid: str | None = Field(default=None, description="Identifies the driver.")
    parent_uuid: str | None = Field(default=None, alias="parent_uuid", description="The driver that it is a child of.")
    labels: dict[str, str] | None = Field(default=None, description="What the driver says of itself.")
    interfaces: list[Interface] | None = Field(
        default=None, max_length=32, description="The driver interfaces that it offers."
    )


class LeaseRef(Model):
    """The claim: which lease holds the exporter. It is cleared once the exporter has cleaned up."""

    name: str = Field(description="The lease's name.")
    uid: str | None = Field(default=None, description="The lease's uid; another uid is another lease.")


class Quarantine(Model):
    """Why an exporter is kept from being leased."""

    since: Instant | None = Field(default=None, description="Since when.")
    reason: str = Field(default="", description="Why.")
    log: str = Field(default="", max_length=16384, description="The end of the log that shows it.")


class ExporterStatus(Model):
    """What the operator knows of an exporter."""

    conditions: list[Condition] = Field(default_factory=list, description="Registered, Online and Healthy.")
    credential: ObjectRef | None = Field(default=None, description="The Secret with its token.")
    devices: list[Device] = Field(default_factory=list, description="The drivers that it registered.")
    lease_ref: LeaseRef | None = Field(default=None, description="The lease that holds it.")
    last_seen: Instant | None = Field(default=None, description="When its connection last came or went.")
    endpoint: str | None = Field(default=None, description="Where it finds the controller.")
    exporter_status: Phase | None = Field(default=None, description="Where it is in its life, by its own report.")
    status_message: str | None = Field(default=None, description="What it says to that.")
    quarantine: Quarantine | None = Field(default=None, description="Set while it is kept from being leased.")
    cleared_time: Instant | None = Field(
        default=None, description="When it last came back from quarantine: failures before that don't count."
    )


class Exporter(Resource):
    """A lab host beside its boards: it hosts drivers, and one lease at a time uses them."""

    KIND: ClassVar[str] = "Exporter"
    PLURAL: ClassVar[str] = "exporters"

    spec: ExporterSpec = Field(default_factory=ExporterSpec)
    status: ExporterStatus = Field(default_factory=ExporterStatus)
