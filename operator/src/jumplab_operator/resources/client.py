"""Client: a person, program or pipeline that leases exporters."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from jumplab_operator.resources.metadata import Condition, Instant, IssuedCredential, Model, Resource, uid_of


class ClientSpec(Model):
    """Settings of an administrator."""

    username: str | None = Field(default=None, description="Identity of the client at an external issuer.")
    enabled: bool = Field(
        default=True,
        description="False revokes the client: its calls, sessions and watches end, and its leases are released.",
    )


class ClientStatus(Model):
    """The observed state of the client."""

    conditions: list[Condition] = Field(default_factory=list, description="TokenExpiring.")
    credential: IssuedCredential | None = Field(default=None, description="Secret that holds the token.")
    endpoint: str | None = Field(default=None, description="Address of the controller.")
    token_expires_at: Instant | None = Field(default=None, description="Time at which the token expires.")

    @property
    def credential_uid(self) -> str:
        """The uid of the Secret with its token; empty: there is none, or which it is isn't recorded."""
        return uid_of(self.credential)


class Client(Resource):
    """A person, program or pipeline that leases exporters."""

    KIND: ClassVar[str] = "Client"
    PLURAL: ClassVar[str] = "clients"

    spec: ClientSpec = Field(default_factory=ClientSpec)
    status: ClientStatus = Field(default_factory=ClientStatus)

    @property
    def is_revoked(self) -> bool:
        """Whether it is disabled or being deleted."""
        return not self.spec.enabled or self.metadata.deletion_timestamp is not None

    @classmethod
    def spec_in_force(cls, plain: Mapping[str, Any], /) -> Mapping[str, Any] | None:
        """Nothing in its spec matters to its leases, except that only True, or no word about it, is enabled."""
        return {"enabled": is_enabled(plain)}


def is_enabled(plain: Mapping[str, Any]) -> bool:
    """Whether a Client is enabled, by the plain object, which needn't be readable."""
    spec = plain.get("spec")
    return (spec.get("enabled") if isinstance(spec, Mapping) else None) in (None, True)
