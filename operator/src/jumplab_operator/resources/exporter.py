"""Exporter: a process on a lab host that hosts the drivers of one board."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field

from jumplab_operator.resources.metadata import Condition, Instant, IssuedCredential, Model, Resource, uid_of

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


def _known(phase: Any) -> Any:
    """A phase that a later version has written is none that this one could judge."""
    return phase if phase is None or phase in get_args(Phase) else "Unspecified"


class ExporterSpec(Model):
    """Settings of an administrator."""

    username: str | None = Field(default=None, description="Identity of the exporter at an external issuer.")
    enabled: bool = Field(
        default=True, description="False keeps the exporter from new leases. A lease in force continues."
    )


class Interface(Model):
    """A driver interface of a device."""

    name: str = Field(description="Name of the interface.")
    version: str = Field(default="", description="Version of the interface.")


class Device(Model):
    """One driver of the exporter's tree."""

    uuid: str | None = Field(default=None, description="Identifier of the driver.")
    parent_uuid: str | None = Field(default=None, alias="parent_uuid", description="Identifier of the parent driver.")
    labels: dict[str, str] | None = Field(
        default=None, description="Labels of the driver, its name and client class among them."
    )
    interfaces: list[Interface] | None = Field(default=None, max_length=32, description="Interfaces of the driver.")


class LeaseRef(Model):
    """The claim: the lease that the exporter serves. It is cleared after the exporter has cleaned up."""

    name: str = Field(description="Name of the lease.")
    uid: str | None = Field(
        default=None, description="Identifier of the lease. A lease of the same name with another uid is another lease."
    )
    client: str | None = Field(default=None, description="Client that holds the lease.")
    since: Instant | None = Field(default=None, description="Time at which the lease claimed the exporter.")


HISTORY_LENGTH = 50


class HistoryEntry(Model):
    """A lease that the exporter served."""

    lease: str = Field(description="Name of the lease.")
    uid: str = Field(default="", description="Identifier of the lease.")
    client: str = Field(default="", description="Last holder of the lease.")
    began: Instant | None = Field(
        default=None, description="Time at which the lease became Ready; absent if it never did."
    )
    ended: Instant = Field(description="Time at which the lease ended.")
    reason: str = Field(
        default="",
        description="Reason of the end, as in the Ready condition of the lease. Deleted: the Lease was deleted in use. "
        "MemberFailed: the exporter of another member failed.",
    )


class Quarantine(Model):
    """The reason why an exporter gets no leases."""

    since: Instant | None = Field(default=None, description="Begin of the quarantine.")
    reason: str = Field(default="", description="Reason of the quarantine.")
    log: str = Field(default="", max_length=16384, description="Last lines of the log before the quarantine.")


class ExporterStatus(Model):
    """The observed state of the exporter."""

    conditions: list[Condition] = Field(default_factory=list, description="Registered, Online and Healthy.")
    credential: IssuedCredential | None = Field(default=None, description="Secret that holds the token.")
    devices: list[Device] = Field(default_factory=list, description="Drivers that the exporter registered.")
    lease_ref: LeaseRef | None = Field(default=None, description="Claim: the lease that the exporter serves.")
    last_seen: Instant | None = Field(
        default=None, description="Time at which the exporter last connected or disconnected."
    )
    endpoint: str | None = Field(default=None, description="Address of the controller.")
    exporter_status: Annotated[Phase | None, BeforeValidator(_known)] = Field(
        default=None, description="State of the exporter, as the exporter reports it."
    )
    status_message: str | None = Field(default=None, description="Message of the exporter about its state.")
    quarantine: Quarantine | None = Field(default=None, description="Set while the exporter is in quarantine.")
    cleared_time: Instant | None = Field(
        default=None, description="End of the last quarantine. Earlier failures do not count."
    )
    history: list[HistoryEntry] = Field(
        default_factory=list,
        max_length=HISTORY_LENGTH,
        description="The last leases that the exporter served, the oldest first.",
    )

    @property
    def credential_uid(self) -> str:
        """The uid of the Secret with its token; empty: there is none, or which it is isn't recorded."""
        return uid_of(self.credential)


class Exporter(Resource):
    """A process on a lab host that hosts the drivers of one board. It serves one lease at a time."""

    KIND: ClassVar[str] = "Exporter"
    PLURAL: ClassVar[str] = "exporters"

    spec: ExporterSpec = Field(default_factory=ExporterSpec)
    status: ExporterStatus = Field(default_factory=ExporterStatus)

    @classmethod
    def spec_in_force(cls, _plain: Mapping[str, Any], /) -> Mapping[str, Any] | None:
        """It is disabled: its lease continues, and it gets no other."""
        return {"enabled": False}
