"""Drivers with `isolate: true` run in a process of their own, whose end is nobody else's."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from jumplab.driver import Progress, errors, on_progress
from jumplab_exporter.config import Entries, ExporterConfig
from jumplab_exporter.isolation.child import Task
from jumplab_exporter.isolation.supervisor import Supervisor, Watching
from jumplab_exporter.reports import Status
from tests.drivers.test_tcp import Service, connected
from tests.exporter.control_plane import ControlPlane, Run
from tests.exporter.test_config import COMPLETE
from tests.exporter.waiting import alive, gone, until

KIND = "tests.exporter.crashing.Crashing"
EXPORT = {"dut": {"type": KIND, "isolate": True}, "good": {"type": KIND}}


def entries_of(export: dict[str, Any]) -> Entries:
    return ExporterConfig.model_validate({**COMPLETE, "export": export}).export


async def test_calls_items_and_streams_reach_an_isolated_driver(plane: ControlPlane, running: Run) -> None:
    async with running(export=EXPORT):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            dut, good = session.root.dut, session.root.good
            assert await dut.process() not in (os.getpid(), 0)
            assert await good.process() == os.getpid()
            assert [await dut.count(), await dut.count()] == [1, 2]
            assert [item async for item in dut.items(3)] == [0, 1, 2]
            async with dut.echo() as channel:
                await channel.send(b"ping")
                assert await channel.receive() == b"ping"
                await channel.send_end()
                assert await channel.receive() == b""
                assert await channel.result() == b"4"
            image = os.urandom(9 << 20)
            async with dut.upload() as channel:
                await channel.send(image)
                await channel.send_end()
                assert (await channel.result()).decode().strip('"') == sha256(image).hexdigest()


async def test_an_isolated_listener_lets_the_board_in_while_a_client_accepts(plane: ControlPlane, running: Run) -> None:
    backend = {"type": "network/listener", "isolate": True, "config": {"host": "127.0.0.1", "port": 0}}
    async with running(export={"backend": backend}), Service() as service:
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            async with (
                session.root.backend.accept(f"127.0.0.1:{service.port}") as there,
                connected(there) as (reader, _),
            ):
                (await service.arrived.get())[1].write(b"welcome")
                assert await reader.readexactly(7) == b"welcome"
            async with connected(there) as (reader, _):
                with pytest.raises(ConnectionResetError):
                    await reader.read()


async def test_errors_progress_and_log_lines_are_those_of_the_driver(plane: ControlPlane, running: Run) -> None:
    async with running(export=EXPORT):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            for driver in (session.root.dut, session.root.good):
                with pytest.raises(errors.CallRefused) as refused:
                    await driver.refuse("tea")
                assert str(refused.value) == f"{driver.path}.refuse: 'tea' is not wanted"
                assert refused.value.type == "ValueError"
                with pytest.raises(errors.BadArguments):
                    await driver.refuse(3)
                heard: list[Progress] = []
                with on_progress(heard.append):
                    await driver.report(4)
                assert heard == [Progress(4, 10, "reporting")]
                said: asyncio.Queue[str] = asyncio.Queue()
                session.on_log = lambda line, said=said: said.put_nowait(session.shown(line))  # type: ignore[misc]
                await driver.say("the fan is loud")
                assert await said.get() == f"[{driver.path}] the fan is loud"


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("null", "was ended by SIGSEGV (Segmentation fault)"),
        ("exit", "has ended with exit status 3"),
        ("SIGKILL", "was ended by SIGKILL (Killed)"),
    ],
)
async def test_a_crash_ends_its_own_calls_alone(plane: ControlPlane, running: Run, kind: str, cause: str) -> None:
    async with running(export=EXPORT):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            dut, good = session.root.dut, session.root.good
            before = await dut.process()
            await dut.count()
            async with good.echo() as channel:
                with pytest.raises(errors.CallDisconnected) as crashed:
                    await dut.crash(kind)
                assert str(crashed.value) == (
                    f'dut.crash: the process of "dut" {cause}; whether the call was carried out is unknown'
                )
                await channel.send(b"on")
                assert await channel.receive() == b"on"
            assert await good.process() == os.getpid()
            assert await dut.process() != before
            assert await dut.count() == 1
        await until(lambda: f'the process of "dut" {cause}; it is started anew' in plane.said[-1].message)


async def test_memory_is_bounded(plane: ControlPlane, running: Run) -> None:
    export = {"dut": {"type": KIND, "isolate": {"memory": "1GiB"}}}
    async with running(export=export):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            dut = session.root.dut
            assert await dut.allocate(1 << 20) == 1 << 20
            with pytest.raises(errors.CallFailed, match=r"dut.allocate: it has used up its memory, 1 GiB \(isolate"):
                await dut.allocate(2 << 30)


async def test_a_set_up_that_ends_the_process_is_named(plane: ControlPlane, running: Run) -> None:
    export = {"dut": {"type": KIND, "isolate": True, "config": {"set_up": "SIGSEGV"}}, "good": {"type": KIND}}
    async with running(export=export):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            with pytest.raises(
                errors.DriverFailed, match=r'"dut" was ended by SIGSEGV .* while its drivers were set up'
            ):
                await session.root.dut.count()
            assert await session.root.good.count() == 1


async def test_a_process_that_always_crashes_is_not_started_for_ever(plane: ControlPlane, running: Run) -> None:
    async with running(export=EXPORT):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            for _ in range(5):
                with pytest.raises(errors.CallDisconnected):
                    await session.root.dut.crash("exit")
            with pytest.raises(errors.CallDisconnected, match=r"dut.count: the process of \"dut\" has ended with exit"):
                await session.root.dut.count()
            assert await session.root.good.count() == 1
        await until(lambda: "and this lease gets no other" in plane.said[-1].message)
        plane.release()
        await plane.heard(Status.AVAILABLE, "a")
        plane.lease("b")
        await plane.heard(Status.LEASE_READY, "b")
        async with plane.dial() as session:
            assert await session.root.dut.count() == 1


async def test_nothing_of_a_lease_is_left_when_it_has_ended(plane: ControlPlane, running: Run, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    export = {"dut": {"type": KIND, "isolate": True, "config": {"journal": str(journal)}}}
    async with running(export=export):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            process, below = await session.root.dut.process(), await session.root.dut.spawn()
        plane.release()
        await plane.heard(Status.AVAILABLE, "a")
        assert not alive(process)
        await gone(below)
        assert journal.read_text() == "set up\ntorn down\n"


async def test_a_process_that_holds_the_interpreter_is_ended() -> None:
    incidents: list[str] = []
    task = Task(entries_of({"dut": {"type": KIND}}), "lab/bench", None, logging.INFO, tuple(sys.path))
    watching = Watching(pause_seconds=0.1, silent_seconds=2)
    supervisor = Supervisor(task, '"dut"', lambda _, sentence: incidents.append(sentence), watching)
    await supervisor.enter()
    try:
        running = await supervisor.running()
        dut = running.session.root.dut
        holding = asyncio.ensure_future(dut.hold())
        assert await running.end == "was killed, since it had not answered for 2 s: its code holds the interpreter"
        with pytest.raises((errors.SessionEnded, errors.SessionLost)):  # whichever end notices first
            await holding
        await until(lambda: incidents)
    finally:
        await supervisor.leave()


async def test_the_steps_of_a_lease_keep_their_order(plane: ControlPlane, running: Run, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    export = {"dut": {"type": KIND, "isolate": True, "config": {"journal": str(journal)}}}
    hooks = {name: {"script": f"j dut note {name}"} for name in ("beforeLease", "afterLease")}
    async with running(export=export, hooks=hooks):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            await session.root.dut.note("in the lease")
        plane.release()
        await plane.heard(Status.AVAILABLE, "a")
    assert journal.read_text().splitlines() == ["set up", "beforeLease", "in the lease", "afterLease", "torn down"]


@pytest.mark.nightly
async def test_a_caller_hears_that_its_driver_holds_the_interpreter(plane: ControlPlane, running: Run) -> None:
    async with running(export=EXPORT):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            with pytest.raises(
                errors.CallDisconnected, match=r'dut.hold: the process of "dut" was killed, since it had'
            ):
                await session.root.dut.hold()
            assert await session.root.dut.count() == 1


@pytest.mark.nightly
async def test_a_tear_down_that_never_ends_is_ended(plane: ControlPlane, running: Run) -> None:
    export = {"dut": {"type": KIND, "isolate": True, "config": {"never_torn_down": True}}}
    async with running(export=export):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            process = await session.root.dut.process()
        plane.release()
        await plane.heard(Status.AVAILABLE, "a")
        assert not alive(process)


async def test_processes_die_with_the_exporter(
    plane: ControlPlane, configured: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    path = tmp_path / "exporter.yaml"
    path.write_text(yaml.safe_dump(configured(export=EXPORT)))
    exporter = await asyncio.create_subprocess_exec(sys.executable, "-m", "jumplab_exporter", "run", str(path))
    try:
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            process, below = await session.root.dut.process(), await session.root.dut.spawn()
            holding = asyncio.ensure_future(session.root.dut.hold())
            assert await session.root.good.process() == exporter.pid
            exporter.kill()
            await exporter.wait()
            await gone(process)
            await gone(below)
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)
    finally:
        if exporter.returncode is None:
            exporter.kill()
        await exporter.wait()


async def test_what_a_console_has_said_outlives_its_process(plane: ControlPlane, running: Run) -> None:
    others = psutil.Process().children()
    async with running(export={"board": {"type": "board/virtual", "isolate": True}}):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            board = session.root.board
            await board.power.on()
            async with board.console.connect(offset=0) as console:
                before = await read_until(console, b"=> ")
                await console.send(b"version\r")
                before += await read_until(console, b"=> ")
                (guard,) = (child for child in psutil.Process().children() if child not in others)
                (process,) = guard.children()
                process.kill()
                await gone(process.pid)
                await until(lambda: 'the process of "board" was ended by SIGKILL' in plane.said[-1].message)
                await board.power.on()
                await read_until(console, b"=> ")
            assert (await board.console.state()).end_offset > len(before)
            async with board.console.connect(offset=0) as console:
                kept = b""
                while len(kept) < len(before):
                    kept += await console.receive()
                assert kept.startswith(before)


async def read_until(console: Any, words: bytes) -> bytes:
    """What a console says up to these words."""
    read = b""
    while words not in read:
        read += await console.receive()
    return read
