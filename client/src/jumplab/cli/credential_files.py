"""The work of `jumplab create exporter|client`: the resource, its credential, and a configuration file with it."""

import base64
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import click
import yaml

from jumplab.cli.configuration_edits import has_one_token, with_ca, with_token
from jumplab.cli.exit_status import print_note
from jumplab.cli.running import ended_by_signals, signals_postponed
from jumplab.client.admin import Administrator, Credential, Kind
from jumplab.client.config import API_VERSION, ClientConfig, Metadata, read_yaml
from jumplab.client.config_files import ConfigFiles, private_file
from jumplab.client.errors import ClientError, ConfigurationError
from jumplab.protocol.durations import format_duration
from jumplab.protocol.label_selectors import label_problem
from jumplab.transport.tls_settings import TlsSettings

_NO_DRIVERS = """\
# This exporter exports nothing yet. Put its drivers here, as in this example, and remove the last line:
#
# export:
#   power:
#     type: power/virtual
#   console:
#     type: console/serial
#     config: {url: /dev/ttyUSB0, baudrate: 115200}
#
# Then check the file with: jumplab-exporter check FILE
export: {}
"""

_ROOM_BYTES = 64 * 1024

EXPORTER_FOLDER = Path("/etc/jumpstarter/exporters")


def chosen_path(kind: Kind, name: str, *, save: bool, out: str | None) -> Path | None:
    """Where the configuration is written; None: to standard output."""
    if out:
        return Path(out)
    if not save:
        return None
    return ConfigFiles.of(os.environ).client_path(name) if kind == "Client" else EXPORTER_FOLDER / f"{name}.yaml"


def add_to_lab(
    administrator: Administrator, kind: Kind, name: str, labels: Mapping[str, str], path: Path | None
) -> None:
    """Creates the resource, waits for its credential, and writes or prints the configuration. What can't be written is
    not left behind in the lab."""
    if path is not None and path.exists():
        # It may be another lab's.
        raise ConfigurationError(f"{path} exists already; move it away, or write to another file with --out")
    _check_room(path)
    created = False
    with ended_by_signals():
        try:
            with _destination(path) as write:
                with signals_postponed():
                    administrator.create(kind, name, labels)
                    created = True
                credential = administrator.wait_for_credential(kind, name)
                _note_loopback(administrator, kind, credential)
                write(configuration_of(credential))
        except BaseException:
            if created:
                _undo(administrator, kind, name)
            raise
    if path is not None:
        then = ", which exports nothing yet: add its drivers" if kind == "Exporter" else ""
        print_note(f'{kind.lower()} "{name}" created; its configuration is {path}{then}')


def _note_loopback(administrator: Administrator, kind: Kind, credential: Credential) -> None:
    if administrator.reaches_further_than(credential.endpoint):
        print_note(
            f"the controller is advertised at {credential.endpoint}, which only its own machine reaches; start it "
            f"with --advertise HOST, and replace the endpoint of this {kind.lower()}'s configuration"
        )


def replace_token(
    administrator: Administrator, kind: Kind, name: str, path: Path | None, overlap: timedelta | None = None
) -> None:
    """Replaces the token of what exists. In a configuration that is there already, only the token is changed.

    overlap: how long the old token is still accepted; None: not at all.
    """
    existing = _existing_configuration(administrator, name, path)
    _check_room(path)
    with ended_by_signals(), _destination(path) as write:
        credential = administrator.rotate(kind, name, overlap)
        write(configuration_of(credential) if existing is None else with_token(existing, credential.token))
    still = f"; the old one ends in {format_duration(overlap)}" if overlap else ""
    print_note(f'{kind.lower()} "{name}" has a new token' + (f", in {path}" if path is not None else "") + still)


def refresh(administrator: Administrator, kind: Kind, name: str, path: Path | None) -> None:
    """Writes the token and the CA of now. In a configuration that is there already, only these are changed."""
    existing = _existing_configuration(administrator, name, path)
    _check_room(path)
    with ended_by_signals(), _destination(path) as write:
        credential = administrator.credential(kind, name)
        write(configuration_of(credential) if existing is None else _refreshed(existing, credential, path))
    if path is not None:
        print_note(f'{path} has the token and the CA of {kind.lower()} "{name}"')


def _refreshed(existing: str, credential: Credential, path: Path | None) -> str:
    text = with_token(existing, credential.token)
    if not credential.ca:  # a CA that every machine trusts
        return text
    changed = with_ca(text, _encoded(credential.ca))
    if changed is None:
        secret = f"{credential.name}-{credential.kind.lower()}"
        raise ConfigurationError(
            f'{path} has no "tls.ca"; where it names a file as "tls.caFile", write the key ca.crt of Secret "{secret}" '
            "into that file"
        )
    return changed


def _encoded(ca: str) -> str:
    return base64.b64encode(ca.encode()).decode()


def use_first_client(name: str) -> None:
    """Makes the client the current one where none is."""
    config_files = ConfigFiles.of(os.environ)
    if config_files.current_client() is None:
        config_files.use_client(name)
        print_note(f'"{name}" is now the current client')


def _existing_configuration(administrator: Administrator, name: str, path: Path | None) -> str | None:
    """The text of the file that gets the new token. Raises ConfigurationError where it is something else's."""
    if path is None or not path.exists():
        return None
    content = read_yaml(path).content
    metadata = content.get("metadata") if isinstance(content, dict) else None
    if metadata != {"namespace": administrator.namespace, "name": name}:
        raise ConfigurationError(
            f'{path} is not the configuration of "{name}" in namespace "{administrator.namespace}"; write to another '
            "file with --out"
        )
    text = path.read_text(encoding="utf-8")
    if not has_one_token(text):
        raise ConfigurationError(f'{path} has no line that begins with "token:"; write to another file with --out')
    return text


@contextmanager
def _destination(path: Path | None) -> Iterator[Callable[[str], None]]:
    if path is None:
        yield lambda text: click.echo(text, nl=False)
        return
    with private_file(path) as write:
        yield lambda text: write(text.encode())


class _Enough(Exception):
    """There is room."""


def _check_room(path: Path | None) -> None:
    """Raises ConfigurationError where a configuration can't be written there, on a full disk for example."""
    if path is None:
        return
    try:
        with private_file(path) as write:
            write(b" " * _ROOM_BYTES)
            raise _Enough
    except _Enough:
        return


def _undo(administrator: Administrator, kind: Kind, name: str) -> None:
    what = kind.lower()
    try:
        administrator.delete(kind, name)
        print_note(f'{what} "{name}" was deleted again, since its configuration could not be written')
    except ClientError as error:
        print_note(f'{what} "{name}" is left without a configuration: {error}; try `jumplab delete {what} {name}`')


def configuration_of(credential: Credential) -> str:
    """The configuration file of an exporter (to be completed with its drivers) or of a client."""
    ca = _encoded(credential.ca)
    if credential.kind == "Client":
        metadata = Metadata(namespace=credential.namespace, name=credential.name)
        config = ClientConfig(
            metadata=metadata, endpoint=credential.endpoint, token=credential.token, tls=TlsSettings(ca=ca)
        )
        return config.to_yaml()
    exporter = {
        "apiVersion": API_VERSION,
        "kind": "ExporterConfig",
        "metadata": {"namespace": credential.namespace, "name": credential.name},
        "endpoint": credential.endpoint,
        "token": credential.token,
        "tls": {"ca": ca, "insecure": False},
    }
    return yaml.safe_dump(exporter, sort_keys=False) + _NO_DRIVERS


def read_labels(pairs: Iterable[str]) -> dict[str, str]:
    """KEY=VALUE pairs as a mapping; raises click's UsageError for anything else."""
    labels: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise click.UsageError(f'"{pair}" is not a label; write it as KEY=VALUE')
        if key in labels:
            raise click.UsageError(f'label "{key}" is given twice; give it one value')
        if problem := label_problem(key, value):
            raise click.UsageError(problem)
        labels[key] = value
    return labels
