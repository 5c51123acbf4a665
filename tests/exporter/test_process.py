"""The command itself: how it begins, how it ends, and what it never leaves behind."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

import jumplab
from jumplab_exporter.lock import only_process
from jumplab_exporter.reports import Status
from tests.exporter.control_plane import ControlPlane
from tests.exporter.waiting import alive, gone, until

Start = Callable[..., Any]


@pytest.fixture
def config(tmp_path: Path, configured: Callable[..., dict[str, Any]]) -> Callable[..., Path]:
    """Writes a configuration file."""

    def write(**changes: Any) -> Path:
        path = tmp_path / "exporter.yaml"
        path.write_text(yaml.safe_dump(configured(**changes)))
        return path

    return write


@asynccontextmanager
async def command(*arguments: object) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "jumplab_exporter", *map(str, arguments)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def outcome(*arguments: object) -> tuple[int | None, str]:
    """The exit status and the output of a command that ends by itself."""
    async with command(*arguments) as process, asyncio.timeout(240):
        output, _ = await process.communicate()
        return process.returncode, output.decode()


async def test_sigterm_says_goodbye_and_exits_0(plane: ControlPlane, config: Callable[..., Path]) -> None:
    async with command("run", config()) as process:
        await plane.heard(Status.AVAILABLE)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert plane.goodbyes == ["the exporter is stopping"]
    assert len(plane.registered) == 1


async def test_sigterm_in_a_lease_tears_down_without_clean_up(
    plane: ControlPlane, config: Callable[..., Path], tmp_path: Path
) -> None:
    after = tmp_path / "after"
    async with command("run", config(hooks={"afterLease": {"script": f"touch {after}"}})) as process:
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert not after.exists()


async def test_a_killed_exporter_prepares_its_lease_again_in_a_new_epoch(
    plane: ControlPlane, config: Callable[..., Path], tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    path = config(hooks={"beforeLease": {"script": f"echo before >> {marks}"}})
    async with command("run", path) as process:
        plane.lease("a", remaining=3600)
        first = await plane.heard(Status.LEASE_READY, "a")
        process.kill()
        await process.wait()
    async with command("run", path):
        second = await plane.heard(Status.LEASE_READY, "a", times=2)
        async with plane.dial() as session:
            await session.root.power.on()
            assert session.epoch == second.epoch
    assert first.epoch != second.epoch
    assert marks.read_text() == "before\nbefore\n"


@pytest.mark.needs("qemu")
async def test_a_killed_exporter_leaves_no_qemu(plane: ControlPlane, config: Callable[..., Path]) -> None:
    async with command("run", config(export={"board": {"type": "board/qemu"}})) as process:
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            await session.root.board.power.on()
            children = psutil.Process(process.pid).children(recursive=True)
            assert any(child.name().startswith("qemu-system") for child in children)
            process.kill()
            await process.wait()
        for child in children:
            await gone(child.pid)


async def test_a_killed_exporter_leaves_nothing_of_a_hook(
    plane: ControlPlane, config: Callable[..., Path], tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    script = f"sleep 1000 & echo $! > {pid}.new; mv {pid}.new {pid}; wait"
    async with command("run", config(hooks={"beforeLease": {"script": script}})) as process:
        plane.lease("a")
        await until(pid.exists)
        assert alive(int(pid.read_text()))
        process.kill()
        await process.wait()
    await gone(int(pid.read_text()))


async def test_a_second_process_with_the_same_configuration_is_refused(
    plane: ControlPlane, config: Callable[..., Path]
) -> None:
    path = config()
    async with command("run", path):
        await plane.heard(Status.AVAILABLE)
        status, output = await outcome("run", path)
        assert status == 2
        assert (
            output
            == f"jumplab-exporter: {path}: another jumplab-exporter runs with this configuration; stop it first\n"
        )
    assert len(plane.registered) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="a path is locked on Linux alone")
@pytest.mark.parametrize("by_link", [False, pytest.param(True, marks=pytest.mark.nightly)])
async def test_a_second_process_is_refused_where_an_editor_has_replaced_the_file(
    plane: ControlPlane, config: Callable[..., Path], tmp_path: Path, by_link: bool
) -> None:
    path = config()
    started = tmp_path / "link.yaml" if by_link else path
    if by_link:
        started.symlink_to(path)
    sentence = f"{path}: another jumplab-exporter runs with this configuration; stop it first"
    async with command("run", started) as process:
        await plane.heard(Status.AVAILABLE)
        saved = tmp_path / "saved"
        saved.write_bytes(path.read_bytes())
        saved.replace(path)
        assert await outcome("run", path) == (2, f"jumplab-exporter: {sentence}\n")
        with pytest.raises(jumplab.ConfigurationError, match=re.escape(sentence)):
            async with jumplab.local(path):
                pass
        assert len(plane.registered) == 1
        process.kill()
        await process.wait()
    async with command("run", path):
        await until(lambda: len(plane.registered) == 2)


@pytest.mark.skipif(sys.platform != "linux", reason="a path is locked on Linux alone")
async def test_check_sees_an_exporter_that_does_not_answer_where_the_file_was_replaced(
    plane: ControlPlane, config: Callable[..., Path], tmp_path: Path
) -> None:
    path = config()
    with only_process(path):
        saved = tmp_path / "saved"
        saved.write_bytes(path.read_bytes())
        saved.replace(path)
        status, output = await outcome("check", path)
        assert status == 1
        assert f"{path}: an exporter runs with this configuration, and does not answer this user" in output


def test_files_of_one_name_in_two_folders_are_two(config: Callable[..., Path], tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    path = config()
    another = other / path.name
    another.write_bytes(path.read_bytes())
    with only_process(path), only_process(another):
        pass


async def test_a_wrong_token_ends_it_with_a_sentence(plane: ControlPlane, config: Callable[..., Path]) -> None:
    status, output = await outcome("run", config(token="stolen"))
    assert status == 1
    assert output.splitlines()[-1] == "jumplab-exporter: the token is not valid; ask the administrator"
    assert "Traceback" not in output


async def test_an_unknown_key_is_refused_with_its_name_and_file(config: Callable[..., Path]) -> None:
    path = config(hoooks={})
    status, output = await outcome("run", path)
    assert status == 2
    assert output == f"jumplab-exporter: {path}: hoooks: is not known; remove it or correct its spelling (line 6)\n"


async def test_a_missing_file_is_named(tmp_path: Path) -> None:
    status, output = await outcome("run", tmp_path / "nothing.yaml")
    assert status == 2
    assert output.startswith(f"jumplab-exporter: {tmp_path}/nothing.yaml: there is no such file")


async def test_a_name_means_the_usual_place() -> None:
    status, output = await outcome("run", "nobody-has-this")
    assert status == 2
    assert "/etc/jumpstarter/exporters/nobody-has-this.yaml: there is no such file" in output


async def test_check_prints_the_drivers_and_what_is_wrong(config: Callable[..., Path]) -> None:
    status, output = await outcome("check", config(export={"board": {"type": "board/virtual"}}))
    assert status == 0
    assert output.splitlines()[0] == "board: VirtualBoard"
    status, output = await outcome("check", config(export={"board": {"type": "board/nonsense"}}))
    assert status == 2
    assert "board: can't be used: there is no driver type 'board/nonsense'; use one of board/qemu" in output


async def test_check_finds_entries_that_use_one_device_and_devices_that_are_missing(
    config: Callable[..., Path], tmp_path: Path
) -> None:
    def console(url: object) -> dict[str, Any]:
        return {"type": "console/serial", "config": {"url": str(url)}}

    device, name = tmp_path / "ttyUSB0", tmp_path / "by-id"
    device.touch()
    name.symlink_to(device)
    server = "rfc2217://Server.example:7000"
    export = {
        "one": console(device),
        "other": {"children": {"console": console(f"spy://{name}")}},
        "same": {"ref": "one"},
        "network": console(server),
        "again": console("socket://server.example:7000"),
        "third": console("rfc2217://server.example:7001"),
        "later": console(tmp_path / "ttyACM0"),
        "match": console("hwgrep://no such adapter"),
    }
    status, output = await outcome("check", config(export=export))
    assert status == 2
    assert output.splitlines()[-4:] == [
        f"jumplab-exporter: warning: later: {tmp_path}/ttyACM0 is not there now",
        "jumplab-exporter: warning: match: hwgrep://no such adapter is not there now",
        "jumplab-exporter: again and network use the same device, server.example:7000; make one of them a `ref` to the "
        "other",
        f"jumplab-exporter: one and other.console use the same device, {device}; make one of them a `ref` to the other",
    ]
    urls = {"a": "ftp://here", "b": "socket://127.0.0.1", "c": "hwgrep://[", "d": "socket://here:99999"}
    status, output = await outcome("check", config(export={name: console(url) for name, url in urls.items()}))
    assert status == 2
    problems = output.splitlines()[-4:]
    assert [problem.partition(" can't be opened: ")[0] for problem in problems] == [
        f"jumplab-exporter: {name}: {url}" for name, url in urls.items()
    ]
    export = {"later": export["later"], "ref": {"ref": "later"}}
    status, output = await outcome("check", "--file-only", config(export=export))
    assert (status, output.splitlines()[-1]) == (
        0,
        f"jumplab-exporter: warning: later: {tmp_path}/ttyACM0 is not there now",
    )
