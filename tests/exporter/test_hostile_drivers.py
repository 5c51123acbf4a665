"""An exporter's process serves on whatever its drivers do, and names what did it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from jumplab.driver import errors
from jumplab_exporter.reports import Status
from tests.exporter.control_plane import ControlPlane
from tests.exporter.hostile import RAISED
from tests.exporter.waiting import gone, until

KIND = "tests.exporter.hostile.Hostile"
ENDING = [kind for kind in RAISED if kind != "RecursionError"]


class Process:
    """An exporter's process with a hostile driver and a good one."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text()

    async def logs(self, words: str) -> None:
        await until(lambda: words in self.log or self.process.returncode is not None)
        assert words in self.log


@pytest.fixture
def exporting(plane: ControlPlane, configured: Callable[..., dict[str, Any]], tmp_path: Path) -> Callable[..., Any]:
    @asynccontextmanager
    async def run(stdout: int | None = None, bad: dict[str, dict[str, Any]] | None = None) -> AsyncIterator[Process]:
        hostile = {name: {"type": KIND, "config": config} for name, config in (bad or {"bad": {}}).items()}
        export = {**hostile, "good": {"type": "power/virtual"}}
        path, log = tmp_path / "exporter.yaml", tmp_path / "log"
        path.write_text(yaml.safe_dump(configured(export=export)))
        with log.open("w") as stderr:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "jumplab_exporter", "run", str(path)),
                stdout=stderr if stdout is None else stdout,
                stderr=stderr,
            )
        try:
            plane.lease("a")
            await plane.heard(Status.LEASE_READY, "a")
            yield Process(process, log)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    return run


async def test_what_a_method_raises_is_its_callers_alone(plane: ControlPlane, exporting: Callable[..., Any]) -> None:
    async with exporting() as exporter, plane.dial() as session:
        bad = session.root.bad
        for kind in RAISED:
            for fail in (bad.fail, bad.fail_in_thread):
                with pytest.raises(errors.DriverError, match="raised|sys.exit|RecursionError|cancelled"):
                    await fail(kind)
            with pytest.raises(errors.DriverError):
                [item async for item in bad.fail_in_items(kind)]
            with pytest.raises(errors.DriverError):
                async with bad.fail_in_stream(kind) as channel:
                    await channel.read()
        await session.root.good.on()
        assert exporter.process.returncode is None


async def test_what_is_raised_behind_a_call_is_in_the_log_by_the_drivers_name(
    plane: ControlPlane, exporting: Callable[..., Any]
) -> None:
    async with exporting() as exporter, plane.dial() as session:
        for kind, words in (("SystemExit", "sys.exit()"), ("KeyboardInterrupt", "raised KeyboardInterrupt")):
            await session.root.bad.fail_behind(kind)
            await exporter.logs(f"[bad] its code has {'called ' * (kind == 'SystemExit')}{words}")
            await session.root.bad.fail_in_callback(kind)
            await until(lambda words=words: exporter.log.count(f"{words} at ") == 2)
        await session.root.bad.stop_the_loop()
        await exporter.logs("its code has stopped the event loop; the exporter goes on")
        await session.root.bad.fail("in its task group")
        await exporter.logs("[bad] it failed while it was in use")
        await session.root.good.on()


async def test_a_driver_that_does_not_begin_is_named_to_its_caller_alone(
    plane: ControlPlane, exporting: Callable[..., Any]
) -> None:
    steps = ("in_constructor", "in_set_up")
    bad = {f"{step}-{kind}": {step: kind} for step in steps for kind in ENDING}
    async with exporting(bad=bad), plane.dial() as session:
        drivers = session.root.children
        for name in bad:
            with pytest.raises((errors.DriverFailed, AttributeError), match=r"raised|sys.exit"):
                await drivers[name].fail("Odd")
        await session.root.good.on()
    assert all(f'driver "{name}" can\'t be used' in plane.said[-1].message for name in bad)


async def test_what_a_tear_down_raises_does_not_keep_the_lease_from_ending(
    plane: ControlPlane, exporting: Callable[..., Any]
) -> None:
    async with exporting(bad={kind: {"in_tear_down": kind} for kind in ENDING}) as exporter:
        plane.release()
        await plane.heard(Status.AVAILABLE, "a")
        for kind in ENDING:
            await exporter.logs(f"[{kind}] it failed while it was torn down")


async def test_a_blocked_loop_is_named_with_the_line_and_ended(
    plane: ControlPlane, exporting: Callable[..., Any]
) -> None:
    async with exporting() as exporter, plane.dial() as session:
        calling = asyncio.create_task(session.root.bad.block(1e6))
        await exporter.logs("[bad] Hostile.block (")
        with pytest.raises(errors.DriverError, match=r"Hostile.block \(.*hostile.py:\d+\) was ended, since"):
            await calling
        await session.root.good.on()
        await until(lambda: any("Hostile.block" in said.message for said in plane.said))


@pytest.mark.nightly
async def test_code_that_goes_on_at_any_error_is_ended_too(plane: ControlPlane, exporting: Callable[..., Any]) -> None:
    async with exporting(), plane.dial() as session:
        with pytest.raises(errors.DriverError, match="Hostile"):
            await session.root.bad.spin()
        await session.root.good.on()


async def test_nothing_new_begins_while_a_call_goes_on_that_takes_no_notice_of_its_end(
    plane: ControlPlane, exporting: Callable[..., Any], tmp_path: Path
) -> None:
    enough = tmp_path / "enough"
    async with exporting() as exporter:
        async with plane.dial() as session:
            calling = asyncio.create_task(session.root.bad.swallow(str(enough)))
            await session.root.bad.leave_task()
            await session.root.bad.leave_thread(str(enough))
            plane.release()
            with pytest.raises(errors.DriverError):
                await calling
        await exporter.logs("a task of it still ran: _wait_for_ever at")
        await exporter.logs('the thread "the poller" of it still runs: Hostile._poll')
        plane.lease("b")
        assert not [said for said in plane.said if said.lease_uid == "b"]
        enough.touch()
        await plane.heard(Status.LEASE_READY, "b")


async def test_output_that_nobody_reads_blocks_nobody(plane: ControlPlane, exporting: Callable[..., Any]) -> None:
    reading, writing = os.pipe()
    try:
        async with exporting(stdout=writing) as exporter, plane.dial() as session:
            assert await session.root.bad.print_much() == exporter.process.pid
            os.close(reading)
            reading = -1
            assert await session.root.bad.print_much() == exporter.process.pid
            await session.root.good.on()
    finally:
        os.close(writing)
        if reading >= 0:
            os.close(reading)


async def test_a_second_signal_ends_the_process_while_a_driver_blocks_it(
    plane: ControlPlane, exporting: Callable[..., Any]
) -> None:
    async with exporting() as exporter, plane.dial() as session:
        calling = asyncio.create_task(session.root.bad.block(1e6))
        await exporter.logs("[bad] Hostile.block (")
        exporter.process.send_signal(signal.SIGINT)  # not twice the same: the kernel makes one of two that wait
        exporter.process.send_signal(signal.SIGTERM)
        assert await exporter.process.wait() == 128 + signal.SIGTERM
        calling.cancel()


async def test_forked_children_die_with_the_exporter(plane: ControlPlane, exporting: Callable[..., Any]) -> None:
    async with exporting() as exporter, plane.dial() as session:
        child = await session.root.bad.fork()
        exporter.process.kill()
        await exporter.process.wait()
    await gone(child)
