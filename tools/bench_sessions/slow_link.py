"""A link of so many bytes a second, as a TCP proxy: what is too much for it waits, and the sender is held back.

python -m tools.bench_sessions.slow_link TARGET_PORT BYTES_PER_SECOND     says its own port
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.bench.processes import running

_READY = "carrying from port "
# As much as a fair queue sends of one connection before it is another's turn, and as little as is worth its own write.
_TURN_BYTES = 8 << 10


@contextmanager
def slow_link(folder: Path, target_port: int, bytes_per_second: int) -> Iterator[int]:
    """The port of this machine that leads to `target_port` over such a link, while the context lasts."""
    command = [sys.executable, "-m", "tools.bench_sessions.slow_link", str(target_port), str(bytes_per_second)]
    with running(command, folder / "link.log", until=_READY) as process:
        yield int(process.output().rpartition(_READY)[2].split()[0])


class _Direction:
    """One direction. Connections take turns, as they do where the bottleneck has a fair queue (fq_codel, cake)."""

    def __init__(self, bytes_per_second: float) -> None:
        self._rate = bytes_per_second
        self._turn = asyncio.Lock()
        self._free = 0.0

    async def carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        """Copies one connection's bytes until its end."""
        try:
            while data := await source.read(_TURN_BYTES):
                async with self._turn:
                    now = time.monotonic()
                    self._free = max(self._free, now) + len(data) / self._rate
                    await asyncio.sleep(self._free - now)
                target.write(data)
                await target.drain()
        except OSError:
            pass  # a peer is gone, and so goes the connection
        finally:
            target.close()


async def _serve(target_port: int, bytes_per_second: float) -> None:
    up, down = _Direction(bytes_per_second), _Direction(bytes_per_second)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", target_port, limit=_TURN_BYTES)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(up.carry(reader, back), name="up the link")
            tasks.create_task(down.carry(there, writer), name="down the link")

    server = await asyncio.start_server(carry, "127.0.0.1", 0, limit=_TURN_BYTES)
    print(f"{_READY}{server.sockets[0].getsockname()[1]} ", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
