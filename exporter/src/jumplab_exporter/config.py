"""The exporter's configuration file, in Jumpstarter's format and places."""

import shlex
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from jumplab.protocol.durations import parse_positive_duration
from jumplab.transport.endpoint import check_address
from jumplab.transport.tls_settings import TlsSettings
from jumplab.validation import explain_validation
from jumplab_exporter.console_log_settings import ConsoleLogSettings
from jumplab_exporter.errors import ConfigurationError

CONFIG_FOLDER = Path("/etc/jumpstarter/exporters")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _empty_if_none(value: Any) -> Any:
    return {} if value is None else value


class Metadata(_Part):
    """Which Exporter resource this process is."""

    namespace: str = Field(min_length=1)
    name: str = Field(min_length=1)


class DriverEntry(_Part):
    """A driver. type: its import path, or the name that its package registered it under."""

    type: str
    config: Annotated[dict[str, Any], BeforeValidator(_empty_if_none)] = Field(default_factory=dict)
    children: "Entries" = Field(default_factory=dict)
    description: str = ""


class GroupEntry(_Part):
    """Only a name for the drivers below it."""

    children: "Entries"
    description: str = ""


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


Entries = dict[str, Annotated[Entry, BeforeValidator(_as_entry)]]


class OnFailure(StrEnum):
    """What a failed hook leads to."""

    WARN = "warn"
    END_LEASE = "endLease"
    EXIT = "exit"


def _interpreter(value: str) -> str:
    if not shlex.split(value):
        raise ValueError("must name an interpreter, e.g. /bin/sh")
    return value


def _in_seconds(value: Any) -> Any:
    return parse_positive_duration(value).total_seconds() if isinstance(value, str) else value


# As every duration, and as a number of seconds, which is how Jumpstarter's files have it.
Seconds = Annotated[float, BeforeValidator(_in_seconds), Field(gt=0, allow_inf_nan=False)]
Interpreter = Annotated[str, AfterValidator(_interpreter)]


class Hook(_Part):
    """A script around a lease.

    script: what the interpreter `exec` runs, as `EXEC -c SCRIPT`.
    timeout: a duration, after which it is killed with all that it has started.
    """

    script: str
    exec: Interpreter = "/bin/sh"
    timeout_seconds: Seconds = Field(default=120, alias="timeout")
    on_failure: OnFailure = Field(default=OnFailure.WARN, alias="onFailure")

    @property
    def command(self) -> tuple[str, ...]:
        """What is run."""
        return (*shlex.split(self.exec), "-c", self.script)


class Hooks(_Part):
    before_lease: Hook | None = Field(default=None, alias="beforeLease")
    after_lease: Hook | None = Field(default=None, alias="afterLease")


class HealthCheck(_Part):
    """How the exporter finds out whether its devices work, while nobody has them.

    script, exec: as of a hook; without a script the drivers' own checks are all there is.  timeout: a duration, after
    which the check has failed.  interval: the duration between two checks of an exporter that is free.
    """

    script: str = ""
    exec: Interpreter = "/bin/sh"
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
    grpc_options: dict[str, str | int] = Field(default_factory=dict, alias="grpcOptions")
    description: str = ""
    motd: str = ""
    export: Entries = Field(default_factory=dict)
    hooks: Hooks = Field(default_factory=Hooks)
    health_check: HealthCheck | None = Field(default=None, alias="healthCheck")
    console_logs: ConsoleLogSettings = Field(default_factory=ConsoleLogSettings, alias="consoleLogs")


def locate(name_or_path: str) -> Path:
    """The file that an argument means: itself if it looks like a path, else a name in the usual place."""
    if "/" in name_or_path or name_or_path.endswith((".yaml", ".yml")):
        return Path(name_or_path)
    return CONFIG_FOLDER / f"{name_or_path}.yaml"


def load(path: Path) -> ExporterConfig:
    """Reads a configuration file. Raises ConfigurationError, which names the file and every key that is wrong."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path}: there is no such file; write it, or give its path or name") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: can't be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, Mapping):
        raise ConfigurationError(f"{path}: must be a mapping with `kind: ExporterConfig`")
    content = _with_files_read(document, path)
    try:
        return ExporterConfig.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {explain_validation(error, content)}") from error


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
