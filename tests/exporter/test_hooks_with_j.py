"""What people use hooks for: `j` in them, scripts in files; and that none of it is the holder's use of the lease."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from jumplab.driver import Driver
from jumplab.drivers.power import PowerInterface
from jumplab_exporter.config import Hook
from jumplab_exporter.hooks import run
from jumplab_exporter.reports import Status
from tests.exporter.control_plane import ControlPlane, Run
from tests.exporter.waiting import until

STEPS: list[str] = []


class Relay(PowerInterface, Driver):
    """Notes what happens to it. Switching it on takes as long as `slow` says."""

    slow: bool = False

    async def __aenter__(self) -> Relay:
        STEPS.append("set up")
        return self

    async def __aexit__(self, *_: object) -> None:
        STEPS.append("torn down")

    async def on(self) -> None:
        STEPS.append("on")
        try:
            await asyncio.Event().wait() if self.slow else None
        finally:
            STEPS.append("on is over")

    async def off(self) -> None:
        STEPS.append("off")

    async def is_on(self) -> bool:
        return False


@pytest.fixture(autouse=True)
def steps() -> list[str]:
    STEPS.clear()
    return STEPS


def relay(**config: object) -> dict[str, object]:
    return {"relay": {"type": f"{__name__}.Relay", "config": config}}


async def said_by(script: str, **environment: str) -> tuple[str, list[str]]:
    lines: list[str] = []
    failure = await run.run("beforeLease", Hook(script=script), environment, lines.append)
    return failure, lines


async def test_j_works_in_both_hooks_between_set_up_and_tear_down(
    plane: ControlPlane, running: Run, steps: list[str]
) -> None:
    hooks = {"beforeLease": {"script": "j relay on"}, "afterLease": {"script": "j relay off"}}
    async with running(export=relay(), hooks=hooks):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        plane.release()
        said = await plane.heard(Status.AVAILABLE, "a")
    assert said.message == ""
    assert steps == ["set up", "on", "on is over", "off", "torn down"]


async def test_what_a_hook_does_is_nobodys_use_of_the_lease(
    plane: ControlPlane, running: Run, steps: list[str]
) -> None:
    async with running(export=relay(), hooks={"beforeLease": {"script": "j relay on && j relay off"}}):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        assert "off" in steps
        assert (True, 1) not in plane.attendance
        async with plane.dial():
            await until(lambda: plane.attendance[-1] == (True, 1))


async def test_the_holder_is_gone_before_after_lease_begins(
    plane: ControlPlane, running: Run, steps: list[str]
) -> None:
    async with running(export=relay(slow=True), hooks={"afterLease": {"script": "j relay off"}}):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            calling = asyncio.create_task(session.root.relay.on())
            await until(lambda: "on" in steps)
            plane.release()
            await asyncio.wait([calling])
            assert calling.exception() is not None
        await plane.heard(Status.AVAILABLE, "a")
    assert steps == ["set up", "on", "on is over", "off", "torn down"]


async def test_a_hook_s_calls_are_cancelled_at_its_end_before_the_next_step(
    plane: ControlPlane, running: Run, steps: list[str], tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    script = f"setsid j relay on & until [ -e {mark} ]; do sleep 0.05; done"
    hooks = {"beforeLease": {"script": script, "timeout": "1h"}, "afterLease": {"script": "j relay off"}}
    async with running(export=relay(slow=True), hooks=hooks):
        plane.lease("a")
        await until(lambda: "on" in steps)
        mark.touch()
        await plane.heard(Status.LEASE_READY, "a")
        assert steps == ["set up", "on", "on is over"]
        plane.release()
        await plane.heard(Status.AVAILABLE, "a")
    assert steps == ["set up", "on", "on is over", "off", "torn down"]


async def test_a_hook_s_calls_are_cancelled_at_its_timeout_before_the_next_step(
    plane: ControlPlane, running: Run, steps: list[str]
) -> None:
    hooks = {"beforeLease": {"script": "setsid j relay on", "timeout": "3s", "onFailure": "endLease"}}
    async with running(export=relay(slow=True), hooks=hooks | {"afterLease": {"script": "j relay off"}}):
        plane.lease("a")
        said = await plane.heard(Status.BEFORE_LEASE_HOOK_FAILED, "a")
        assert said.message == "hook beforeLease was killed after its timeout of 3 s"
        plane.release()
        await plane.heard(Status.AVAILABLE, "a")
    called = ["on", "on is over"] if "on" in steps else []  # a busy machine may not have come to it
    assert steps == ["set up", *called, "off", "torn down"]


async def test_what_before_lease_says_reaches_those_who_attach(plane: ControlPlane, running: Run) -> None:
    hooks = {"beforeLease": {"script": 'echo hello; echo "Mind the cable" > "$JMP_MOTD_FILE"'}}
    async with running(motd="A bench", hooks=hooks):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            lines: list[str] = []
            session.on_log = lambda line: lines.append(line.message)
            await until(lambda: "hello" in lines)
            assert session.motd == "A bench\nMind the cable"


@pytest.mark.parametrize("made", ["mkdir", "mkfifo", "ln -s /etc/passwd"])
async def test_a_message_of_the_day_that_is_no_file_is_none(plane: ControlPlane, running: Run, made: str) -> None:
    async with running(motd="A bench", hooks={"beforeLease": {"script": f'{made} "$JMP_MOTD_FILE"'}}):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            assert session.motd == "A bench"


async def test_a_hook_finds_what_jumpstarter_s_find_and_what_is_ours(
    plane: ControlPlane, running: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for inherited in ("RELAY_PASSWORD", "JUMPSTARTER_HOST", "JUMPLAB_CALL_SOCKET", "JUMPLAB_MEMBERS", "PS1"):
        monkeypatch.setenv(inherited, "of somebody else")
    file = tmp_path / "environment"
    async with running(hooks={"beforeLease": {"script": f"env -0 > {file}; command -v j >> {file}"}}):
        plane.lease("a", name="demo")
        await plane.heard(Status.LEASE_READY, "a")
    *pairs, program = file.read_text().split("\0")
    found = dict(pair.split("=", 1) for pair in pairs)
    expected = {
        "LEASE_NAME": "demo",
        "CLIENT_NAME": "ci",
        "JMP_DRIVERS_ALLOW": "UNSAFE",
        "JUMPLAB_LEASE": "demo",
        "JUMPLAB_EXPORTER": "bench",
        "JUMPLAB_HOOK": "beforeLease",
        "TERM": "dumb",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert found["JUMPLAB_SOCKET"]
    assert found["JUMPLAB_SOCKET_TOKEN"]
    assert "of somebody else" not in found.values()
    assert Path(program.strip()).parent == Path(os.path.dirname(sys.executable))


@pytest.mark.parametrize("command", ["jumplab shell -l board=x -- true", "jumplab create lease -l board=x"])
async def test_a_hook_may_not_lease(tmp_path: Path, command: str) -> None:
    whole = {"JMP_ENDPOINT": "127.0.0.1:1", "JMP_TOKEN": "t", "JMP_NAMESPACE": "lab", "JMP_NAME": "ci"}
    failure, lines = await said_by(command, **whole)
    assert failure == "hook beforeLease failed with exit status 2"
    assert lines == ["jumplab: hook beforeLease may not lease: it has its own exporter's drivers, by `j`"]


async def test_a_hook_may_not_start_an_exporter(tmp_path: Path) -> None:
    _, lines = await said_by("jumplab-exporter run bench")
    assert lines == ["jumplab-exporter: a hook may not start an exporter: it would end with the hook"]


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("prepare.py", "import jumplab, sys; print(sys.executable)", sys.executable),
        ("prepare.sh", "echo $0 | grep -o prepare.sh", "prepare.sh"),
        ("prepare", "#!/usr/bin/env python3\nprint(6 * 7)", "42"),
        ("prepare.sh", "#!/usr/bin/awk -f\nBEGIN { print 6 * 7 }", "42"),
        ("prepare.txt", "echo as the shell does", "as the shell does"),
        ("prepare the board.py", "print(6 * 7)", "42"),
    ],
)
async def test_a_script_in_a_file_runs_by_its_first_line_or_its_extension(
    tmp_path: Path, name: str, content: str, line: str
) -> None:
    file = tmp_path / name
    file.write_text(content)
    assert await said_by(f"  {file}\n") == ("", [line])


async def test_a_line_that_is_no_path_is_shell_text_however_long_it_is() -> None:
    assert await said_by(f"echo http://{'x' * 5000}/ | head -c 7; : //{'y' * 300}") == ("", ["http://"])


async def test_a_program_runs_as_it_is() -> None:
    assert await said_by("/usr/bin/true") == ("", [])


async def test_the_configured_interpreter_goes_before_the_file_s_own(tmp_path: Path) -> None:
    file = tmp_path / "prepare.sh"
    file.write_text("print(6 * 7)")
    lines: list[str] = []
    await run.run("beforeLease", Hook(script=str(file), exec="python3"), {}, lines.append)
    assert lines == ["42"]


async def test_a_file_that_is_not_there_is_the_hook_s_failure(tmp_path: Path) -> None:
    failure, lines = await said_by(f"{tmp_path}/nothing.py")
    assert failure == "hook beforeLease failed with exit status 127"
    assert "not found" in lines[0]


async def test_a_hook_works_where_the_folder_for_sockets_is_far_away(
    plane: ControlPlane, running: Run, steps: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = tmp_path.joinpath(*["x" * 40] * 3)
    far.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(far))
    async with running(export=relay(), hooks={"beforeLease": {"script": "j relay on"}}):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
    assert "on" in steps
