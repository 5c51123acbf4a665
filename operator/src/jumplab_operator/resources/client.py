"""Client: a person, program or pipeline that leases exporters."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from jumplab_operator.resources.metadata import Condition, Instant, Model, ObjectRef, Resource


class ClientSpec(Model):
    """Settings of an administrator."""

    username: str | None = Field(default=None, description="Identity of the client at an external issuer.")


class IssuedCredential(ObjectRef):
    """The Secret with a client's token, distinguished from another of the same name."""

    uid: str | None = Field(
        default=None, description="The Secret's uid. Where it is gone, the credential has been removed."
    )
    creation_time: Instant | None = Field(default=None, description="Time at which the Secret was created.")


class ClientStatus(Model):
    """The observed state of the client."""

    conditions: list[Condition] = Field(default_factory=list, description="TokenExpiring.")
    credential: IssuedCredential | None = Field(default=None, description="Secret that holds the token.")
    endpoint: str | None = Field(default=None, description="Address of the controller.")
    token_expires_at: Instant | None = Field(default=None, description="Time at which the token expires.")

    @property
    def credential_uid(self) -> str:
        """The uid of the Secret with its token; empty: there is none, or which it is isn't recorded."""
        return (self.credential.uid or "") if self.credential is not None else ""


class Client(Resource):
    """A person, program or pipeline that leases exporters."""

    KIND: ClassVar[str] = "Client"
    PLURAL: ClassVar[str] = "clients"

    spec: ClientSpec = Field(default_factory=ClientSpec)
    status: ClientStatus = Field(default_factory=ClientStatus)

    @classmethod
    def spec_in_force(cls, _plain: Mapping[str, Any], /) -> Mapping[str, Any] | None:
        """Nothing in its spec matters to its leases."""
        return {}
