"""Consoles at a server that says much: read by the driver up to an attached client, and by a bare loop."""

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jumplab import event_loop
from jumplab.testing import serve_async
from jumplab_exporter.drivers.console.serial import SerialConsole
from tests.drivers.console_servers import LINES
from tools.bench.processes import running

_READY = "serving at "
_BLOCK_BYTES = 64 << 10


def figures(folder: Path, size_bytes: int) -> dict[str, float]:
    """How fast so many bytes were read, and what that cost this process, which holds the driver and its client."""
    size_bytes -= size_bytes % len(LINES)
    with _server(folder, "socket", size_bytes) as url:
        found = {"bare_mb_s": _bare(url, size_bytes), **event_loop.run(_driven("socket", url, size_bytes))}
    with _server(folder, "rfc2217", size_bytes) as url:
        return {**found, **event_loop.run(_driven("rfc2217", url, size_bytes))}


@contextmanager
def _server(folder: Path, kind: str, size_bytes: int) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.drivers.console_servers", kind, str(size_bytes)]
    log = folder / f"{kind}.log"
    log.unlink(missing_ok=True)
    with running(command, log, until=_READY) as process:
        yield process.output().rpartition(_READY)[2].split()[0]


def _bare(url: str, size_bytes: int) -> float:
    host, _, port = url.rpartition("/")[2].partition(":")
    with socket.create_connection((host, int(port))) as connection:
        begin = time.perf_counter()
        connection.sendall(b"x")
        left = size_bytes
        while left:
            left -= len(connection.recv(_BLOCK_BYTES))
        return round(size_bytes / 1e6 / (time.perf_counter() - begin), 1)


async def _driven(kind: str, url: str, size_bytes: int) -> dict[str, float]:
    async with serve_async(console=SerialConsole(url=url)) as board, board.console.connect(offset=0) as stream:
        begin, used = time.perf_counter(), time.process_time()
        await stream.send(b"x")
        left = size_bytes
        while left:
            left -= len(await stream.receive())
        seconds, used = time.perf_counter() - begin, time.process_time() - used
    megabytes = size_bytes / 1e6
    return {f"{kind}_mb_s": round(megabytes / seconds, 1), f"{kind}_cpu_s_per_mb": round(used / megabytes, 4)}
