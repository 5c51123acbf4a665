"""`j console send`, `expect`, `run`, `flush`, `mark` and `log`: a console from scripts."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from jumplab.cli.j.driver_tree import DriverTree
from jumplab.cli.j.own_clients import own_client
from jumplab.cli.j.spoken import Spoken
from jumplab.cli.options import DurationType
from jumplab.driver import AsyncDriverClient

SHARING = frozenset({"send", "expect", "run", "flush", "mark"})
"""The commands that share the cursor of the leased shell."""

_BEGINNINGS = ("lease", "attach", "mark")
_timeout_option = click.option(
    "--timeout", type=DurationType(), default="30s", show_default=True, help="Time limit for the answer."
)


class SinceType(click.ParamType[Any]):
    """A word, or an offset in bytes."""

    name = "lease|attach|mark|offset"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value in _BEGINNINGS:
            return value
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r} is none of {', '.join(_BEGINNINGS)}, and no offset in bytes", param, ctx)


def console_commands(client: Callable[[], AsyncDriverClient]) -> Mapping[str, click.Command]:
    """The commands of a console; each gives a Spoken.  client: gives its AsyncConsoleClient, when a command runs."""
    commands = (_send, _expect, _run, _flush, _mark, _log)
    return {command.name or "": command for command in (make(lambda: _as_console(client())) for make in commands)}


def attach_command(console: AsyncDriverClient, tree: DriverTree, root: AsyncDriverClient) -> click.Command:
    """`j console attach`, which is `j console` too."""

    @click.command()
    @click.option("--offset", type=int, help="Start at this byte offset; a negative one counts back from now.")
    @click.option("--exclusive", is_flag=True, help="Lock the console: nobody else can type.")
    @click.option("--watch", is_flag=True, help="Show the console without typing into it.")
    async def attach(offset: int | None, *, exclusive: bool, watch: bool) -> None:
        """Open the console. Ctrl-] opens its menu, Ctrl-] twice leaves it."""
        from jumplab.cli.j.console_terminal import ConsoleOptions, open_console

        options = ConsoleOptions(offset=offset, exclusive=exclusive, watch=watch)
        await open_console(root, console, tree, options)

    return attach


def _send(console: Callable[[], Any]) -> click.Command:
    @click.command()
    @click.argument("text", nargs=-1)
    @click.option("-n", "--no-enter", is_flag=True, help="Do not press Enter behind it.")
    async def send(text: tuple[str, ...], *, no_enter: bool) -> Spoken:
        """Type TEXT into the console and press Enter. Several words are joined by spaces."""
        await console().send(" ".join(text) + ("" if no_enter else "\n"))
        return Spoken()

    return send


def _expect(console: Callable[[], Any]) -> click.Command:
    @click.command()
    @click.argument("pattern", nargs=-1, required=True)
    @_timeout_option
    @click.option("--since", type=SinceType(), help="Look from here on; default: behind what was expected last.")
    async def expect(pattern: tuple[str, ...], timeout: timedelta, since: Any) -> Spoken:
        """Wait until the console says what a PATTERN (a regular expression) finds, and print all up to there.

        Exits with 1 where that does not come in time. All `j` of a leased shell share one cursor.
        """
        return Spoken(str(await console().expect(list(pattern), timeout.total_seconds(), since=since)))

    return expect


def _run(console: Callable[[], Any]) -> click.Command:
    @click.command()
    @click.argument("command", nargs=-1, required=True)
    @click.option("--prompt", required=True, help="The prompt of the device's shell, a regular expression.")
    @_timeout_option
    async def run(command: tuple[str, ...], prompt: str, timeout: timedelta) -> Spoken:
        """Run COMMAND in the shell at the console: prints its output and exits with its status.

        The shell is a POSIX shell, busybox or U-Boot. Write options of COMMAND behind `--`.
        """
        output = await console().run(" ".join(command), prompt, timeout.total_seconds())
        return Spoken(str(output) or None, min(output.status or 0, 255))

    return run


def _flush(console: Callable[[], Any]) -> click.Command:
    @click.command()
    async def flush() -> Spoken:
        """Forget what the console has said until now: `expect` looks at what comes from here on."""
        await console().flush()
        return Spoken()

    return flush


def _mark(console: Callable[[], Any]) -> click.Command:
    @click.command()
    async def mark() -> Spoken:
        """Mark this moment for `expect --since mark`, and print its offset in bytes."""
        return Spoken(str(await console().mark()))

    return mark


def _log(console: Callable[[], Any]) -> click.Command:
    @click.command()
    @click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
    @click.option("--follow", is_flag=True, help="Go on with what the console says from now on, until interrupted.")
    @click.option("--timestamps", is_flag=True, help="Begin each line with the time at which it came.")
    @click.option("--control-sequences", is_flag=True, help="Leave colours and other control sequences in.")
    @click.option(
        "--offset", type=int, default=0, help="Start at this byte offset; a negative one counts back from now."
    )
    async def log(file: Path | None, offset: int, *, follow: bool, timestamps: bool, control_sequences: bool) -> Spoken:
        """Write all that the console has said since the lease's begin to FILE, or to standard output."""
        from jumplab.cli.console_log import ConsoleLog, copy_log

        with ConsoleLog.opened(file, timestamps=timestamps, control_sequences=control_sequences) as target:
            await copy_log(console(), offset, target, follow=follow)
        return Spoken()

    return log


def _as_console(client: AsyncDriverClient) -> Any:
    from jumplab.drivers.console import AsyncConsoleClient

    return own_client(client, AsyncConsoleClient, "a console")
