"""An event loop that outlives what is raised in it."""

import asyncio
import logging
import traceback
from collections.abc import Coroutine
from typing import Any

from jumplab import event_loop
from jumplab.session.call_errors import sentence_of
from jumplab_exporter.containment import tasks

_ENDING_SECONDS = 2.0

_log = logging.getLogger(__name__)


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs `main` to its end, whatever ends the loop before: sys.exit in a callback or a background task of a driver,
    a KeyboardInterrupt raised there, a call of `loop.stop`. Tasks that are left get two seconds to end.
    """
    loop = event_loop.new()
    asyncio.set_event_loop(loop)
    loop.set_task_factory(tasks.create_task)
    loop.set_exception_handler(tasks.log_failure)
    task = loop.create_task(main, name="main")
    try:
        while not task.done():
            _go_on(loop, task)
    finally:
        _end(loop)
    task.result()


def _go_on(loop: asyncio.AbstractEventLoop, task: "asyncio.Task[None]") -> None:
    try:
        loop.run_until_complete(task)
    except (SystemExit, KeyboardInterrupt, RuntimeError) as error:
        if task.done():
            return
        path = tasks.path_of_ended(error)
        stopped = isinstance(error, RuntimeError)
        reason = "its code has stopped the event loop" if stopped else sentence_of(error)
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = "" if stopped else f" at {last.filename}:{last.lineno}"
        _log.error("%s%s; the exporter goes on", reason, place, extra={"driver_path": path}, exc_info=error)


def _end(loop: asyncio.AbstractEventLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        try:
            loop.run_until_complete(asyncio.wait(left, timeout=_ENDING_SECONDS))
        except (SystemExit, KeyboardInterrupt, RuntimeError) as error:
            _log.error("while the process ended: %s", sentence_of(error))
    for task in left:
        if not task.done():
            _log.error("the process ends without the task %s", tasks.name_of(task))
