"""Tasks that drivers' code has begun, by the path of the driver."""

import asyncio
import logging
import traceback
import weakref
from typing import Any

from jumplab.session.call_errors import sentence_of
from jumplab.session.host.driver_logs import driver_path

_log = logging.getLogger(__name__)
_paths: "weakref.WeakKeyDictionary[asyncio.Task[Any], str]" = weakref.WeakKeyDictionary()


def create_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> "asyncio.Task[Any]":
    """The loop's task factory: notes whose task it is."""
    task = asyncio.Task(coroutine, loop=loop, **options)
    if path := driver_path.get():
        _paths[task] = path
    return task


def unfinished() -> dict["asyncio.Task[Any]", str]:
    """The tasks of drivers that have not ended, with the drivers' paths."""
    return {task: path for task, path in list(_paths.items()) if not task.done()}


def path_of_ended(error: BaseException) -> str:
    """The path of the driver whose task has ended with this very error, or ""."""
    ended = ((task, path) for task, path in list(_paths.items()) if task.done() and not task.cancelled())
    return next((path for task, path in ended if task.exception() is error), "")


def name_of(task: "asyncio.Task[Any]") -> str:
    """A task as its author knows it: its function, and where that waits."""
    stack = task.get_stack(limit=1)
    function = getattr(task.get_coro(), "__qualname__", task.get_name())
    return f"{function} at {stack[0].f_code.co_filename}:{stack[0].f_lineno}" if stack else function


def log_failure(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The loop's exception handler: names the driver whose background task has failed."""
    error, task = context.get("exception"), context.get("future") or context.get("task")
    path = _paths.get(task, "") if isinstance(task, asyncio.Task) else driver_path.get()
    if error is None or not path:
        loop.default_exception_handler(context)
        return
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" at {last[0].filename}:{last[0].lineno}" if last else ""
    message = "a background task or callback of it failed%s: %s"
    _log.error(message, place, sentence_of(error), extra={"driver_path": path}, exc_info=error)
