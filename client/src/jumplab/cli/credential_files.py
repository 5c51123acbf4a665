"""The work of `jumplab create exporter|client`: the resource, its credential, and a configuration file with it."""

import base64
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import click
import yaml

from jumplab.cli.exit_status import print_note
from jumplab.client.admin import Administrator, Credential, Kind
from jumplab.client.config import API_VERSION, ClientConfig, Metadata
from jumplab.client.config_files import ConfigFiles, private_file
from jumplab.client.errors import ConfigurationError
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

EXPORTER_FOLDER = Path("/etc/jumpstarter/exporters")


def add_to_lab(
    kind: Kind,
    name: str,
    labels: Mapping[str, str],
    *,
    save: bool,
    out: str | None,
    kubeconfig: str | None,
    namespace: str | None,
) -> None:
    """Creates the resource, waits for its credential, and writes or prints the configuration."""
    administrator = Administrator(kubeconfig, namespace)
    path = Path(out) if out else _default_path(kind, name) if save else None

    def create() -> str:
        administrator.create(kind, name, labels)
        credential = administrator.wait_for_credential(kind, name)
        if administrator.reaches_further_than(credential.endpoint):
            print_note(
                f"the controller is advertised at {credential.endpoint}, which only its own machine reaches; start it "
                f"with --advertise HOST, and replace the endpoint of this {kind.lower()}'s configuration"
            )
        return configuration_of(credential)

    if path is None:
        click.echo(create(), nl=False)
        return
    with private_file(path) as write:
        write(create().encode())
    then = ", which exports nothing yet: add its drivers" if kind == "Exporter" else ""
    print_note(f'{kind.lower()} "{name}" created; its configuration is {path}{then}')
    if save and kind == "Client" and (config_files := ConfigFiles.of(os.environ)).current_client() is None:
        config_files.use_client(name)
        print_note(f'"{name}" is now the current client')


def configuration_of(credential: Credential) -> str:
    """The configuration file of an exporter (to be completed with its drivers) or of a client."""
    ca = base64.b64encode(credential.ca.encode()).decode()
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
        labels[key] = value
    return labels


def _default_path(kind: Kind, name: str) -> Path:
    """Raises ConfigurationError where a configuration lies there already: it may be another lab's."""
    path = ConfigFiles.of(os.environ).client_path(name) if kind == "Client" else EXPORTER_FOLDER / f"{name}.yaml"
    if path.exists():
        raise ConfigurationError(f"{path} exists already; move it away, or write to another file with --out")
    return path
