"""A lab on one machine as users set it up: a control plane, an exporter, and a client's configuration."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from jumplab.cli.credential_files import configuration_of
from jumplab.client.admin import Credential, Kind
from jumplab.private_files import write_private
from tests.kube.processes import Process
from tools.bench.drivers import export_entries
from tools.bench.lab import NAMESPACE, Lab, one_machine
from tools.bench.processes import running
from tools.bench.waiting import wait_until

_CREDENTIAL_BOUND_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Board:
    """What can be leased, by its exporter's name; and the configuration file of a client who may.

    process: the exporter's.
    """

    lab: Lab
    exporter: str
    process: Process
    client: Path


@contextmanager
def one_board(folder: Path) -> Iterator[Board]:
    """Runs control plane and exporter while the context lasts; what is measured on it goes through the router."""
    os.environ["JUMPLAB_ALWAYS_ROUTE"] = "1"
    with one_machine(folder) as lab:
        client, exporter = folder / "client.yaml", folder / "exporter.yaml"
        write_private(client, _configuration(lab, "Client", "ci").encode())
        content = yaml.safe_load(_configuration(lab, "Exporter", "bench-1"))
        write_private(exporter, yaml.safe_dump(content | {"export": export_entries()}).encode())
        # As a module, and not by its command: it finds the drivers of this folder so.
        command: list[str | Path] = [sys.executable, "-m", "jumplab_exporter", "run", exporter]
        with running(command, folder / "exporter.log") as process:
            yield Board(lab, "bench-1", process, client)


def _configuration(lab: Lab, kind: Kind, name: str) -> str:
    lab.create(kind, name, {})
    wait_until(lambda: name in lab.tokens(kind), f'the credential of {kind} "{name}"', _CREDENTIAL_BOUND_SECONDS)
    token = lab.tokens(kind)[name]
    return configuration_of(Credential(kind, NAMESPACE, name, lab.endpoint, token, lab.ca_pem.decode()))
