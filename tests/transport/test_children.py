"""Child processes beside gRPC's connections."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from jumplab.children import spawn

# What the C library calls before it forks tells of a fork; gRPC's own handler is such a one.
PROGRAM = """
import asyncio, ctypes, sys
from jumplab import event_loop
from jumplab.children import spawn

forks = []
prepare = ctypes.CFUNCTYPE(None)(lambda: forks.append(1))
ctypes.CDLL(None).__register_atfork(prepare, None, None, None)

async def start(how):
    if how == "spawn":
        return await spawn(["true"]).wait()
    return await (await asyncio.create_subprocess_exec("true")).wait()

assert event_loop.run(start(sys.argv[1])) == 0
print(len(forks))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc tells")
@pytest.mark.parametrize(("how", "forks"), [("spawn", "0"), ("the loop's own", "1")])
def test_no_handler_of_fork_runs_in_a_child_that_is_spawned(how: str, forks: str) -> None:
    """gRPC's would let threads run there on the parent's connections; the loop's own way shows that they are seen."""
    ran = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=False, timeout=240)
    assert ran.stdout.strip() == forks, ran.stderr


async def test_a_child_s_end_is_waited_for_by_several() -> None:
    child = spawn(["sh", "-c", "exit 7"])
    assert await asyncio.gather(child.wait(), child.wait()) == [7, 7]
    assert await child.wait() == child.returncode == 7


async def test_who_stops_waiting_leaves_the_child_as_it_is() -> None:
    child = spawn(["sleep", "1000"])
    waiting = asyncio.create_task(child.wait())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert child.returncode is None
    child.send_signal(signal.SIGTERM)
    assert await child.wait() == -signal.SIGTERM
    child.send_signal(signal.SIGTERM)  # nobody is hit by that any more


async def test_a_child_has_what_it_is_given_alone() -> None:
    reading, writing = os.pipe()
    child = spawn(
        ["sh", "-c", "echo $GIVEN $HOME; cat"],
        environment={"GIVEN": "this", "PATH": os.environ["PATH"]},
        output=writing,
    )
    os.close(writing)
    assert await child.wait() == 0
    with os.fdopen(reading, "rb") as output:
        assert output.read() == b"this\n"


def test_a_command_that_can_not_be_run_is_told() -> None:
    with pytest.raises(FileNotFoundError):
        spawn(["/no/such/program"])
