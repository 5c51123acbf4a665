"""The exporter's configuration file, in Jumpstarter's format and places; faults are told at once, with their lines."""

import os
import shlex
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from jumplab.config_fields import INSECURE_VARIABLES, OptionalText, Seconds, is_on
from jumplab.config_places import NoHome, config_home
from jumplab.transport.endpoint import check_address
from jumplab.transport.tls_settings import TlsSettings
from jumplab.validation import explain_document
from jumplab.yaml_documents import YamlDocument, YamlRefused, read_document
from jumplab_exporter.console_log_settings import ConsoleLogSettings
from jumplab_exporter.errors import ConfigurationError
from jumplab_exporter.written_names import WrittenNames

CONFIG_FOLDER = Path("/etc/jumpstarter/exporters")

_LOCAL_MODE = (
    "has neither endpoint nor token, as a file of Jumpstarter's local mode, which Jumplab does not have: an exporter "
    "always has a controller. `jumplab-operator standalone` runs one on this machine; `jumplab create exporter NAME` "
    "prints the endpoint and the token to put here"
)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _empty_if_none(value: Any) -> Any:
    return {} if value is None else value


class Metadata(_Part):
    """Which Exporter resource this process is."""

    namespace: str = Field(min_length=1)
    name: str = Field(min_length=1)


class DriverEntry(_Part):
    """A driver. type: its import path, or the name that its package registered it under.

    methods_description: what is said of its methods in place of the driver's own words, by their names.
    """

    type: str
    config: Annotated[dict[str, Any], BeforeValidator(_empty_if_none)] = Field(default_factory=dict)
    children: "Entries" = Field(default_factory=dict)
    description: OptionalText = ""
    methods_description: Annotated[dict[str, str], BeforeValidator(_empty_if_none)] = Field(default_factory=dict)


class GroupEntry(_Part):
    """Only a name for the drivers below it."""

    children: "Entries"
    description: OptionalText = ""


class RefEntry(_Part):
    """Another name for an entry elsewhere in the tree. ref: that entry's names, joined by dots."""

    ref: str


Entry = DriverEntry | GroupEntry | RefEntry


def _as_entry(value: Any) -> Any:
    """Chooses the kind of an entry by its keys, so that a mistake is told in terms of that kind alone."""
    if not isinstance(value, Mapping):
        raise ValueError("must be a mapping with `type`, `children` or `ref`")
    for key, kind in (("ref", RefEntry), ("type", DriverEntry), ("children", GroupEntry)):
        if key in value:
            return kind.model_validate(dict(value))
    raise ValueError("needs one of the keys `type`, `children` or `ref`")


Entries = Annotated[dict[str, Annotated[Entry, BeforeValidator(_as_entry)]], BeforeValidator(_empty_if_none)]


class OnFailure(StrEnum):
    """What a failed hook leads to."""

    WARN = "warn"
    END_LEASE = "endLease"
    EXIT = "exit"


def _script(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not have a null character in it")
    return value


def _interpreter(value: str) -> str:
    if not shlex.split(value):
        raise ValueError("must name an interpreter, e.g. /bin/sh")
    return value


Script = Annotated[str, AfterValidator(_script)]
Interpreter = Annotated[str, AfterValidator(_script), AfterValidator(_interpreter)]


class Hook(_Part):
    """A script around a lease.

    script: shell text, or the path of a file that is there.  exec: the interpreter; None: a file's own, else /bin/sh.
    timeout: a duration, after which it is killed with all that it has started.
    """

    script: Script
    exec: Interpreter | None = None
    timeout_seconds: Seconds = Field(default=120, alias="timeout")
    on_failure: OnFailure = Field(default=OnFailure.WARN, alias="onFailure")


class Hooks(_Part):
    before_lease: Hook | None = Field(default=None, alias="beforeLease")
    after_lease: Hook | None = Field(default=None, alias="afterLease")


class FailureDetection(_Part):
    """When an exporter that can't stay connected ends, for its supervisor to start it anew.

    maxRapidFailures: after this many connections in a row that failed, or ended within rapidFailureWindow.
    """

    max_rapid_failures: int = Field(default=5, ge=1, alias="maxRapidFailures")
    window_seconds: Seconds = Field(default=60, alias="rapidFailureWindow")


class HealthCheck(_Part):
    """How the exporter finds out whether its devices work, while nobody has them.

    script, exec: as of a hook; without a script the drivers' own checks are all there is.  timeout: a duration, after
    which the check has failed.  interval: the duration between two checks of an exporter that is free.
    """

    script: Script = ""
    exec: Interpreter | None = None
    timeout_seconds: Seconds = Field(default=120, alias="timeout")
    interval_seconds: Seconds = Field(default=600, alias="interval")


def _one_word(token: str) -> str:
    if len(token.split()) != 1:
        raise ValueError("must be one word; take the one in the Secret NAME-exporter, key token")
    return token.strip()


class ExporterConfig(_Part):
    """One exporter: who it is, where its controller is, and which drivers it has."""

    api_version: Literal["jumpstarter.dev/v1alpha1"] = Field(alias="apiVersion")
    kind: Literal["ExporterConfig"]
    metadata: Metadata
    endpoint: Annotated[str, AfterValidator(check_address)]
    token: Annotated[str, AfterValidator(_one_word)] = Field(repr=False)
    tls: TlsSettings = Field(default_factory=TlsSettings)
    grpc_options: Annotated[dict[str, str | int], BeforeValidator(_empty_if_none)] = Field(
        default_factory=dict, alias="grpcOptions"
    )
    description: OptionalText = ""
    motd: OptionalText = ""
    export: Entries = Field(default_factory=dict)
    hooks: Annotated[Hooks, BeforeValidator(_empty_if_none)] = Field(default_factory=Hooks)
    health_check: HealthCheck | None = Field(default=None, alias="healthCheck")
    console_logs: ConsoleLogSettings = Field(default_factory=ConsoleLogSettings, alias="consoleLogs")
    failure_detection: FailureDetection | None = Field(default=None, alias="failureDetection")
    exit_on_lease_end: bool = Field(default=False, alias="exitOnLeaseEnd")
    alias: str | None = None
    path: str | None = None

    @field_validator("alias", "path")
    @classmethod
    def _without_effect(cls, _: str | None) -> None:
        """Where Jumpstarter's programs found the file."""


def locate(name_or_path: str, environment: Mapping[str, str] = os.environ) -> Path:
    """The file that an argument means: itself if it looks like a path, else a name in one of Jumpstarter's places.

    These are ~/.config/jumpstarter/exporters, then /etc/jumpstarter/exporters.
    """
    if "/" in name_or_path or name_or_path.endswith((".yaml", ".yml")):
        return Path(name_or_path)
    shared = CONFIG_FOLDER / f"{name_or_path}.yaml"
    try:
        own = config_home(environment) / "exporters" / shared.name
    except NoHome:
        return shared
    return own if os.path.exists(own) else shared


def load(path: Path, environment: Mapping[str, str] = os.environ) -> ExporterConfig:
    """Reads a configuration file. JMP_GRPC_INSECURE=1 is as `tls.insecure`.

    Raises ConfigurationError, which names the file and everything that is wrong.
    """
    document = _document(path)
    if not isinstance(document.content, Mapping):
        raise ConfigurationError(f"{path}: must be a mapping with `kind: ExporterConfig`")
    content = _with_files_read(document.content, path)
    if content.get("kind") == "ExporterConfig" and not content.get("endpoint") and not content.get("token"):
        raise ConfigurationError(f"{path}: {_LOCAL_MODE}")
    names = WrittenNames(document)
    if "export" in content:
        content["export"] = names.entries(content["export"], ("export",))
    faults = names.misread
    try:
        configuration = ExporterConfig.model_validate(content)
    except ValidationError as error:
        of_file, _ = explain_document(error, content, document, {})
        raise ConfigurationError(f"{path}: {'; '.join([*faults, *of_file])}") from error
    if faults:
        raise ConfigurationError(f"{path}: {'; '.join(faults)}")
    try:
        insecure = any(is_on(variable, environment) for variable in INSECURE_VARIABLES)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    tls = configuration.tls.model_copy(update={"insecure": configuration.tls.insecure or insecure})
    return configuration.model_copy(update={"tls": tls})


def _document(path: Path) -> YamlDocument:
    try:
        return read_document(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path}: there is no such file; write it, or give its path or name") from error
    except YamlRefused as error:
        raise ConfigurationError(f"{path}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: can't be read: {error}") from error


def _with_files_read(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The document with `token` and `tls.ca` in place of `tokenFile` and `tls.caFile`. Raises ConfigurationError."""
    read = _file_read(document, "token", path, "token")
    if isinstance(read.get("tls"), Mapping):
        read["tls"] = _file_read(read["tls"], "ca", path, "tls.ca")
    return read


def _file_read(part: Mapping[str, Any], key: str, path: Path, path_prefix: str) -> dict[str, Any]:
    """A file's content in place of its name, which is relative to the configuration file."""
    read = dict(part)
    if f"{key}File" not in read:
        return read
    if read.get(key):
        raise ConfigurationError(f"{path}: `{path_prefix}` and `{path_prefix}File` exclude each other; remove one")
    file = path.parent / str(read.pop(f"{key}File"))
    try:
        content = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: `{path_prefix}File` {file} can't be read: {error}") from error
    if not content:
        raise ConfigurationError(f"{path}: `{path_prefix}File` {file} is empty; write the {key} into it")
    return {**read, key: content}
