"""The exporter's configuration file, in Jumpstarter's format and places; faults are told at once, with their lines."""

import os
import shlex
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from jumplab.config_fields import INSECURE_VARIABLES, OR_NULL, OptionalText, Seconds, is_on
from jumplab.config_places import NoHome, config_home
from jumplab.transport.endpoint import check_address
from jumplab.transport.tls_settings import TlsSettings
from jumplab.validation import explain_document
from jumplab.yaml_documents import YamlDocument, YamlRefused, read_document, reading_problem
from jumplab_exporter.audit_settings import AuditLogSettings
from jumplab_exporter.console_log_settings import ConsoleLogSettings
from jumplab_exporter.drivers.sizes import Size
from jumplab_exporter.errors import ConfigurationError
from jumplab_exporter.named_files import named_files, with_files_read
from jumplab_exporter.safe_state_settings import SafeState
from jumplab_exporter.written_names import WrittenNames

CONFIG_FOLDER = Path("/etc/jumpstarter/exporters")

_LOCAL_MODE = (
    "has neither endpoint nor token, so there is no controller that could lease it. Without one (local mode), `jumplab "
    "shell --exporter-config {path}` gives you its drivers. For leases, `jumplab-operator standalone` runs a "
    "controller on this machine, and `jumplab create exporter NAME` prints the endpoint and the token to put here"
)

_LEAST_MEMORY_BYTES = 128 << 20


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _empty_if_none(value: Any) -> Any:
    return {} if value is None else value


class LocalMetadata(_Part):
    """How an exporter without a controller calls itself."""

    namespace: OptionalText = ""
    name: OptionalText = ""


class Metadata(LocalMetadata):
    """Which Exporter resource this process is."""

    namespace: str = Field(min_length=1)
    name: str = Field(min_length=1)


def _enough_memory(size_bytes: int) -> int:
    if size_bytes < _LEAST_MEMORY_BYTES:
        raise ValueError("must be at least 128 MiB: the process needs some 80 MiB before it has done anything")
    return size_bytes


class Isolation(_Part):
    """A process of its own.  memory_bytes: how much it may map at the most; None: as much as the exporter may."""

    memory_bytes: Annotated[Size, AfterValidator(_enough_memory)] | None = Field(default=None, alias="memory")


def _isolation(value: Any) -> Any:
    if value is True:
        return Isolation()
    if value is None or value is False or isinstance(value, Mapping | Isolation):
        return value
    raise ValueError("must be true, false, or a mapping with `memory`")


Isolate = Annotated[Isolation | Literal[False] | None, BeforeValidator(_isolation)]
"""None: as the driver's class wants it."""


class DriverEntry(_Part):
    """A driver.  type: its import path, or the name that its package registered it under.

    methods_description: what is said of its methods in place of the driver's own words, by their names.  isolate: as
    jumplab_exporter.isolation has it.
    """

    type: str
    config: Annotated[dict[str, Any], BeforeValidator(_empty_if_none), OR_NULL] = Field(default_factory=dict)
    children: "Entries" = Field(default_factory=dict)
    description: OptionalText = ""
    isolate: Isolate = None
    methods_description: Annotated[dict[str, str], BeforeValidator(_empty_if_none), OR_NULL] = Field(
        default_factory=dict
    )


class GroupEntry(_Part):
    """Only a name for the drivers below it."""

    children: "Entries"
    description: OptionalText = ""
    isolate: Isolate = None


class RefEntry(_Part):
    """Another name for an entry elsewhere in the tree.  ref: that entry's names, joined by dots."""

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


Entries = Annotated[dict[str, Annotated[Entry, BeforeValidator(_as_entry)]], BeforeValidator(_empty_if_none), OR_NULL]


def _isolated_at_the_top_alone(entries: dict[str, Entry]) -> dict[str, Entry]:
    for name, entry in entries.items():
        if not isinstance(entry, RefEntry):
            for path in _isolating(entry.children, f"{name}."):
                raise ValueError(f"{path}: isolate belongs to an entry at the top; write it at {name}")
    return entries


def _isolating(entries: Mapping[str, Entry], above: str) -> Iterator[str]:
    """The paths of the entries that say `isolate`."""
    for name, entry in entries.items():
        if not isinstance(entry, RefEntry):
            if entry.isolate is not None:
                yield above + name
            yield from _isolating(entry.children, f"{above}{name}.")


TopEntries = Annotated[Entries, AfterValidator(_isolated_at_the_top_alone)]


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
    timeout: a duration, after which it is killed with all that it has started.  onFailure: goes on by itself (`warn`),
    ends the lease, or ends the exporter.
    """

    script: Script
    exec: Interpreter | None = None
    timeout_seconds: Seconds = Field(default=120, alias="timeout")
    on_failure: OnFailure = Field(default=OnFailure.WARN, alias="onFailure")


class Hooks(_Part):
    """Scripts around a lease.

    beforeLease: runs before the lease's client may attach.  afterLease: runs when its clients are detached.
    """

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


class LocalConfig(_Part):
    """A file whose drivers need no controller: where that is, and what the exporter is called there, may be missing.

    metadata: which Exporter resource this is.
    endpoint: the controller, as host:port.  token: proves who this is; better in a file, see tokenFile.
    tls: how the controller proves itself.
    description: told to those who look for an exporter.  motd: told to those who lease it.
    export: the drivers, by name.
    hooks: scripts around each lease.
    healthCheck: how the exporter finds out whether its devices work while nobody has them.
    consoleLogs: how much of the consoles' output outlives a lease.
    auditLog: a record of each call of a driver.
    failureDetection: when the process ends because it can't stay connected.
    exitOnLeaseEnd: end the process with each lease; its supervisor starts it again.
    grpcOptions, alias, path: of Jumpstarter's files; without effect.
    """

    api_version: Literal["jumpstarter.dev/v1alpha1"] = Field(alias="apiVersion")
    kind: Literal["ExporterConfig"]
    metadata: Annotated[LocalMetadata, BeforeValidator(_empty_if_none), OR_NULL] = Field(default_factory=LocalMetadata)
    endpoint: OptionalText = ""
    token: OptionalText = Field(default="", repr=False)
    tls: TlsSettings = Field(default_factory=TlsSettings)
    grpc_options: Annotated[dict[str, str | int], BeforeValidator(_empty_if_none), OR_NULL] = Field(
        default_factory=dict, alias="grpcOptions"
    )
    description: OptionalText = ""
    motd: OptionalText = ""
    export: TopEntries = Field(default_factory=dict)
    safe_state: tuple[SafeState, ...] = Field(default=(), alias="safeState")
    hooks: Annotated[Hooks, BeforeValidator(_empty_if_none), OR_NULL] = Field(default_factory=Hooks)
    health_check: HealthCheck | None = Field(default=None, alias="healthCheck")
    console_logs: ConsoleLogSettings = Field(default_factory=ConsoleLogSettings, alias="consoleLogs")
    audit_log: AuditLogSettings | None = Field(default=None, alias="auditLog")
    failure_detection: FailureDetection | None = Field(default=None, alias="failureDetection")
    exit_on_lease_end: bool = Field(default=False, alias="exitOnLeaseEnd")
    alias: str | None = None
    path: str | None = None

    @field_validator("alias", "path")
    @classmethod
    def _without_effect(cls, _: str | None) -> None:
        """Where Jumpstarter's programs found the file."""


class ExporterConfig(LocalConfig):
    """One exporter: who it is, where its controller is, and which drivers it has."""

    metadata: Metadata
    endpoint: Annotated[str, AfterValidator(check_address)]
    token: Annotated[str, AfterValidator(_one_word)] = Field(repr=False)


C = TypeVar("C", bound=LocalConfig)


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
    document, written = _read(path)
    content = with_files_read(written, path)
    if content.get("kind") == "ExporterConfig" and not _has_controller(content):
        raise ConfigurationError(f"{path}: {_LOCAL_MODE.format(path=path)}")
    configuration = _validated(ExporterConfig, content, document, path)
    try:
        insecure = any(is_on(variable, environment) for variable in INSECURE_VARIABLES)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    tls = configuration.tls.model_copy(update={"insecure": configuration.tls.insecure or insecure})
    return configuration.model_copy(update={"tls": tls})


def load_local(path: Path) -> LocalConfig:
    """Reads a configuration file for its drivers alone. What is about its controller may be missing, and is not used:
    its files of secrets are another user's, perhaps.

    An exporter without a name is called as its file. Raises ConfigurationError as `load`.
    """
    document, written = _read(path)
    content = {key: value for key, value in written.items() if key != "tokenFile"}
    if isinstance(tls := content.get("tls"), Mapping):
        content["tls"] = {key: value for key, value in tls.items() if key != "caFile"}
    configuration = _validated(LocalConfig, content, document, path)
    metadata = configuration.metadata
    named = LocalMetadata(namespace=metadata.namespace or "local", name=metadata.name or path.stem)
    return configuration.model_copy(update={"metadata": named})


def load_either(path: Path) -> LocalConfig:
    """`load` for a file that names a controller or has a token, `load_local` for one that has neither."""
    return load(path) if _has_controller(_read(path)[1]) else load_local(path)


def _has_controller(content: Mapping[str, Any]) -> bool:
    return any(content.get(key) for key in ("endpoint", "token", "tokenFile"))


def _read(path: Path) -> tuple[YamlDocument, Mapping[str, Any]]:
    """Raises ConfigurationError."""
    document = _document(path)
    if not isinstance(document.content, Mapping):
        raise ConfigurationError(f"{path}: must be a mapping with `kind: ExporterConfig`")
    return document, document.content


def _validated(kind: type[C], content: Mapping[str, Any], document: YamlDocument, path: Path) -> C:
    """Raises ConfigurationError."""
    names, checked = WrittenNames(document), dict(content)
    if "export" in checked:
        checked["export"] = names.entries(checked["export"], ("export",))
    faults = names.misread
    try:
        configuration = kind.model_validate(checked)
    except ValidationError as error:
        of_file, _ = explain_document(error, checked, document, {})
        raise ConfigurationError(f"{path}: {'; '.join([*faults, *of_file])}") from error
    if faults:
        raise ConfigurationError(f"{path}: {'; '.join(faults)}")
    return configuration


def _document(path: Path) -> YamlDocument:
    try:
        return read_document(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path}: there is no such file; write it, or give its path or name") from error
    except YamlRefused as error:
        raise ConfigurationError(f"{path}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: can't be read: {reading_problem(error)}") from error


def secret_files(path: Path) -> list[Path]:
    """The files that a configuration file names in `tokenFile` and `tls.caFile`; none where it can't be read."""
    try:
        _, content = _read(path)
    except ConfigurationError:
        return []
    return named_files(content, path)
