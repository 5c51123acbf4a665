"""docs/exporter.md and docs/client.md: their examples are files that are read, hooks that run, variables that hold."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from jumplab.client.config_files import load_client
from jumplab.client.environment import settings_in
from jumplab.client.sessions import DIAL_BOUND, reconnect_within
from jumplab_exporter import config
from jumplab_exporter.config import ExporterConfig, FailureDetection, OnFailure
from jumplab_exporter.errors import ConfigurationError
from jumplab_exporter.hooks.command import command_of
from jumplab_exporter.reports import Status
from tests.docs.pages import ROOT, block, blocks, variables
from tests.exporter.control_plane import ControlPlane, Run
from tests.exporter.test_newer_files import HEAD

EXPORTER, CLIENT = "docs/exporter.md", "docs/client.md"
PARTS = [part for part in blocks(EXPORTER) if re.match(r"(export|hooks|failureDetection):\n", part)]


def loaded(folder: Path, part: str) -> ExporterConfig:
    file = folder / "bench.yaml"
    file.write_text(HEAD + part)
    return config.load(file)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.split()[1])
def test_a_part_of_an_exporter_s_file_is_read(tmp_path: Path, part: str) -> None:
    assert loaded(tmp_path, part)


def test_there_are_as_many_parts_as_the_page_has() -> None:
    assert len(PARTS) == 7


def test_faults_are_told_as_printed(tmp_path: Path) -> None:
    text = HEAD.replace("endpoint: 127.0.0.1:7444\n", "") + "motd: x\nmoot: y\n"
    file = tmp_path / "bench.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        config.load(file)
    printed = block(EXPORTER, "jumplab-exporter: bench.yaml").strip().removeprefix("jumplab-exporter: bench.yaml: ")
    assert set(printed.split("; ")) == set(str(refused.value).removeprefix(f"{file}: ").split("; "))


def test_what_the_page_says_is_the_default(tmp_path: Path) -> None:
    detection = loaded(tmp_path, block(EXPORTER, "failureDetection:")).failure_detection
    assert detection == FailureDetection()
    hook = config.Hook(script="x")
    assert (hook.timeout_seconds, hook.on_failure, command_of(hook)) == (120, OnFailure.WARN, ("/bin/sh", "-c", "x"))
    assert loaded(tmp_path, "").failure_detection is None


def first_column(page: str, head: str) -> list[str]:
    """The cells of a table's first column."""
    table = (ROOT / page).read_text().split(head, 1)[1].split("\n\n", 1)[0]
    return [line.split("|")[1] for line in table.splitlines()[2:]]


def test_the_keys_of_the_table_are_those_that_there_are() -> None:
    cells = first_column(EXPORTER, "| key | meaning |")
    named = {key.partition(".")[0] for cell in cells for key in re.findall(r"`([\w.]+)`", cell)}
    fields = {field.alias or name for name, field in ExporterConfig.model_fields.items()}
    assert named == fields - {"apiVersion", "kind"} | {"tokenFile"}


async def test_the_hooks_of_the_page_run_as_printed(plane: ControlPlane, running: Run, tmp_path: Path) -> None:
    hooks = yaml.safe_load(block(EXPORTER, "hooks:\n  beforeLease:\n    script: |"))["hooks"]
    async with running(hooks=hooks):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            assert await session.root.power.is_on()
        plane.release()
        assert (await plane.heard(Status.AVAILABLE, "a")).message == ""


async def test_the_example_file_s_hooks_run(plane: ControlPlane, running: Run) -> None:
    hooks = yaml.safe_load((ROOT / "examples/exporter.yaml").read_text())["hooks"]
    async with running(hooks=hooks):
        plane.lease("a")
        assert (await plane.heard(Status.LEASE_READY, "a")).message == "ready"
        plane.release()
        assert (await plane.heard(Status.AVAILABLE, "a")).message == ""


async def test_a_hook_finds_the_variables_of_the_table(plane: ControlPlane, running: Run, tmp_path: Path) -> None:
    cells = first_column(EXPORTER, "| variable | holds |")
    named = {name for cell in cells for name in re.findall(r"`([A-Z_]+)`", cell)}
    file = tmp_path / "names"
    async with running(hooks={"beforeLease": {"script": f"env | cut -d= -f1 > {file}"}}):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
    found = set(file.read_text().split())
    assert named <= found
    assert "JUMPSTARTER_HOST" not in found


def test_the_client_s_file_is_read_and_means_what_the_page_says(tmp_path: Path) -> None:
    file = tmp_path / "me.yaml"
    file.write_text(block(CLIENT, "# ~/.config/jumpstarter/clients/me.yaml"))
    read = load_client(None, {"JMP_CLIENT_CONFIG": str(file)})
    assert read.drivers.allow == ("jumplab.drivers", "acme")
    assert read.patience.wait_timeout == timedelta(hours=2)
    assert reconnect_within(read, None) == timedelta(minutes=5)
    assert timedelta(seconds=15) == DIAL_BOUND


def test_each_variable_that_the_page_names_is_read() -> None:
    elsewhere = {"JMP_CLIENT_CONFIG", "JMP_CLIENT_CONFIG_HOME", "JMP_CLIENT", "JMP_LEASE"}
    settings = {name for name in variables(CLIENT) - elsewhere if settings_in({name: "1"})}
    assert settings == variables(CLIENT) - elsewhere
    sources = "".join(path.read_text() for path in (ROOT / "client/src/jumplab").rglob("*.py"))
    assert all(f'"{name}"' in sources for name in elsewhere)
