"""The paths of configuration files, and which one is in force: by Jumpstarter's paths and environment variables.

A client is chosen by, in this order: an explicit name, JMP_CLIENT_CONFIG (a path), JMP_CLIENT (a name), and the current
client in `config.yaml`. JMP_ENDPOINT, JMP_TOKEN, JMP_NAMESPACE, JMP_NAME, JMP_DRIVERS_ALLOW (comma-separated, or
UNSAFE) and JUMPSTARTER_GRPC_INSECURE=1 override single settings; where no file is chosen, the first four are enough.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from jumplab import private_files
from jumplab.client.config import API_VERSION, ClientConfig, parse_config, read_yaml
from jumplab.client.errors import ConfigurationError

_WHOLE_CLIENT = ("JMP_ENDPOINT", "JMP_TOKEN", "JMP_NAMESPACE", "JMP_NAME")


@dataclass(frozen=True, slots=True)
class ConfigFiles:
    """The user's configuration folder: `clients/NAME.yaml`, and `config.yaml` that names the current client."""

    home: Path

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "ConfigFiles":
        """JMP_CLIENT_CONFIG_HOME, else `jumpstarter` below XDG_CONFIG_HOME, else ~/.config/jumpstarter."""
        if own := environment.get("JMP_CLIENT_CONFIG_HOME"):
            return cls(Path(own))
        base = environment.get("XDG_CONFIG_HOME") or str(Path(environment.get("HOME", "~")).expanduser() / ".config")
        return cls(Path(base) / "jumpstarter")

    def client_path(self, name: str) -> Path:
        if not name or "/" in name or name.startswith("."):
            raise ConfigurationError(f'"{name}" can\'t be the name of a client configuration')
        return self.home / "clients" / f"{name}.yaml"

    def client_names(self) -> list[str]:
        return sorted(path.stem for path in (self.home / "clients").glob("*.yaml"))

    def current_client(self) -> str | None:
        """The name in `config.yaml`; None where there is no file or no choice in it."""
        path = self.home / "config.yaml"
        if not path.exists():
            return None
        content = read_yaml(path)
        if content is None:
            return None
        chosen = content.get("config") if isinstance(content, dict) else None
        if not isinstance(chosen, dict | None) or not isinstance(content, dict):
            raise ConfigurationError(f"{path}: expected a UserConfig with config.current-client")
        return (chosen or {}).get("current-client") or None

    def use_client(self, name: str) -> None:
        """Makes `name` the current client; raises ConfigurationError where it has no file."""
        if not self.client_path(name).exists():
            raise ConfigurationError(self._no_such_client(name))
        content = {"apiVersion": API_VERSION, "kind": "UserConfig", "config": {"current-client": name}}
        with private_file(self.home / "config.yaml") as write:
            write(yaml.safe_dump(content, sort_keys=False).encode())

    def read_client(self, name: str) -> Any:
        """The content of a client's file, unchecked; raises ConfigurationError where there is none."""
        path = self.client_path(name)
        if not path.exists():
            raise ConfigurationError(self._no_such_client(name))
        return read_yaml(path)

    def _no_such_client(self, name: str) -> str:
        known = ", ".join(self.client_names()) or "none"
        return f'no client configuration "{name}" in {self.home / "clients"} (there are: {known})'


def load_client(name: str | None = None, environment: Mapping[str, str] | None = None) -> ClientConfig:
    """The configuration in force. `name`: a configuration by its name, before all else; raises ConfigurationError."""
    environment = os.environ if environment is None else environment
    content, source = _chosen(name, environment)
    return parse_config(_overridden(content, environment) if isinstance(content, dict) else content, source)


def _chosen(name: str | None, environment: Mapping[str, str]) -> tuple[Any, str]:
    config_files = ConfigFiles.of(environment)
    if name is None and (path := environment.get("JMP_CLIENT_CONFIG")):
        return read_yaml(Path(path)), path
    whole_in_environment = all(environment.get(key) for key in _WHOLE_CLIENT)
    chosen = name or environment.get("JMP_CLIENT") or (None if whole_in_environment else config_files.current_client())
    if chosen:
        return config_files.read_client(chosen), str(config_files.client_path(chosen))
    if whole_in_environment:
        return {}, "the environment's JMP_ variables"
    raise ConfigurationError(
        f"no client is configured: choose one with `jumplab config client use NAME` (files lie in "
        f"{config_files.home / 'clients'}), or set {', '.join(_WHOLE_CLIENT)}"
    )


def _overridden(content: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    def set_in(section: str, values: dict[str, Any]) -> None:
        current = changed.get(section, {})
        if values and isinstance(current, dict):
            changed[section] = {**current, **values}

    def from_environment(keys: dict[str, str]) -> dict[str, Any]:
        return {key: environment[variable] for key, variable in keys.items() if environment.get(variable)}

    changed = {**content, **from_environment({"endpoint": "JMP_ENDPOINT", "token": "JMP_TOKEN"})}
    set_in("metadata", from_environment({"namespace": "JMP_NAMESPACE", "name": "JMP_NAME"}))
    if allow := environment.get("JMP_DRIVERS_ALLOW"):
        unsafe = allow == "UNSAFE"
        allowed = [] if unsafe else [part.strip() for part in allow.split(",")]
        set_in("drivers", {"allow": allowed, "unsafe": unsafe})
    if environment.get("JUMPSTARTER_GRPC_INSECURE") == "1":
        set_in("tls", {"insecure": True})
    return changed


@contextmanager
def private_file(path: Path) -> Iterator[Callable[[bytes], None]]:
    """As `jumplab.private_files` has it; raises ConfigurationError."""
    try:
        with private_files.private_file(path) as write:
            yield write
    except private_files.NotWritten as error:
        raise ConfigurationError(str(error)) from error
