"""The process of isolated drivers: `python -P -m jumplab_exporter.isolation.child CONNECTION TASK`.

CONNECTION is its end of a socket pair, TASK a file with a pickled Task. It serves one session, that of the exporter,
and ends with it.
"""

import asyncio
import faulthandler
import json
import logging
import os
import pickle
import resource
import socket
import sys
from dataclasses import dataclass
from typing import NoReturn

from jumplab.driver import Driver, DriverInterface
from jumplab.session.host import DriverTree, SessionHost
from jumplab.transport.socket_pair import SocketPairLink
from jumplab_exporter.config import Entries
from jumplab_exporter.containment import loop
from jumplab_exporter.containment.output import detach_output, last_words
from jumplab_exporter.containment.watchdog import Watchdog
from jumplab_exporter.log_format import LINE, ExporterFormatter

CONTROL_NAME = "\0"
"""Of the driver by which the exporter asks for more than calls; no entry of a configuration can have it."""

EXIT_MEMORY = 70

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """All that the process has to know.  scope: of the drivers' uuids.  log_level: what is worth a line."""

    entries: Entries
    scope: str
    memory_bytes: int | None
    log_level: int
    import_path: tuple[str, ...]


class ControlInterface(DriverInterface):
    """Between the exporter and the process of isolated drivers."""

    async def ping(self) -> None:
        """Answers, as long as the process serves."""

    async def check_driver(self, path: str) -> None:
        """Makes the health check of a driver; raises what it has found."""
        raise NotImplementedError(path)


class _Control(ControlInterface, Driver):
    """Asks the drivers beside it."""

    def __init__(self, drivers: dict[str, Driver]) -> None:
        super().__init__()
        self._drivers = drivers

    async def check_driver(self, path: str) -> None:
        first, *names = path.split(".")
        driver = self._drivers[first]
        for name in names:
            driver = driver.children[name]
        await driver.check()


def main() -> NoReturn:
    """Serves; ends the process in any case, whatever threads the drivers have left."""
    connection, file = int(sys.argv[1]), int(sys.argv[2])
    faulthandler.enable()
    status = 0
    try:
        _run(connection, file)
    except MemoryError:
        status = EXIT_MEMORY
    except BaseException:  # noqa: BLE001 - the root of the process
        _log.exception("the process of isolated drivers ends by a fault")
        status = 1
    finally:
        last_words()
        os._exit(status)


def _run(connection: int, file: int) -> None:
    with os.fdopen(file, "rb") as pickled:
        task: Task = pickle.load(pickled)
    sys.path[:] = task.import_path
    if task.memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_AS, (task.memory_bytes, task.memory_bytes))
    _set_up_logging(task.log_level)
    loop.run(_serve(task, socket.socket(fileno=connection)))


def _set_up_logging(level: int) -> None:
    """The exporter writes what drivers log; tracebacks don't travel, and are written here."""
    detach_output()
    handler = logging.StreamHandler()
    handler.setFormatter(ExporterFormatter(LINE))
    handler.addFilter(lambda record: bool(record.exc_info) or not _is_passed_on(record))
    logging.basicConfig(level=level, handlers=[handler])


def _is_passed_on(record: logging.LogRecord) -> bool:
    """Whether the exporter will log it: what a driver says, and that a call has failed."""
    of_call = record.name.startswith("jumplab.session") and record.levelno < logging.WARNING
    return bool(getattr(record, "driver_uuid", "")) or of_call


async def _serve(task: Task, connection: socket.socket) -> None:
    from jumplab_exporter.driver_factory import build_drivers

    drivers = build_drivers(task.entries)
    control = _Control(dict(drivers))
    tree = DriverTree({**drivers, CONTROL_NAME: control}, scope=task.scope)

    def note_block(path: str, sentence: str) -> None:
        driver = next((node.driver for node in tree.nodes.values() if node.path == path), tree.root.driver)
        driver.log.warning("%s", sentence)

    with Watchdog(note_block, blocked="its process"):
        async with tree, SessionHost(tree, epoch=str(os.getpid())) as host:
            control_uuid = next(node.uuid for node in tree.nodes.values() if node.driver is control)
            greeting = json.dumps({"process": os.getpid(), "control": control_uuid}).encode()
            await asyncio.get_running_loop().sock_sendall(connection, greeting)
            await host.serve(SocketPairLink(connection, opens=False))


if __name__ == "__main__":
    main()
