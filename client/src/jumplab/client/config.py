"""A client's configuration, in Jumpstarter's format.

    apiVersion: jumpstarter.dev/v1alpha1
    kind: ClientConfig
    metadata: {namespace: lab, name: ci}
    endpoint: lab.example.com:8082
    token: …
    tls: {ca: …, insecure: false}                       # ca: certificates as PEM, or base64 of it
    drivers: {allow: [jumplab.drivers], unsafe: false}  # whose client classes may be loaded

An unknown key is refused. Where the files lie and which one is in force: `jumplab.client.config_files`.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from jumplab.client.errors import ConfigurationError
from jumplab.transport.endpoint import check_address
from jumplab.transport.tls_settings import TlsSettings
from jumplab.validation import explain_validation

API_VERSION: Literal["jumpstarter.dev/v1alpha1"] = "jumpstarter.dev/v1alpha1"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Metadata(_Section):
    """The Client resource that the configuration belongs to."""

    namespace: str = Field(min_length=1)
    name: str = Field(min_length=1)


class DriverSettings(_Section):
    """Which packages client classes may be loaded from; `unsafe` allows all."""

    allow: tuple[str, ...] = ("jumplab.drivers",)
    unsafe: bool = False

    @field_validator("allow")
    @classmethod
    def _packages(cls, allow: tuple[str, ...]) -> tuple[str, ...]:
        # Jumpstarter's files write `acme.*` where ours write `acme`: the package and all below it.
        return tuple(pattern.removesuffix(".*") for pattern in allow)


class ClientConfig(_Section):
    """A client's way to its controller."""

    apiVersion: Literal["jumpstarter.dev/v1alpha1"] = API_VERSION  # noqa: N815 - the file's own key
    kind: Literal["ClientConfig"] = "ClientConfig"
    metadata: Metadata
    endpoint: Annotated[str, AfterValidator(check_address)]
    token: str = Field(min_length=1, repr=False)
    tls: TlsSettings = TlsSettings()
    drivers: DriverSettings = DriverSettings()

    @field_validator("token")
    @classmethod
    def _one_word(cls, token: str) -> str:
        if len(token.split()) != 1:
            raise ValueError("a token is one word; take the one in the Secret NAME-client, key token")
        return token.strip()

    def to_yaml(self) -> str:
        """The file's text."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def parse_config(content: Any, source: str) -> ClientConfig:
    """Checks a file's (or the environment's) content; raises ConfigurationError naming `source` and each fault."""
    if not isinstance(content, dict):
        raise ConfigurationError(f"{source}: expected a ClientConfig with keys such as endpoint and token")
    try:
        return ClientConfig.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(f"{source}: {explain_validation(error, content)}") from None


def read_yaml(path: Path) -> Any:
    """Reads a file; raises ConfigurationError where it is missing, unreadable or not YAML."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or "unreadable") if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(f"{path}: {reason}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise ConfigurationError(f"{path}: not valid YAML{where}") from error
