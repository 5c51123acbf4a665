"""The common parts of all four kinds: metadata, conditions, references, instants, conversion of plain objects."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationError,
    WithJsonSchema,
    model_serializer,
)
from pydantic.alias_generators import to_camel

from jumplab.protocol.durations import MOST_CHARACTERS, PATTERN, format_duration, parse_duration
from jumplab.validation import explain_validation
from jumplab_operator.resources.errors import Unreadable

GROUP = "jumpstarter.dev"
VERSION = "v1alpha1"


def format_instant(instant: datetime) -> str:
    """RFC 3339 in UTC, with a fraction only where there is one."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _read_duration(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


Instant = Annotated[AwareDatetime, PlainSerializer(format_instant, return_type=str)]
GoDuration = Annotated[
    timedelta,
    BeforeValidator(_read_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "maxLength": MOST_CHARACTERS}),
]


class Model(BaseModel):
    """A part of a resource: immutable, camelCase outside, unknown fields left out (the API server prunes them)."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )

    @model_serializer(mode="wrap")
    def _without_empty_texts(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """An empty text says what its absence says; some builds of kube-apiserver 1.20 refuse it as null."""
        fields: dict[str, Any] = serialize(self)
        return {key: value for key, value in fields.items() if value != ""}

    def to_plain(self, only: set[str] | None = None) -> dict[str, Any]:
        """The plain object, of all fields or `only` of some: what is None or an empty text is absent."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, include=only)


class Metadata(Model):
    """An object's metadata, as far as it is used here."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: Instant | None = None
    deletion_timestamp: Instant | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class ObjectRef(Model):
    """Names another object in the same namespace."""

    name: str = Field(min_length=1, max_length=253, description="Name of the object.")


class IssuedCredential(ObjectRef):
    """The Secret with a token, distinguished from another of the same name."""

    uid: str | None = Field(
        default=None, description="The Secret's uid. Where it is gone, the credential has been removed."
    )
    creation_time: Instant | None = Field(default=None, description="Time at which the Secret was created.")


def uid_of(credential: IssuedCredential | None) -> str:
    """The uid of the Secret; empty: there is none, or which it is isn't recorded."""
    return (credential.uid or "") if credential is not None else ""


class Condition(Model):
    """One condition of the resource (metav1.Condition)."""

    type: str = Field(min_length=1, max_length=316, description="Type of the condition.")
    status: Literal["True", "False", "Unknown"] = Field(description="True, False or Unknown.")
    reason: str = Field(default="", max_length=1024, description="Reason in one word, for programs.")
    message: str = Field(default="", max_length=32768, description="Reason in a sentence, for people.")
    observed_generation: int | None = Field(
        default=None, ge=0, description="Generation of the spec that the condition is about."
    )
    last_transition_time: Instant | None = Field(default=None, description="Time of the last change of the status.")


class Resource(Model):
    """A custom resource. Subclasses narrow `spec` and `status`."""

    KIND: ClassVar[str]
    PLURAL: ClassVar[str]

    metadata: Metadata = Field(default_factory=Metadata)
    status: Model = Field(default_factory=Model)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The typed view of a plain object. Raises Unreadable, which names each field that is wrong."""
        try:
            return cls.model_validate(plain)
        except ValidationError as error:
            name = str((plain.get("metadata") or {}).get("name", "?"))
            raise Unreadable(cls.KIND, name, explain_validation(error, plain)) from error

    @classmethod
    def spec_in_force(cls, _plain: Mapping[str, Any], /) -> Mapping[str, Any] | None:
        """The spec that a plain object has in force while its own can't be read; None: none."""
        return None

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def namespace(self) -> str:
        return self.metadata.namespace

    @property
    def uid(self) -> str:
        return self.metadata.uid
