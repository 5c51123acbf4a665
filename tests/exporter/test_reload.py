"""An exporter reads its configuration again when it is asked to, between leases."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from jumplab_exporter.reports import Status
from tests.exporter.control_plane import ControlPlane
from tests.exporter.test_process import command, config, outcome  # noqa: F401 - a fixture
from tests.exporter.waiting import until

VIRTUAL = {"type": "power/virtual"}
KEPT = "; the configuration that was read before stays in force\n"


def change(path: Path, **changes: Any) -> None:
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}))


def drivers(plane: ControlPlane) -> set[str]:
    """The names of the drivers that were registered last."""
    return {report.labels["jumpstarter.dev/name"] for report in plane.registered[-1].reports} - {""}


async def test_drivers_hooks_and_checks_are_those_of_the_new_file(
    plane: ControlPlane,
    config: Callable[..., Path],  # noqa: F811
    tmp_path: Path,
) -> None:
    path = config()
    async with command("run", path):
        await plane.heard(Status.AVAILABLE)
        hook = {"beforeLease": {"script": f"touch {tmp_path}/hook"}}
        check = {"script": f"touch {tmp_path}/checked"}
        export = {"power": VIRTUAL, "fan": VIRTUAL}
        change(path, export=export, hooks=hook, healthCheck=check, description="two", safeState=[])
        assert await outcome("reload", path) == (0, "reloaded; drivers: 2\n")
        await until(lambda: drivers(plane) == {"power", "fan"})
        await until((tmp_path / "checked").exists)
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            await session.root.fan.on()
        assert (tmp_path / "hook").exists()


async def test_a_bad_file_is_refused_and_the_old_one_stays(
    plane: ControlPlane,
    config: Callable[..., Path],  # noqa: F811
) -> None:
    path = config()
    refusals = {
        f"{path}: moot: is not known; remove it or correct its spelling (line 10)": {"moot": "?"},
        'safeState.0: there is no driver "fan"; the drivers are: power': {
            "safeState": [{"driver": "fan", "state": "off"}]
        },
        "metadata.name, endpoint can't change while the exporter runs; restart it, or take that change back": {
            "metadata": {"namespace": "lab", "name": "other"},
            "endpoint": "127.0.0.1:9",
        },
    }
    async with command("run", path):
        await plane.heard(Status.AVAILABLE)
        before = path.read_text()
        for sentence, changes in refusals.items():
            change(path, export={"power": VIRTUAL}, **changes)
            assert await outcome("reload", path) == (1, f"jumplab-exporter: {sentence}{KEPT}")
            path.write_text(before)
        change(path, export={"relay": {"type": "power/none"}})
        status, output = await outcome("reload", path)
        assert status == 1
        assert "driver \"relay\" can't be used: there is no driver type 'power/none'" in output
        assert drivers(plane) == {"power"}
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            await session.root.power.on()


async def test_a_lease_in_force_keeps_its_drivers_and_the_reload_comes_after_it(
    plane: ControlPlane,
    config: Callable[..., Path],  # noqa: F811
) -> None:
    path = config()
    async with command("run", path):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        change(path, moot="?")
        assert (await outcome("reload", path))[0] == 1  # a bad file is refused at once
        document = yaml.safe_load(path.read_text())
        del document["moot"]
        path.write_text(yaml.safe_dump(document))
        change(path, export={"power": VIRTUAL, "fan": VIRTUAL})
        async with command("reload", path) as reloading, plane.dial() as session:
            assert reloading.stdout is not None
            assert (await reloading.stdout.readline()).decode() == (
                'jumplab-exporter: the exporter is leased by "ci" (lease demo); it reloads when the lease has ended\n'
            )
            await session.root.power.on()
            assert drivers(plane) == {"power"}
            plane.release()
            assert (await reloading.stdout.read()).decode() == "reloaded; drivers: 2\n"
            assert await reloading.wait() == 0
        await until(lambda: drivers(plane) == {"power", "fan"})


@asynccontextmanager
async def without_a_terminal(path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The exporter as a service manager starts it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "jumplab_exporter", "run", str(path)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def test_sighup_reloads_where_there_is_no_terminal(
    plane: ControlPlane,
    config: Callable[..., Path],  # noqa: F811
) -> None:
    path = config()
    async with without_a_terminal(path) as process:
        await plane.heard(Status.AVAILABLE)
        change(path, export={"power": VIRTUAL, "fan": VIRTUAL})
        process.send_signal(signal.SIGHUP)
        await until(lambda: drivers(plane) == {"power", "fan"})


async def test_an_exporter_that_does_not_run_can_not_reload(config: Callable[..., Path]) -> None:  # noqa: F811
    path = config()
    assert await outcome("reload", path) == (
        1,
        f"jumplab-exporter: {path}: no exporter of this user runs with this configuration; start one\n",
    )
