"""What a command on this machine asks of an exporter that runs, and how it finds it."""

# ruff: noqa: ASYNC240 - a look at a local file

import asyncio
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from jumplab_exporter.control.asking import ask
from jumplab_exporter.control.place import ControlPlace, control_sockets
from jumplab_exporter.control.serving import serve_requests
from jumplab_exporter.errors import RequestRefused
from jumplab_exporter.own_folder import own_folder
from jumplab_exporter.reports import Status
from tests.exporter.control_plane import ControlPlane, Run
from tests.exporter.waiting import until

VIRTUAL = {"type": "power/virtual"}


async def asked(file: Path, request: str = "check") -> Any:
    return await asyncio.to_thread(ask, file, request)


async def refused(file: Path, request: str = "check") -> str:
    with pytest.raises(RequestRefused) as refusal:
        await asked(file, request)
    return str(refusal.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "bench.yaml"
    path.touch()
    return path


async def test_a_running_exporter_tries_its_drivers_when_it_is_asked(
    plane: ControlPlane, running: Run, file: Path, tmp_path: Path
) -> None:
    console = {"type": "console/serial", "config": {"url": str(tmp_path / "ttyUSB0"), "required": True}}
    async with running(file=file, export={"power": VIRTUAL, "console": console, "wrong": {"type": "power/none"}}):
        await plane.heard(Status.AVAILABLE)
        answer = await asked(file)
    power, broken, wrong = sorted(answer["drivers"], key=lambda driver: driver["path"] != "power")
    assert (power["path"], power["failure"], power["has_check"]) == ("power", "", False)
    assert broken["failure"] == f"{tmp_path}/ttyUSB0 can't be opened: there is no such device"
    assert "there is no driver type 'power/none'" in wrong["failure"]
    assert all(driver["seconds"] >= 0 for driver in answer["drivers"])
    assert answer["failure"] == f'driver "console": {broken["failure"]}'


async def test_a_check_of_an_exporter_without_health_checks_says_nothing_of_its_health(
    plane: ControlPlane, running: Run, file: Path
) -> None:
    async with running(file=file):
        await plane.heard(Status.AVAILABLE)
        assert (await asked(file))["failure"] == ""
        await plane.heard(Status.AVAILABLE, times=2)
        assert {said.health.check for said in plane.said} == {0}


async def test_during_a_lease_nothing_is_tried_and_its_holder_is_named(
    plane: ControlPlane, running: Run, file: Path
) -> None:
    async with running(file=file):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        assert await refused(file) == (
            'the exporter is leased by "ci" (lease demo); check again when the lease has ended'
        )
        plane.release()
        await plane.heard(Status.AVAILABLE, "a")
        assert (await asked(file))["drivers"][0]["path"] == "power"


async def test_a_lease_that_comes_ends_a_check_that_was_asked_for(
    plane: ControlPlane, running: Run, file: Path, tmp_path: Path
) -> None:
    script = {"script": f"[ -e {tmp_path}/first ] && touch {tmp_path}/second && sleep 600; touch {tmp_path}/first"}
    async with running(file=file, healthCheck={**script, "timeout": 600}), asyncio.TaskGroup() as tasks:
        await plane.heard(Status.AVAILABLE)
        refusal = tasks.create_task(refused(file))
        await until((tmp_path / "second").exists)
        plane.lease("a")
        assert (await refusal).startswith('the exporter is leased by "ci"')
        await plane.heard(Status.LEASE_READY, "a")


async def test_two_who_ask_at_once_each_get_an_answer(plane: ControlPlane, running: Run, file: Path) -> None:
    async with running(file=file):
        await plane.heard(Status.AVAILABLE)
        answers = await asyncio.gather(asked(file), asked(file))
    assert [answer["drivers"][0]["path"] for answer in answers] == ["power", "power"]


async def test_an_exporter_that_knows_nothing_of_leases_yet_refuses(
    plane: ControlPlane, running: Run, file: Path
) -> None:
    plane.slow_to_tell_seconds = 600
    async with running(file=file):
        await until(lambda: plane.watching)
        assert "has not heard from its controller yet" in await refused(file)


async def test_a_request_that_it_does_not_know_is_refused_with_those_it_knows(
    plane: ControlPlane, running: Run, file: Path
) -> None:
    async with running(file=file):
        await plane.heard(Status.AVAILABLE)
        assert await refused(file, "dance") == (
            "the running exporter does not know the request 'dance'; it knows check, reload"
        )


async def test_the_socket_is_for_its_user_alone_and_found_by_any_name_of_the_file(
    plane: ControlPlane, running: Run, file: Path
) -> None:
    link = file.parent / "link.yaml"
    link.symlink_to(file)
    async with running(file=link):
        await plane.heard(Status.AVAILABLE)
        (socket,) = control_sockets(file)
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        file.unlink()  # as an editor does that writes the file anew
        file.touch()
        assert (await asked(file))["drivers"]
    assert not list(control_sockets(file))


def test_nobody_answers_for_a_file_whose_exporter_does_not_run(file: Path) -> None:
    assert ask(file, "check") is None


def test_an_exporter_that_was_killed_is_not_asked(file: Path) -> None:
    with own_folder() as folder:
        place = ControlPlace(folder, file)
        place.announce()
        assert list(control_sockets(file)) == [place.socket]
        assert ask(file, "check") is None


async def served(file: Path, folder: Path, *lines: bytes, handlers: Any) -> list[Any]:
    """The answers to lines, each on a connection of its own."""
    serving = asyncio.create_task(serve_requests(ControlPlace(folder, file), handlers))
    await until((folder / "control.sock").exists)
    answers = []
    for line in lines:
        reader, writer = await asyncio.open_unix_connection(folder / "control.sock")
        writer.write(line)
        answers.append(json.loads(await reader.readline()))
        writer.close()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    return answers


async def test_lines_that_are_no_request_are_refused_and_a_mistake_of_a_handler_ends_nothing(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_: Any) -> Any:
        raise KeyError("lost")

    async def echo(further: Any) -> Any:
        return further

    with own_folder() as folder:
        answers = await served(
            file,
            folder,
            b"hello\n",
            b"[1]\n",
            b"[" * 60_000 + b"\n",
            b"x" * 70_000 + b"\n",
            b'{"request": "broken"}\n',
            b'{"request": "echo", "text": "so"}\n',
            handlers={"broken": broken, "echo": echo},
        )
    assert answers[0] == {"refused": "the request is not a line of JSON"}
    assert answers[1] == {"refused": "the request is not a mapping with the key `request`"}
    assert answers[2] == answers[0]
    assert answers[3] == {"refused": "the request is longer than 65536 bytes"}
    assert answers[4]["refused"].startswith("the request failed by a mistake of the exporter's own")
    assert answers[5] == {"result": {"text": "so"}}
    assert "KeyError" in caplog.text


async def test_an_asker_who_leaves_ends_its_request(file: Path) -> None:
    ended, began = asyncio.Event(), asyncio.Event()

    async def slow(_: Any) -> Any:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with own_folder() as folder:
        serving = asyncio.create_task(serve_requests(ControlPlace(folder, file), {"slow": slow}))
        await until((folder / "control.sock").exists)
        _, writer = await asyncio.open_unix_connection(folder / "control.sock")
        writer.write(b'{"request": "slow"}\n')
        await began.wait()
        writer.close()
        await ended.wait()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of another user")
def test_the_folder_of_another_user_is_no_exporter_of_this_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with own_folder() as folder:
        ControlPlace(folder, file).announce()
        os.chown(folder, 12345, -1)
        assert list(control_sockets(file))  # root reaches the exporters of all
        monkeypatch.setattr(os, "geteuid", lambda: 54321)
        assert not list(control_sockets(file))
