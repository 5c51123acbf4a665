"""`jumplab-exporter check`: drivers are tried by the exporter that runs, or here, and a table says how each did."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from jumplab.client.local_exporter import local_drivers
from jumplab.driver import Driver
from jumplab.drivers.power import PowerInterface
from jumplab_exporter.reports import Status
from tests.exporter.control_plane import ControlPlane
from tests.exporter.test_process import command, outcome
from tests.exporter.waiting import until

ROW = re.compile(r"^(\S+) +(yes|no) +(\d+\.\d\d) s *(.*)$", re.MULTILINE)


class Stuck(PowerInterface, Driver):
    """Power that is never set up.  mark: a file that it makes then.  gone: one that it makes when it is given up."""

    mark: Path
    gone: Path

    async def on(self) -> None: ...
    async def off(self) -> None: ...
    async def is_on(self) -> bool:
        return False

    async def __aenter__(self) -> Any:
        import asyncio

        self.mark.touch()
        try:
            await asyncio.Event().wait()
        finally:
            self.gone.touch()


def missing_console(folder: Path) -> dict[str, Any]:
    return {"type": "console/serial", "config": {"url": str(folder / "ttyUSB0"), "required": True}}


def rows(output: str) -> list[tuple[str, str, str]]:
    """Driver, works and why not of each line of the table; the time is a number of its own."""
    return [(path, works, why) for path, works, _, why in ROW.findall(output)]


@pytest.fixture
def file(tmp_path: Path, configured: Callable[..., dict[str, Any]]) -> Callable[..., Path]:
    """Writes a configuration file."""

    def write(**changes: Any) -> Path:
        path = tmp_path / "bench.yaml"
        path.write_text(yaml.safe_dump(configured(**changes)))
        return path

    return write


async def test_without_a_running_exporter_the_drivers_are_tried_here(file: Callable[..., Path], tmp_path: Path) -> None:
    status, output = await outcome("check", file())
    assert (status, rows(output)) == (0, [("power", "yes", "")])
    status, output = await outcome(
        "check", file(export={"power": {"type": "power/virtual"}, "console": missing_console(tmp_path)})
    )
    assert status == 1
    why = f"{tmp_path}/ttyUSB0 can't be opened: there is no such device"
    assert rows(output) == [("console", "no", why), ("power", "yes", "")]
    assert output.count(why) == 1


async def test_the_script_of_the_health_check_is_part_of_it(file: Callable[..., Path]) -> None:
    status, output = await outcome("check", file(healthCheck={"script": "exit 3"}))
    assert (status, rows(output)) == (1, [("power", "yes", "")])
    assert output.endswith("jumplab-exporter: hook healthCheck failed with exit status 3\n")


async def test_the_file_alone_can_be_checked(file: Callable[..., Path], tmp_path: Path) -> None:
    status, output = await outcome("check", "--file-only", file(export={"console": missing_console(tmp_path)}))
    assert (status, rows(output)) == (0, [])


async def test_a_driver_that_waits_for_its_device_does_not_work_now(file: Callable[..., Path], tmp_path: Path) -> None:
    console = {"type": "console/serial", "config": {"url": str(tmp_path / "ttyUSB0")}}
    status, output = await outcome("check", file(export={"console": console}))
    assert (status, rows(output)) == (1, [("console", "no", f"{tmp_path}/ttyUSB0 is not there now")])


async def test_a_wrong_file_is_not_tried(file: Callable[..., Path]) -> None:
    status, output = await outcome("check", file(export={"a": {"type": "power/none"}, "b": {"type": "power/virtual"}}))
    assert (status, rows(output)) == (2, [])


async def test_a_running_exporter_is_asked_and_not_disturbed_in_a_lease(
    plane: ControlPlane, file: Callable[..., Path]
) -> None:
    config = file()
    async with command("run", config) as process:
        await plane.heard(Status.AVAILABLE)
        status, output = await outcome("check", config)
        assert (status, rows(output)) == (0, [("power", "yes", "")])
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        status, output = await outcome("check", config)
        assert status == 1
        assert output.endswith(
            'jumplab-exporter: the exporter is leased by "ci" (lease demo); check again when the lease has ended\n'
        )
        process.kill()
        await process.wait()
    assert (await outcome("check", config))[0] == 0  # what it has left is no exporter


async def test_one_that_can_not_be_asked_is_not_disturbed(file: Callable[..., Path]) -> None:
    config = file()
    descriptor = os.open(config, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        status, output = await outcome("check", config)
    finally:
        os.close(descriptor)
    assert status == 1
    assert "an exporter runs with this configuration, and does not answer this user" in output


async def test_drivers_that_a_shell_without_a_controller_has_are_left_alone(tmp_path: Path) -> None:
    config = tmp_path / "desk.yaml"
    config.write_text(
        "{apiVersion: jumpstarter.dev/v1alpha1, kind: ExporterConfig, export: {power: {type: power/virtual}}}"
    )
    async with local_drivers(str(config)):
        status, output = await outcome("check", config)
    assert status == 1
    assert "the drivers are in use by a command with --exporter-config, or by jumplab.local()" in output


async def test_ctrl_c_ends_it_when_the_drivers_are_torn_down(
    file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, gone = tmp_path / "mark", tmp_path / "gone"
    stuck = {"type": "tests.exporter.test_check_command.Stuck", "config": {"mark": str(mark), "gone": str(gone)}}
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    async with command("check", file(export={"power": stuck})) as process:
        await until(mark.exists)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
    assert gone.exists()
