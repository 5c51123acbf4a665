"""A control plane for more than its own machine: what it says, and what its files say."""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.kube.processes import Process, free_ports
from tests.lab.homes import PROGRAMS
from tools.generate_distributions import ROOT

UNITS = sorted((ROOT / "examples" / "systemd").glob("*.service"))
NAME = "lab.example"


@contextmanager
def standalone(folder: Path, *options: str) -> Iterator[Process]:
    """A control plane with these options, that runs; its data are in `folder`/data."""
    port, grpc_port = free_ports(2)
    ports = (f"--port={port}", f"--grpc-port={grpc_port}")
    command = [PROGRAMS / "jumplab-operator", "standalone", "--data-dir", folder / "data", *ports, *options]
    process = Process(command, folder / "log")
    process.start()
    try:
        process.wait_until(lambda: "Stop it with Ctrl-C" in process.output(), "its start")
        yield process
    finally:
        process.stop()


def warnings(process: Process) -> list[str]:
    """What an ended control plane has warned of."""
    return [line for line in process.output().splitlines() if line.startswith("jumplab-operator: warning: ")]


def test_one_for_its_own_machine_warns_of_nothing(tmp_path: Path) -> None:
    with standalone(tmp_path) as process:
        pass
    assert warnings(process) == []
    assert (tmp_path / "data" / "kubeconfig").read_text().startswith("apiVersion: v1\n")


@pytest.mark.parametrize("name", [NAME, "192.0.2.7", "2001:db8::7"])
def test_one_that_is_advertised_and_not_listened_for_says_so(tmp_path: Path, name: str) -> None:
    with standalone(tmp_path, "--advertise", name) as process:
        pass
    (warning,) = warnings(process)
    assert f"it is advertised as {name}, and listens on 127.0.0.1, where no other machine" in warning
    assert warning.endswith("add --host 0.0.0.0")


def test_a_kubeconfig_says_what_to_write_on_another_machine(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with standalone(tmp_path, "--host", "0.0.0.0", "--advertise", NAME) as process:
        text = (data / "kubeconfig").read_text()
        url = yaml.safe_load(text)["clusters"][0]["cluster"]["server"]
        port = int(url.rpartition(":")[2])
        trusted = ssl.create_default_context(cafile=str(data / "ca.crt"))
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            trusted.wrap_socket(plain, server_hostname=NAME) as tls,
        ):
            assert tls.getpeercert() is not None
    assert url == f"https://127.0.0.1:{port}"
    assert text.startswith(
        f"# {url} is this machine alone; on another machine write https://{NAME}:{port} in its place.\n"
    )
    assert warnings(process) == [
        f"jumplab-operator: warning: {data}/kubeconfig names {url}; on another machine write "
        f"https://{NAME}:{port} in its place"
    ]


def test_a_configuration_that_is_made_elsewhere_is_no_good_with_a_loopback_endpoint(tmp_path: Path) -> None:
    with standalone(tmp_path, "--host", "0.0.0.0", "--advertise", "127.0.0.1"):
        there = tmp_path / "kubeconfig"
        there.write_text((tmp_path / "data" / "kubeconfig").read_text().replace("127.0.0.1", socket.gethostname()))
        command = [PROGRAMS / "jumplab", "create", "exporter", "b", "--out", tmp_path / "b.yaml", "--kubeconfig", there]
        made = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "no_proxy": "*"})
        assert made.returncode == 0, made.stderr
        assert "the controller is advertised at 127.0.0.1:" in made.stderr
        assert "which only its own machine reaches; start it with --advertise HOST" in made.stderr
        here = [*command[:3], "c", *command[4:6], "--kubeconfig", tmp_path / "data" / "kubeconfig"]
        assert "only its own machine" not in subprocess.run(here, capture_output=True, text=True, check=False).stderr


@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_one_for_systemd(unit: Path, tmp_path: Path) -> None:
    written = tmp_path / unit.name
    written.write_text(unit.read_text().replace("/opt/jumplab/bin/", f"{PROGRAMS}/"))
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", written]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit.name in line]) == (0, []), done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_what_the_programs_take(unit: Path, tmp_path: Path) -> None:
    started = re.search(r"^ExecStart=/opt/jumplab/bin/(.*)$", unit.read_text(), re.MULTILINE)
    assert started is not None
    program, *words = started[1].replace("%S", str(tmp_path)).replace("%H", NAME).replace("%i", "bench-1").split()
    done = subprocess.run([PROGRAMS / program, *words, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"cp examples/systemd/{unit.name} /etc/systemd/system/" in (ROOT / "docs/install.md").read_text()
