"""The commands that a driver's own client class adds: its method `cli` returns them as a click.Group.

What its code raises is told as a sentence that names the class and the line, for whoever has written it.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click

from jumplab.driver import AsyncDriverClient
from jumplab.driver.errors import ClientDefect
from jumplab.driver.plain import plain_class_of
from jumplab.driver.portal import Portal
from jumplab.errors import JumplabError
from jumplab.standard_streams import OutputFailed

_NO_DEFECT = (JumplabError, OutputFailed, BrokenPipeError, click.ClickException, click.exceptions.Exit, click.Abort)
"""What a command may raise: it is told as that of any command."""


def commands_of(own: AsyncDriverClient) -> Mapping[str, click.Command]:
    """The commands of a client, by name; those of a class for plain code run in threads. Raises ClientDefect."""
    if "cli" in own.methods:
        return {}
    plain: Any = plain_class_of(type(own))
    if hasattr(own, "cli"):
        return _commands(own, own, lambda callback: callback)
    if hasattr(plain, "cli"):
        with _explaining(own, _path(plain)):
            client = plain(own, Portal.of_running_loop())
        return _commands(own, client, _threaded)
    return {}


def _commands(
    own: AsyncDriverClient, client: Any, run: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> Mapping[str, click.Command]:
    """The commands of one client.  run: how their callbacks are called."""
    place = f"{_path(type(client))}.cli"
    with _explaining(own, place):
        group = client.cli()
    if not isinstance(group, click.Group):
        raise ClientDefect(f'driver "{own.path}": {place} must return a click.Group, not {group!r}')

    def prepare(command: click.Command, name: str) -> click.Command:
        if isinstance(command, click.Group):
            command.commands = {each: prepare(below, f"{name} {each}") for each, below in command.commands.items()}
        if command.callback is not None:
            command.callback = _explained(run(command.callback), own, f"the command {name} of {place}")
        return command

    return {name: prepare(command, name) for name, command in group.commands.items()}


def _explained(callback: Callable[..., Any], own: AsyncDriverClient, place: str) -> Callable[..., Any]:
    async def finish(outcome: Awaitable[Any], context: ExitStack) -> Any:
        with context, _explaining(own, place):
            return await outcome

    @wraps(callback)
    def call(*args: Any, **kwargs: Any) -> Any:
        with _explaining(own, place):
            outcome = callback(*args, **kwargs)
        if not asyncio.iscoroutine(outcome):
            return outcome
        context = ExitStack()
        context.enter_context(click.get_current_context())  # else it were closed, with its files, before it is awaited
        return finish(outcome, context)

    return call


@contextmanager
def _explaining(own: AsyncDriverClient, place: str) -> Iterator[None]:
    try:
        yield
    except _NO_DEFECT:
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = "" if frame.filename == __file__ else f" ({Path(frame.filename).name}, line {frame.lineno})"
        raise ClientDefect(f'driver "{own.path}": {place} raised {type(error).__name__}: {error}{where}') from error


def _threaded(callback: Callable[..., Any]) -> Callable[..., Any]:
    """A callback that may block, in a thread: the event loop goes on meanwhile."""

    @wraps(callback)
    def begin(*args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]:
        context = click.get_current_context()  # now: click has left it once this is awaited

        def call() -> Any:
            with context.scope(cleanup=False):  # a thread has none of its own
                return callback(*args, **kwargs)

        return asyncio.to_thread(call)

    return begin


def _path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
