"""What a hook says, how it ends, and that nothing of it stays behind."""

from pathlib import Path

from jumplab_exporter.config import Hook
from jumplab_exporter.hooks import run, surroundings
from jumplab_exporter.lifecycle_events import Lease
from tests.exporter.waiting import gone

LEASE = Lease("uid-1", name="demo", client="ci")


async def said_by(hook: Hook) -> tuple[str, list[str]]:
    lines: list[str] = []
    failure = await run.run("beforeLease", hook, surroundings.environment_of(LEASE), lines.append)
    return failure, lines


async def test_a_hook_that_succeeds_says_its_lines_in_order() -> None:
    assert await said_by(Hook(script="echo one; echo two >&2; printf three")) == ("", ["one", "two", "three"])


async def test_a_hook_knows_its_lease_and_client() -> None:
    assert await said_by(Hook(script='echo "$LEASE_NAME by $CLIENT_NAME"')) == ("", ["demo by ci"])


async def test_the_interpreter_is_the_hooks_choice() -> None:
    assert await said_by(Hook(script="print(6 * 7)", exec="python3")) == ("", ["42"])


async def test_a_failing_hook_tells_its_exit_status() -> None:
    failure, _ = await said_by(Hook(script="exit 3"))
    assert failure == "hook beforeLease failed with exit status 3"


async def test_a_missing_interpreter_is_named() -> None:
    failure, lines = await said_by(Hook(script="true", exec="/nowhere/sh"))
    assert failure == "hook beforeLease failed with exit status 127"
    assert lines == ["/nowhere/sh: No such file or directory"]


async def test_a_script_that_is_too_long_for_the_system_is_the_hooks_failure() -> None:
    failure, _ = await said_by(Hook(script=f"true # {'x' * (200 << 10)}"))
    assert failure == "hook beforeLease could not be started: Argument list too long"


async def test_a_hook_past_its_timeout_is_killed_with_all_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    pid.touch()
    for seconds in (0.5, 4, 30):  # a slow machine may not have begun it within the first
        failure, _ = await said_by(Hook(script=f"sleep 1000 & echo $! > {pid}; wait", timeout_seconds=seconds))
        assert failure == f"hook beforeLease was killed after its timeout of {seconds:g} s"
        if pid.read_text():
            break
    await gone(int(pid.read_text()))


async def test_what_a_hook_leaves_in_the_background_is_killed_and_does_not_delay_its_end(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    assert await said_by(Hook(script=f"sleep 1000 & echo $! > {pid}")) == ("", [])
    await gone(int(pid.read_text()))


async def test_a_line_without_end_is_cut_not_gathered() -> None:
    failure, lines = await said_by(Hook(script="head -c 20000 /dev/zero | tr '\\0' x"))
    assert failure == ""
    assert len(lines) > 1
    assert "".join(lines) == "x" * 20000
