"""A client's configuration, in Jumpstarter's format.

    apiVersion: jumpstarter.dev/v1alpha1
    kind: ClientConfig
    metadata: {namespace: lab, name: ci}
    endpoint: lab.example.com:8082
    token: …
    tls: {ca: …, insecure: false}                       # ca: certificates as PEM, or base64 of it
    drivers: {allow: [jumplab.drivers], unsafe: false}  # whose client classes may be loaded
    leases: {acquisition_timeout: 2h, dial_timeout: 60, retry_timeout: 300}

What else Jumpstarter writes is read and has no effect; any other key is refused. Where the files lie and which one is
in force: `jumplab.client.config_files`.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from jumplab.client.errors import ConfigurationError
from jumplab.config_fields import Seconds, SecondsOrZero
from jumplab.followed_setting import FollowedSetting
from jumplab.transport.endpoint import Tls, check_address
from jumplab.transport.tls_settings import TlsSettings
from jumplab.validation import explain_document
from jumplab.yaml_documents import YamlDocument, YamlRefused, read_document, reading_problem

API_VERSION: Literal["jumpstarter.dev/v1alpha1"] = "jumpstarter.dev/v1alpha1"
_EVERYTHING = "UNSAFE"  # in a list of packages: all of them
_WITHOUT_EFFECT = ("alias", "path", "refresh_token", "grpcOptions", "shell")

_log = logging.getLogger(__name__)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Metadata(_Section):
    """The Client resource that the configuration belongs to."""

    namespace: str = Field(min_length=1)
    name: str = Field(min_length=1)


class DriverSettings(_Section):
    """Which packages client classes may be loaded from; `unsafe` allows all, and so does UNSAFE among the packages."""

    allow: tuple[str, ...] = ("jumplab.drivers",)
    unsafe: bool = False

    @model_validator(mode="before")
    @classmethod
    def _all_packages(cls, settings: Any) -> Any:
        if not isinstance(settings, Mapping):
            return settings
        allow = settings.get("allow")
        if isinstance(allow, str):
            allow = [part.strip() for part in allow.split(",")]
        if not isinstance(allow, list):
            return settings
        unsafe = {"unsafe": True} if _EVERYTHING in allow else {}
        return {**settings, "allow": [each for each in allow if each != _EVERYTHING], **unsafe}

    @field_validator("allow")
    @classmethod
    def _packages(cls, allow: tuple[str, ...]) -> tuple[str, ...]:
        # Jumpstarter's files write `acme.*` where ours write `acme`: the package and all below it.
        return tuple(pattern.removesuffix(".*") for pattern in allow)


class LeaseSettings(_Section):
    """How patient the client is, where the caller doesn't say it.

    acquisition_timeout: how long to wait for an exporter; without it, for as long as it takes.  dial_timeout: how long
    to dial a ready exporter that does not answer.  retry_timeout: how long a lost connection may stay away.
    """

    acquisition_timeout: Seconds | None = None
    dial_timeout: Seconds | None = None
    retry_timeout: SecondsOrZero | None = None

    @property
    def wait_timeout(self) -> timedelta | None:
        return _duration(self.acquisition_timeout)

    @property
    def dial_within(self) -> timedelta | None:
        return _duration(self.dial_timeout)

    @property
    def reconnect_within(self) -> timedelta | None:
        return _duration(self.retry_timeout)


class ShellSettings(_Section):
    """How Jumpstarter starts a shell."""

    use_profiles: bool | None = None


class ClientConfig(_Section):
    """A client's way to its controller."""

    apiVersion: Literal["jumpstarter.dev/v1alpha1"] = API_VERSION  # noqa: N815 - the file's own key
    kind: Literal["ClientConfig"] = "ClientConfig"
    metadata: Metadata
    endpoint: Annotated[str, AfterValidator(check_address)]
    token: str = Field(min_length=1, repr=False)
    tls: TlsSettings = TlsSettings()
    drivers: DriverSettings = DriverSettings()
    leases: LeaseSettings | None = None
    alias: str | None = Field(default=None, exclude=True, repr=False)
    path: str | None = Field(default=None, exclude=True, repr=False)
    refresh_token: str | None = Field(default=None, exclude=True, repr=False)
    grpcOptions: dict[str, str | int] | None = Field(default=None, exclude=True, repr=False)  # noqa: N815 - as above
    shell: ShellSettings | None = Field(default=None, exclude=True, repr=False)
    _source: Path | None = PrivateAttr(default=None)
    _followed_token: FollowedSetting[str] | None = PrivateAttr(default=None)
    _followed_tls: FollowedSetting[TlsSettings] | None = PrivateAttr(default=None)

    @field_validator("token")
    @classmethod
    def _one_word(cls, token: str) -> str:
        if len(token.split()) != 1:
            raise ValueError("a token is one word; take the one in the Secret NAME-client, key token")
        return token.strip()

    def __eq__(self, other: object) -> bool:
        """By the settings alone, wherever they were read."""
        return isinstance(other, ClientConfig) and self.__dict__ == other.__dict__

    @property
    def source(self) -> Path | None:
        """The file that the token is read from; None where the token came another way."""
        return self._source

    def follow_token(self, path: Path) -> None:
        """From now on the token is the one that this file has."""
        self._source = path
        self._followed_token = FollowedSetting(self.token, lambda: _token_in(path), lambda: [path])

    def follow_ca(self, path: Path) -> None:
        """From now on the CAs that are trusted are those that this file has."""
        self._followed_tls = FollowedSetting(self.tls, lambda: _tls_in(path), lambda: [path])

    def token_now(self) -> str:
        """The token: it may have been replaced in its file since that was read."""
        return self._followed_token.now() if self._followed_token is not None else self.token

    def trust(self) -> Tls:
        """What is trusted: the CAs may be replaced in their file while a channel is in use."""
        return self.tls.trust(self._followed_tls.now if self._followed_tls is not None else None)

    @property
    def patience(self) -> LeaseSettings:
        """The section `leases`, or what holds without it."""
        return self.leases or LeaseSettings()

    def to_yaml(self) -> str:
        """The file's text."""
        return yaml.safe_dump(self.model_dump(mode="json", exclude_none=True), sort_keys=False)


def parse_config(
    document: YamlDocument,
    source: str,
    changes: Mapping[tuple[str, ...], Any] | None = None,
    variables: Mapping[tuple[str, ...], str] | None = None,
) -> ClientConfig:
    """Checks a file's content. Raises ConfigurationError, which names `source` or the variable, and each fault.

    changes: what takes the place of the file's settings, by their keys;  variables: where each of these comes from.
    """
    content = {} if document.content is None and changes else document.content
    if not isinstance(content, dict):
        raise ConfigurationError(f"{source}: expected a ClientConfig with keys such as endpoint and token")
    changed = _changed(content, changes or {})
    try:
        config = ClientConfig.model_validate(changed)
    except ValidationError as error:
        of_file, of_variables = explain_document(error, changed, document, variables or {})
        faults = [*([f"{source}: {'; '.join(of_file)}"] if of_file else []), *of_variables]
        raise ConfigurationError("; ".join(faults)) from None
    _note_without_effect(source, tuple(key for key in _WITHOUT_EFFECT if changed.get(key) not in (None, {})))
    return config


def read_yaml(path: Path) -> YamlDocument:
    """Reads a file; raises ConfigurationError where it is missing, unreadable or not YAML."""
    try:
        return read_document(path.read_text(encoding="utf-8"))
    except YamlRefused as error:
        raise ConfigurationError(f"{path}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {reading_problem(error)}") from error


def _token_in(path: Path) -> str | None:
    """None where there is none."""
    token = _settings_in(path).get("token")
    return token.strip() if isinstance(token, str) and len(token.split()) == 1 else None


def _tls_in(path: Path) -> TlsSettings | None:
    """None where they can't be used; the log says so."""
    settings = _settings_in(path)
    if not settings:
        return None
    try:
        return TlsSettings.model_validate(settings.get("tls") or {})
    except ValidationError:
        _log.warning("%s: tls can't be used; the previous CAs are still trusted", path)
        return None


def _settings_in(path: Path) -> Mapping[str, Any]:
    """The content of a file that has changed; empty where it can't be read."""
    try:
        content = read_yaml(path).content
    except ConfigurationError as error:
        _log.warning("%s; what was read before is still used", error)
        return {}
    return content if isinstance(content, Mapping) else {}


def _changed(content: dict[str, Any], changes: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    """The content with the changes in it. A section that is no mapping stays, to be refused."""
    changed = dict(content)
    for (section, *below), value in changes.items():
        if not below:
            changed[section] = value
        elif isinstance(current := changed.get(section) or {}, dict):
            changed[section] = {**current, below[0]: value}
    return changed


@cache
def _note_without_effect(source: str, keys: tuple[str, ...]) -> None:
    """Once for each file."""
    if keys:
        _log.debug("%s: Jumpstarter's own, without effect here: %s", source, ", ".join(keys))


def _duration(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
