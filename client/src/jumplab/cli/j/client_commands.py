"""The commands that a driver's own client class adds: its method `cli` returns them as a click.Group."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import wraps
from typing import Any

import click

from jumplab.driver import AsyncDriverClient
from jumplab.driver.errors import ClientMissing
from jumplab.driver.plain import plain_class_of
from jumplab.driver.portal import Portal


def commands_of(own: AsyncDriverClient) -> Mapping[str, click.Command]:
    """The commands of a client, by name; those of a class for plain code run in threads. Raises ClientMissing."""
    if "cli" in own.methods:
        return {}
    plain: Any = plain_class_of(type(own))
    if callable(make := getattr(own, "cli", None)):
        return _checked(own, make()).commands
    if hasattr(plain, "cli"):
        group = _checked(own, plain(own, Portal.of_running_loop()).cli())
        return {name: _in_thread(command) for name, command in group.commands.items()}
    return {}


def _checked(own: AsyncDriverClient, group: Any) -> click.Group:
    if isinstance(group, click.Group):
        return group
    kind = f"{type(own).__module__}.{type(own).__qualname__}"
    raise ClientMissing(f'driver "{own.path}": {kind}.cli must return a click.Group, not {group!r}')


def _in_thread(command: click.Command) -> click.Command:
    """The command, with a callback that may block: the event loop goes on meanwhile."""
    if isinstance(command, click.Group):
        command.commands = {name: _in_thread(below) for name, below in command.commands.items()}
    if command.callback is not None:
        command.callback = _threaded(command.callback)
    return command


def _threaded(callback: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(callback)
    def begin(*args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]:
        context = click.get_current_context()  # now: click has left it once this is awaited

        def call() -> Any:
            with context.scope(cleanup=False):  # a thread has none of its own
                return callback(*args, **kwargs)

        return asyncio.to_thread(call)

    return begin
