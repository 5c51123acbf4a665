"""Commands made from what a session's drivers report: `j PATH… METHOD ARGUMENTS`.

A client class, for asyncio or for plain code, that has a method `cli`, returning a click.Group, adds the commands of
that group, or replaces those made here; their callbacks may be coroutine functions.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from jumplab.cli.exit_status import print_result
from jumplab.cli.j.arguments import option_name, parameters_of
from jumplab.cli.j.driver_tree import BOOT, CONSOLE, DEBUG, FLASHER, NETWORK, SHELL, STORAGE, DriverTree, walk
from jumplab.cli.j.spoken import Spoken
from jumplab.control_sequences import printable
from jumplab.driver import AsyncDriverClient
from jumplab.driver.errors import DriverError, DriverFailed


class DriverGroup(click.Group):
    """A driver: its children, its own client's commands, and its exported methods."""

    def __init__(self, client: AsyncDriverClient, tree: DriverTree, root: AsyncDriverClient | None = None) -> None:
        self._client = client
        self._root = root or client
        self._tree = tree
        self._is_console = CONSOLE in tree.interfaces(client)
        super().__init__(
            client.path.rpartition(".")[2] or "j",
            help=client.description or None,
            invoke_without_command=self._is_console or not client.path,
            callback=self._alone,
            context_settings={"help_option_names": ["-h", "--help"]},
        )

    def get_help(self, ctx: click.Context) -> str:
        """Names and descriptions in it are the exporter's."""
        return printable(super().get_help(ctx))

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        own = self._own_commands()
        shown = [name for name, command in own.items() if not command.hidden]
        return [*self._client.children, *shown, *(name for name in self._methods() if name not in own)]

    def offered(self) -> str:
        """Its commands in one line; where its own client can't be had, its methods and why."""
        try:
            return " ".join(
                name for name in self.list_commands(click.Context(self)) if name not in self._client.children
            )
        except DriverError as error:
            return f"{' '.join(self._methods())} (its client's commands are missing: {error})"

    def get_short_help_str(self, limit: int = 45) -> str:  # noqa: ARG002 - click's signature
        return self._client.description or self.offered()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        if cmd_name in self._client.children:
            return DriverGroup(self._client.children[cmd_name], self._tree, self._root)
        own = self._own_commands()
        if cmd_name in own:
            return own[cmd_name]
        method = self._methods().get(cmd_name)
        return self._made(method) if method else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if failure := self._tree.reports[self._client.path].failure:
            raise DriverFailed(f'driver "{self._client.path}" did not start: {failure}')
        if self.get_command(ctx, args[0]) is None:
            known = ", ".join(self.list_commands(ctx)) or "nothing"
            subject = f'driver "{self._client.path}"' if self._client.path else "this exporter"
            raise click.UsageError(f'{subject} has no "{args[0]}"; it offers: {known}')
        return super().resolve_command(ctx, args)

    def _alone(self) -> Any:
        """The command of a driver's bare name: the root shows the tree, a console attaches."""
        context = click.get_current_context()
        if context.invoked_subcommand is not None:
            return None
        if self._is_console:
            return context.invoke(self._own_commands()["attach"])
        show_tree(self._client, self._tree)
        return None

    def _made(self, method: str) -> click.Command:
        return _command_of(self._client, method)

    def _methods(self) -> Mapping[str, str]:
        return {option_name(method): method for method in self._client.methods}

    def _own_commands(self) -> Mapping[str, click.Command]:
        standard = self._standard_commands()
        if not self._tree.has_foreign_client(self._client):
            return standard
        from jumplab.cli.j.client_commands import commands_of

        return {**standard, **commands_of(self._tree.own(self._client))}

    def _standard_commands(self) -> Mapping[str, click.Command]:
        if self._is_console:
            from jumplab.cli.j.console import attach_command, console_commands

            attach = attach_command(self._client, self._tree, self._root)
            return {"attach": attach, **console_commands(lambda: self._tree.own(self._client))}
        if STORAGE in self._tree.interfaces(self._client):
            from jumplab.cli.j.storage import storage_commands

            return storage_commands(lambda: self._tree.own(self._client))
        if BOOT in self._tree.interfaces(self._client):
            from jumplab.cli.j.boot import boot_commands

            return boot_commands(lambda: self._tree.own(self._client))
        if FLASHER in self._tree.interfaces(self._client):
            from jumplab.cli.j.flasher import flasher_commands

            return flasher_commands(lambda: self._tree.own(self._client))
        if DEBUG in self._tree.interfaces(self._client):
            from jumplab.cli.j.debug import debug_commands

            return debug_commands(lambda: self._tree.own(self._client))
        if SHELL in self._tree.interfaces(self._client):
            from jumplab.cli.j.shell import shell_commands

            return shell_commands(lambda: self._tree.own(self._client))
        if NETWORK & self._tree.interfaces(self._client):
            from jumplab.cli.j.network import network_commands

            return network_commands(lambda: self._client, self._tree.interfaces(self._client))
        return {}


def plain_call(root: AsyncDriverClient, tree: DriverTree, words: list[str]) -> "PlainCall | None":
    """The call that these words of `j` make, not begun yet.

    None where they are no plain call: that is for a whole `j`. Raises click.ClickException where the arguments are
    wrong.
    """
    client, left = root, list(words)
    while left and left[0] in client.children:
        client = client.children[left.pop(0)]
    if not left or tree.reports[client.path].failure or tree.has_foreign_client(client):
        return None
    if CONSOLE in tree.interfaces(client):
        return _console_call(client, tree, left) or _method_call(client, left)
    return None if ({BOOT, DEBUG, SHELL, STORAGE} | NETWORK) & tree.interfaces(client) else _method_call(client, left)


@dataclass(frozen=True, slots=True)
class PlainCall:
    """A call of a driver.  spoken: carries it out.  console: the client whose place in the console it shares."""

    spoken: Awaitable[Spoken]
    console: AsyncDriverClient | None = None


def _console_call(client: AsyncDriverClient, tree: DriverTree, left: list[str]) -> PlainCall | None:
    from jumplab.cli.j.console import SHARING, console_commands

    if left[0] not in SHARING:
        return None
    own = tree.own(client)
    command = console_commands(lambda: own)[left[0]]
    return PlainCall(_invoked(command, left[1:]), own)


def _method_call(client: AsyncDriverClient, left: list[str]) -> PlainCall | None:
    methods = {option_name(method): method for method in client.methods}
    if left[0] not in methods or client.methods[methods[left[0]]]["kind"] != "call":
        return None
    return PlainCall(_invoked(_command_of(client, methods[left[0]], _called), left[1:]))


def _invoked(command: click.Command, words: list[str]) -> Awaitable[Spoken]:
    command.add_help_option = False
    with command.make_context(command.name, words) as context:
        call: Awaitable[Spoken] = command.invoke(context)
    return call


def show_tree(root: AsyncDriverClient, tree: DriverTree) -> None:
    """Writes the drivers with their methods, and which of them can't be used."""
    for client in walk(root):
        if not client.path:
            continue
        indent, name = "  " * client.path.count("."), client.path.rpartition(".")[2]
        failure = tree.reports[client.path].failure
        state = f"did not start: {failure}" if failure else DriverGroup(client, tree, root).offered()
        print_result(f"{indent}{name}  {state}".rstrip())


def _command_of(client: AsyncDriverClient, method: str, run: Callable[..., Any] | None = None) -> click.Command:
    schema = client.methods[method]
    description = str(schema.get("description", ""))

    def call(**arguments: Any) -> Any:
        given = {name: value for name, value in arguments.items() if value is not None}
        return (run or _CALLS[str(schema["kind"])])(client, method, schema, given)

    return click.Command(
        option_name(method),
        params=parameters_of(schema["arguments"]),
        callback=call,
        help=printable(description) or None,
    )


async def _called(
    client: AsyncDriverClient, method: str, _schema: Mapping[str, Any], given: Mapping[str, Any]
) -> Spoken:
    return Spoken(_text(await client.call(method, **given)))


async def _call_streaming(
    client: AsyncDriverClient, method: str, _schema: Mapping[str, Any], given: Mapping[str, Any]
) -> None:
    async for item in client.call_streaming(method, **given):
        if (text := _text(item)) is not None:
            print_result(text)


async def _stream(client: AsyncDriverClient, method: str, schema: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    from jumplab.cli.terminal import converse

    async with client.open(method, **given) as stream:
        await converse(stream, ends_with_input=bool(schema.get("bulk")))


_CALLS: Mapping[str, Callable[..., Any]] = {"call": _called, "streaming": _call_streaming, "stream": _stream}


def _text(value: Any) -> str | None:
    """A result on standard output: text as it is, everything else as JSON, nothing for None."""
    return value if isinstance(value, str | None) else json.dumps(value, indent=2)
