"""Debian's ser2net, a console server that many labs run."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.kube.processes import Process

# Debian puts it where only root looks.
SER2NET = shutil.which("ser2net", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")

_CONFIGURATION = """\
connection: &console
  accepter: {accepter},127.0.0.1,0
  connector: serialdev,{device},9600n81,local
"""


@dataclass(frozen=True)
class Ser2net:
    """A server that runs.  url: of its console;  device: the terminal behind it."""

    url: str
    device: str
    _process: Process

    async def released(self) -> None:
        """Waits until it has closed the device: it sends whoever comes earlier away."""
        await asyncio.to_thread(self._process.wait_until, self._has_closed, "closing the device")

    def _has_closed(self) -> bool:
        return not any(
            os.path.realpath(each) == self.device for each in Path(f"/proc/{self._process.pid}/fd").iterdir()
        )


@contextmanager
def ser2net(device: str, folder: Path, *, rfc2217: bool = False, telnet: bool = False) -> Iterator[Ser2net]:
    """Serves a terminal at a port of this machine.  rfc2217, telnet: by that, else as plain TCP."""
    configuration = folder / "ser2net.yaml"
    accepter = "telnet(rfc2217),tcp" if rfc2217 else "telnet,tcp" if telnet else "tcp"
    configuration.write_text(_CONFIGURATION.format(accepter=accepter, device=device))
    assert SER2NET is not None
    server = Process([SER2NET, "-n", "-u", "-d", "-c", configuration], folder / "ser2net.log")
    server.start()
    try:
        server.wait_until(lambda: bool(_listening(server)), "listening")
        yield Ser2net(f"{'rfc2217' if rfc2217 else 'socket'}://127.0.0.1:{_listening(server)[0]}", device, server)
    finally:
        server.stop()


def _listening(server: Process) -> list[int]:
    found = psutil.Process(server.pid).net_connections("tcp")
    return [each.laddr.port for each in found if each.status == psutil.CONN_LISTEN]
