"""A console at the terminal: of `jumplab console`, and of `j console`."""

import shutil
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jumplab.cli.console_log import ConsoleLog
from jumplab.cli.console_menu import Choice, ConsoleMenu
from jumplab.cli.exit_status import print_note, write_line
from jumplab.cli.j.driver_tree import POWER, DriverTree, walk
from jumplab.cli.terminal import Screen, converse, show
from jumplab.driver import AsyncDriverClient
from jumplab.drivers.console.stream import ConsoleStream, joined
from jumplab.protocol.v1.session_pb2 import LogLine
from jumplab.session.client import Session

_OFFSETS = {"screen": -(16 << 10), "now": None, "begin": 0}
"""Where each begin is, as for ConsoleInterface.attach; a screen is at the end of so much."""


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    """begin: `screen`, `now` or `begin`; None: the last screen at a terminal, else now.  offset: in place of it, as for
    ConsoleInterface.attach.  log: a file that gets what is shown, with `timestamps` and `control_sequences`."""

    begin: str | None = None
    offset: int | None = None
    exclusive: bool = False
    watch: bool = False
    log: Path | None = None
    timestamps: bool = False
    control_sequences: bool = False


async def show_notices(session: Session, console: AsyncDriverClient) -> None:
    """Says on standard error why the console's device can't be used, where it can't, and what drivers warn of from now
    on. Raises DriverError."""
    unavailable = (await console.call("state")).get("unavailable")
    if unavailable:
        print_note(unavailable, program="console")
    # Warnings from before this client came have arrived before that answer: they are over.
    session.on_log = partial(_show_warning, session)


def _show_warning(session: Session, line: LogLine) -> None:
    if line.severity in ("WARNING", "ERROR", "CRITICAL"):
        write_line(session.shown(line, with_severity=True))


async def open_console(
    root: AsyncDriverClient, console: AsyncDriverClient, tree: DriverTree, options: ConsoleOptions
) -> None:
    """Shows a console, and types into it, until it ends or the user leaves. Raises DriverError, ClickException.

    root: of its exporter's drivers, which the menu offers.
    """
    begin = options.begin or ("screen" if sys.stdout.isatty() else "now")
    offset = _OFFSETS[begin] if options.offset is None else options.offset
    with ExitStack() as stack:
        log = None
        if options.log is not None:
            opened = ConsoleLog.opened(
                options.log, timestamps=options.timestamps, control_sequences=options.control_sequences
            )
            log = stack.enter_context(opened)
        screen = Screen(log, menu_of(root, console, tree))
        async with joined(console, offset, exclusive=options.exclusive, mark_gaps=True) as stream:
            first = b""
            if options.offset is None and begin == "screen":
                first = await _last_screen(console, stream)
            if options.watch:
                await screen.show(first)
                await show(stream, screen)
            else:
                await converse(stream, screen, ends_with_input=True, first=first)


async def _last_screen(console: AsyncDriverClient, stream: ConsoleStream) -> bytes:
    """The last output, as many lines as the terminal has; the stream goes on behind it."""
    state = await console.call("state")
    end = state["end_offset"] if isinstance(state, dict) else state.end_offset
    said = b""
    while stream.offset < end and (data := await stream.receive()):
        said += data
    lines = said.split(b"\n")
    return b"\n".join(lines[-max(1, shutil.get_terminal_size().lines - 1) :])


def menu_of(root: AsyncDriverClient, console: AsyncDriverClient, tree: DriverTree) -> ConsoleMenu:
    """The menu for a console of this tree.

    Power and reset are those nearest to the console in the tree; where several are as near, none is offered.
    """
    choices: dict[bytes, Choice] = {}
    power = _nearest([each for each in walk(root) if POWER in tree.interfaces(each)], console)
    if power is not None:
        choices[b"o"] = Choice(f"{power.path} on", lambda: power.call("on"))
        choices[b"f"] = Choice(f"{power.path} off", lambda: power.call("off"))
        choices[b"c"] = Choice(f"{power.path} cycle", lambda: power.call("cycle"))
    reset = _nearest([each for each in walk(root) if "reset" in each.methods], console)
    if reset is not None:
        choices[b"r"] = Choice(f"{reset.path} reset", lambda: reset.call("reset"))
    if "send_break" in console.methods:
        choices[b"b"] = Choice("send a break", lambda: console.call("send_break"))
    return ConsoleMenu(choices)


def _nearest(found: list[AsyncDriverClient], console: AsyncDriverClient) -> AsyncDriverClient | None:
    """The driver whose path has most of the console's; None where there is none, or more than one."""
    usable = [each for each in found if not each.is_alias]
    depth = max((_common(each.path, console.path) for each in usable), default=0)
    nearest = [each for each in usable if _common(each.path, console.path) == depth]
    return nearest[0] if len(nearest) == 1 else None


def _common(one: str, other: str) -> int:
    count = 0
    for left, right in zip(one.split("."), other.split("."), strict=False):
        if left != right:
            break
        count += 1
    return count
