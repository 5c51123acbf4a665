"""The paths of configuration files, and which one is in force: by Jumpstarter's paths and environment variables.

A client is chosen by, in this order: an explicit name, JMP_CLIENT_CONFIG (a path), JMP_CLIENT (a name), and the current
client in `config.yaml`. JMP_ENDPOINT, JMP_TOKEN, JMP_NAMESPACE, JMP_NAME, JMP_DRIVERS_ALLOW (comma-separated, or
UNSAFE), JMP_DRIVERS_UNSAFE=1, JMP_DIAL_TIMEOUT, JMP_RETRY_TIMEOUT and JMP_GRPC_INSECURE=1 override single settings;
where no file is chosen, the first four are enough.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from jumplab import private_files
from jumplab.client.config import API_VERSION, ClientConfig, parse_config, read_yaml
from jumplab.client.environment import WHOLE_CLIENT, settings_in
from jumplab.client.errors import ConfigurationError
from jumplab.config_places import NoHome, config_home
from jumplab.yaml_documents import YamlDocument


@dataclass(frozen=True, slots=True)
class ConfigFiles:
    """The user's configuration folder: `clients/NAME.yaml`, and `config.yaml` that names the current client."""

    home: Path

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "ConfigFiles":
        """As `config_home` has it. Raises ConfigurationError where there is no home."""
        try:
            return cls(config_home(environment))
        except NoHome as error:
            advice = "set HOME, JMP_CLIENT_CONFIG_HOME (a folder), or JMP_CLIENT_CONFIG (a file)"
            raise ConfigurationError(f"{error}; {advice}") from error

    def client_path(self, name: str) -> Path:
        if not name or "/" in name or "\0" in name or name.startswith("."):
            raise ConfigurationError(f'"{name}" can\'t be the name of a client configuration')
        return self.home / "clients" / f"{name}.yaml"

    def client_names(self) -> list[str]:
        return sorted(path.stem for path in (self.home / "clients").glob("*.yaml"))

    def current_client(self) -> str | None:
        """The name in `config.yaml`; None where there is no file or no choice in it."""
        path = self.home / "config.yaml"
        if not _is_there(path):
            return None
        content = read_yaml(path).content
        if content is None:
            return None
        chosen = content.get("config") if isinstance(content, dict) else content
        name = chosen.get("current-client") if isinstance(chosen, dict) else chosen
        if not isinstance(chosen, dict | None) or not isinstance(name, str | None):
            raise ConfigurationError(
                f"{path}: expected a UserConfig with the name of a client as config.current-client"
            )
        return name or None

    def use_client(self, name: str) -> None:
        """Makes `name` the current client; raises ConfigurationError where it has no file."""
        if not _is_there(self.client_path(name)):
            raise ConfigurationError(self._no_such_client(name))
        content = {"apiVersion": API_VERSION, "kind": "UserConfig", "config": {"current-client": name}}
        with private_file(self.home / "config.yaml") as write:
            write(yaml.safe_dump(content, sort_keys=False).encode())

    def read_client(self, name: str) -> YamlDocument:
        """The content of a client's file, unchecked; raises ConfigurationError where there is none."""
        path = self.client_path(name)
        if not _is_there(path):
            raise ConfigurationError(self._no_such_client(name))
        return read_yaml(path)

    def _no_such_client(self, name: str) -> str:
        known = ", ".join(self.client_names()) or "none"
        return f'no client configuration "{name}" in {self.home / "clients"} (there are: {known})'


def _is_there(path: Path) -> bool:
    """Raises ConfigurationError where that can't be seen, as in the home of another user."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        advice = "; set HOME to a folder of this user" if isinstance(error, PermissionError) else ""
        raise ConfigurationError(f"{path}: {error.strerror}{advice}") from error
    return True


def load_client(name: str | None = None, environment: Mapping[str, str] | None = None) -> ClientConfig:
    """The configuration in force. `name`: a configuration by its name, before all else; raises ConfigurationError."""
    environment = os.environ if environment is None else environment
    settings = settings_in(environment)
    document, source = _chosen(name, environment)
    changes = {setting.keys: setting.value for setting in settings}
    config = parse_config(document, source, changes, {setting.keys: setting.variable for setting in settings})
    if ("token",) not in changes:
        config.follow_token(Path(source))
    if Path(source).is_file() and not any(keys[0] == "tls" for keys in changes):
        config.follow_ca(Path(source))
    return config


def _chosen(name: str | None, environment: Mapping[str, str]) -> tuple[YamlDocument, str]:
    if name is None and (path := environment.get("JMP_CLIENT_CONFIG")):
        with _naming("JMP_CLIENT_CONFIG"):
            return read_yaml(Path(path)), path
    given = [variable for variable in WHOLE_CLIENT if environment.get(variable)]
    is_whole = len(given) == len(WHOLE_CLIENT)
    if name is None and is_whole and not environment.get("JMP_CLIENT"):
        return YamlDocument({}), "the environment's JMP_ variables"
    config_files = ConfigFiles.of(environment)
    if name is None and (named := environment.get("JMP_CLIENT")):
        with _naming("JMP_CLIENT"):
            return config_files.read_client(named), str(config_files.client_path(named))
    if chosen := name or config_files.current_client():
        return config_files.read_client(chosen), str(config_files.client_path(chosen))
    missing = ", ".join(variable for variable in WHOLE_CLIENT if variable not in given)
    also = f" beside {', '.join(given)}" if given else ""
    raise ConfigurationError(
        f"no client is configured: choose one with `jumplab config client use NAME` (files lie in "
        f"{config_files.home / 'clients'}), or set {missing}{also}"
    )


@contextmanager
def _naming(variable: str) -> Iterator[None]:
    """What is wrong with the file that a variable names is said with the variable's name."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{variable}: {error}") from error


@contextmanager
def private_file(path: Path) -> Iterator[Callable[[bytes], None]]:
    """As `jumplab.private_files` has it; raises ConfigurationError."""
    try:
        with private_files.private_file(path) as write:
            yield write
    except private_files.NotWritten as error:
        raise ConfigurationError(str(error)) from error
