"""The standalone API alone, without operator, controller or router, as a process that tests can kill.

python -P tests/kube/api_process.py --data-dir DIR [--port PORT] [--kept-changes COUNT]
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from jumplab_operator.errors import CannotStart
from jumplab_operator.standalone.http.server import KubernetesApi
from jumplab_operator.standalone.storage.compaction import HistoryLimits


async def _serve(data_dir: Path, port: int | None, limits: HistoryLimits) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_number, stopped.set)
    async with KubernetesApi(data_dir, port=port, limits=limits):
        await stopped.wait()  # a server runs until it is told to stop


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--port", type=int)
    parser.add_argument("--kept-changes", type=int, default=HistoryLimits().changes)
    options = parser.parse_args()
    try:
        asyncio.run(_serve(options.data_dir, options.port, HistoryLimits(options.kept_changes)))
    except CannotStart as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
