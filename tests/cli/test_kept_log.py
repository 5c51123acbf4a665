"""`jumplab console --log-of`: what becomes of it where something is in the way."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import click
import pytest

from jumplab.cli.console_log import ConsoleLog
from jumplab.cli.kept_log import chosen_log, copy_kept_log
from jumplab.client.config import ClientConfig, Metadata
from jumplab.client.controller import Controller
from jumplab.client.kept_logs import LogReader, reading
from jumplab.driver import errors
from jumplab.drivers.console.kept_logs import AsyncKeptLogsClient
from jumplab.session.client import attach
from jumplab.transport.errors import Refused
from jumplab_exporter.config import ExporterConfig
from jumplab_exporter.exporter import Exporter
from jumplab_exporter.local_socket import short_path
from jumplab_exporter.reports import Status
from tests.exporter.control_plane import TOKEN, ControlPlane

SAID = bytes(range(32, 127)) * 400_000


@pytest.fixture
async def plane() -> AsyncIterator[ControlPlane]:
    plane = ControlPlane()
    await plane.start()
    yield plane
    await plane.stop()


@pytest.fixture
async def exporter(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Exporter]:
    """One that has the log of a lease "a"."""
    config = ExporterConfig.model_validate(
        {
            "apiVersion": "jumpstarter.dev/v1alpha1",
            "kind": "ExporterConfig",
            "metadata": {"namespace": "lab", "name": "bench"},
            "endpoint": plane.endpoint.address,
            "token": TOKEN,
            "tls": {"ca": plane.authority.certificate_pem.decode()},
            "export": {"power": {"type": "power/virtual"}},
            "consoleLogs": {"folder": str(tmp_path)},
        }
    )
    logs = config.console_logs.logs_of("lab.bench")
    assert logs is not None
    recording = logs.recording("a", "demo", pytest.fail)
    recording.append("console", SAID)
    recording.close()
    with short_path() as local:
        exporter = Exporter(config, local)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(exporter.run())
            await plane.heard(Status.AVAILABLE)
            yield exporter
            if not running.done():
                exporter.stop()


async def test_a_reading_that_is_cut_says_where_to_go_on(plane: ControlPlane, exporter: Exporter) -> None:
    written, begun, may_go_on = bytearray(), asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def write(data: bytes) -> None:
        written.extend(data)
        loop.call_soon_threadsafe(begun.set)
        may_go_on.wait(240)

    async with attach(plane.offer_logs("a")) as session:
        logs = session.root.children["logs"]
        assert isinstance(logs, AsyncKeptLogsClient)
        log = (await logs.consoles()).logs[0]
        reader = LogReader("bench", (log,), logs)
        copying = asyncio.create_task(copy_kept_log(reader, log, 95, ConsoleLog(write, control_sequences=True)))
        await asyncio.wait_for(begun.wait(), 240)
        await plane.stop()
        may_go_on.set()
        with pytest.raises(errors.DriverError) as caught:
            await copying
    await plane.start()
    going_on = re.search(r"go on with --offset (\d+)", str(caught.value))
    assert going_on is not None
    assert int(going_on[1]) == 95 + len(written)
    assert SAID[95:].startswith(written)
    assert len(written) < len(SAID)


async def test_a_reader_of_the_output_who_leaves_ends_it(plane: ControlPlane, exporter: Exporter) -> None:
    def write(_: bytes) -> None:
        raise BrokenPipeError

    async with attach(plane.offer_logs("a")) as session:
        logs = session.root.children["logs"]
        assert isinstance(logs, AsyncKeptLogsClient)
        log = (await logs.consoles()).logs[0]
        with pytest.raises(BrokenPipeError):
            await copy_kept_log(LogReader("bench", (log,), logs), log, 0, ConsoleLog(write))
        assert (await logs.consoles()).logs == [log]  # the session is as good as before


async def test_what_an_exporter_calls_its_consoles_draws_nothing_on_a_terminal(
    plane: ControlPlane, exporter: Exporter, tmp_path: Path
) -> None:
    (tmp_path / "lab.bench" / "a_demo" / "evil%1B%5B2J%07.log").write_bytes(b"x")
    async with attach(plane.offer_logs("a")) as session:
        logs = session.root.children["logs"]
        assert isinstance(logs, AsyncKeptLogsClient)
        found = (await logs.consoles()).logs
        assert "evil\x1b[2J\x07" in [log.console for log in found]
        reader = LogReader("bench", tuple(found), logs)
        for asked in (None, "x"):
            with pytest.raises(click.UsageError) as caught:
                chosen_log(reader, "demo", asked, "")
            assert "\x1b" not in caught.value.message
            assert "\x07" not in caught.value.message
        assert chosen_log(reader, "demo", "console", "").size_bytes == len(SAID)


async def test_a_controller_that_does_not_know_it_is_to_be_updated(plane: ControlPlane) -> None:
    config = ClientConfig(
        metadata=Metadata(namespace="lab", name="ci"),
        endpoint=plane.endpoint.address,
        token="a-token",
        tls={"ca": plane.authority.certificate_pem.decode()},
    )
    async with Controller.connected(config) as controller:
        with pytest.raises(Refused, match="the controller is of a version .* have jumplab-operator updated"):
            async with reading(controller, "demo"):
                pass
