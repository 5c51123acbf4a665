"""What drivers have left running behind their lease: tasks, which are cancelled, and threads, which can't be."""

import asyncio
import logging
import sys
import threading
from types import FrameType

from jumplab.driver import Driver
from jumplab.session.host import DriverTree
from jumplab_exporter.containment import tasks
from jumplab_exporter.containment.watchdog import found_in

_CANCELLING_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Leftovers:
    """Of one lease, which begins when this is made."""

    def __init__(self) -> None:
        self._before = set(threading.enumerate())

    async def end(self, tree: DriverTree) -> None:
        """Names what is left, once the drivers are torn down, and cancels the tasks."""
        left = tasks.unfinished()
        for task, path in left.items():
            _log.warning("the lease is over, and a task of it still ran: %s", tasks.name_of(task), extra=_of(path))
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_CANCELLING_SECONDS)
        ours = self._threads_of(tree)
        for thread, frame in self._new_threads().items():
            path = ours.get(thread, "")
            place = found_in(frame).place
            if path or not _idles(frame):
                message = 'the lease is over, and the thread "%s" of it still runs: %s'
                _log.warning(message, thread.name, place, extra=_of(path))

    def running(self, tree: DriverTree) -> list[str]:
        """The paths of drivers whose code still runs in a task or a thread."""
        return sorted({*tasks.unfinished().values(), *self._threads_of(tree).values()})

    def _new_threads(self) -> dict[threading.Thread, FrameType]:
        frames = sys._current_frames()
        found = {thread: frames.get(thread.ident or 0) for thread in threading.enumerate()}
        return {thread: frame for thread, frame in found.items() if frame is not None and thread not in self._before}

    def _threads_of(self, tree: DriverTree) -> dict[threading.Thread, str]:
        """The new threads that run code of these drivers. Those of libraries, which idle on, are no concern."""
        paths = {id(node.driver): node.path for node in tree.nodes.values()}
        found = {thread: _path_in(frame, paths) for thread, frame in self._new_threads().items()}
        return {thread: path for thread, path in found.items() if path}


def _path_in(innermost: FrameType, paths: dict[int, str]) -> str:
    frame: FrameType | None = innermost
    while frame is not None:
        candidate = frame.f_locals.get("self")
        if isinstance(candidate, Driver) and id(candidate) in paths:
            return paths[id(candidate)]
        frame = frame.f_back
    return ""


def _idles(frame: FrameType) -> bool:
    """Whether a thread waits for work in an executor."""
    return frame.f_code.co_name == "_worker" and frame.f_code.co_filename.endswith("thread.py")


def _of(path: str) -> dict[str, str]:
    return {"driver_path": path}
