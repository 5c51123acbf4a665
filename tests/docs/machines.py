"""Two machines on this one: each has a network and a /dev of its own, and one cable joins them."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FIRST, SECOND, RELAY = "192.0.2.10", "192.0.2.20", "192.0.2.7"
"""Addresses of the pages' examples: the first machine, the second one, and a relay in the network of the first."""

_OWN_DEV = """
set -e
ip link set lo up
mount -t tmpfs none "$1"
for node in null zero full random urandom tty; do touch "$1/$node"; mount --bind "/dev/$node" "$1/$node"; done
mkdir "$1/pts" "$1/shm"
mount --rbind /dev/pts "$1/pts"
ln -s pts/ptmx "$1/ptmx"
ln -s /proc/self/fd "$1/fd"
mount --rbind "$1" /dev
echo ready
exec cat
"""


@dataclass(frozen=True)
class Machine:
    """A machine, as its first process has it."""

    pid: int

    @property
    def prefix(self) -> tuple[str, ...]:
        """What is written before a command that is to run there."""
        return ("nsenter", "--target", str(self.pid), "--net", "--mount")

    def run(self, *command: str) -> None:
        done = subprocess.run([*self.prefix, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


@contextlib.contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    """A machine without any cable. It ends with this context, with all that was mounted for it."""
    folder.mkdir(parents=True)
    pipe = subprocess.PIPE
    command = ["unshare", "--net", "--mount", "sh", "-c", _OWN_DEV, "sh", str(folder)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        assert first.stderr is not None
        assert first.stdout.readline() == "ready\n", first.stderr.read()
        yield Machine(first.pid)
        first.stdin.close()


@contextlib.contextmanager
def two_machines(folder: Path) -> Iterator[tuple[Machine, Machine]]:
    """Two machines with a cable between them, at FIRST and SECOND; RELAY is an address of the first one, too."""
    with machine(folder / "dev-1") as one, machine(folder / "dev-2") as two:
        one.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", str(two.pid))
        for each, addresses in ((one, (FIRST, RELAY)), (two, (SECOND,))):
            for address in addresses:
                each.run("ip", "address", "add", f"{address}/24", "dev", "eth0")
            each.run("ip", "link", "set", "eth0", "up")
        yield one, two


@contextlib.contextmanager
def bench(machine: Machine) -> Iterator[None]:
    """A board at /dev/ttyUSB0 of a machine, whose power a relay at RELAY switches."""
    command = [*machine.prefix, sys.executable, str(Path(__file__).with_name("bench_process.py")), RELAY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            machine.run("ln", "-s", process.stdout.readline().strip(), "/dev/ttyUSB0")
            yield
        finally:
            process.kill()
