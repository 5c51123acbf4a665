"""The command `j`: drives what the surrounding `jumplab shell` has leased.

A plain call is made by that shell's process; for everything else `j` has a session of its own, over a socket of the
shell. Either way it starts without gRPC, and what only the second needs is loaded when it comes to that.
"""

import os
import sys

from jumplab.cli.j import delegated_call
from jumplab.interrupts import end_at_interrupt

# Without `typing`, as in `delegated_call`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from jumplab.protocol.v1.session_pb2 import LogLine
    from jumplab.session.client import Session

_HELP = """Usage: j [DRIVER]... COMMAND [ARGUMENTS]...

  Use the board that is leased. It works inside a leased shell, which
  `jumplab shell -l SELECTOR` opens; there `j` shows the drivers, and
  `j --help` their commands.

Options:
  --version      Print the version and exit.
  -v, --verbose  Enable debug logging; it stands before the command.
  -h, --help     Show this message and exit."""


def main() -> None:
    """The program `j`: exits with 0, with 2 for a wrong usage, and with 1 for the rest."""
    if os.environ.get("_JUMPLAB_COMPLETE", "").endswith("_complete"):
        sys.exit(_complete())
    words, verbose = sys.argv[1:], False
    if words and words[0].startswith(("-v", "--v")):
        words, verbose = _take_verbosity(words)
    status = None if verbose else delegated_call.run(words, os.environ)
    if status is None:
        from jumplab.cli.exit_status import exit_status_of

        status = exit_status_of(lambda: drive(words), "j")
    end_at_interrupt()
    sys.exit(status)


def _complete() -> int:
    from jumplab.cli.completing import be_silent_and_quick

    be_silent_and_quick()
    from jumplab.cli.j.completing import complete

    return complete()


def _take_verbosity(words: list[str]) -> tuple[list[str], bool]:
    """A driver's commands may have a -v of their own: that of `j` stands before them."""
    from jumplab.verbosity import log_to_terminal, take_verbosity

    words, verbose = take_verbosity(words, leading=True)
    if verbose:
        log_to_terminal()
    return words, verbose


def drive(words: list[str]) -> int:
    """Runs one command of the leased drivers, of several exporters the one that is named first; without words,
    shows their trees. The exit status."""
    import click

    if words in (["--version"], ["version"]):
        from jumplab.versions import version_line

        click.echo(version_line("j", "jumplab"))
        return 0
    socket, token = os.environ.get("JUMPLAB_SOCKET"), os.environ.get("JUMPLAB_SOCKET_TOKEN")
    if not socket or not token:
        if words in (["-h"], ["--help"]):
            click.echo(_HELP)
            return 0
        raise click.UsageError("j works inside a leased shell; open one with `jumplab shell -l SELECTOR`")

    from jumplab.cli.running import run

    members = delegated_call.members_in(os.environ.get("JUMPLAB_MEMBERS", ""))
    if not members:
        return run(_drive("", socket, token, words))
    if not words:
        for name, path in members.items():
            click.echo(f"{name}:")
            run(_drive(name, path, token, words))
        return 0
    if words in (["-h"], ["--help"]):
        click.echo(f"{_HELP}\n\nThis lease is of several exporters; begin with one of: {', '.join(members)}")
        return 0
    if words[0] in members:
        return run(_drive(words[0], members[words[0]], token, words[1:]))
    raise click.UsageError(f'"{words[0]}" is not a member of this lease; begin with one of: {", ".join(members)}')


async def _drive(member: str, socket: str, token: str, words: list[str]) -> int:
    import inspect
    from pathlib import Path

    from jumplab.cli import progress
    from jumplab.cli.exit_status import print_note, print_result, write_line
    from jumplab.cli.j.driver_commands import DriverGroup
    from jumplab.cli.j.driver_tree import DriverTree
    from jumplab.cli.j.seen_log_lines import SeenLogLines
    from jumplab.cli.j.spoken import Spoken
    from jumplab.cli.options import read_reconnect_seconds
    from jumplab.driver.errors import SessionEnded
    from jumplab.session.client import RECONNECT_WITHIN, Reconnecting, attach
    from jumplab.transport.local import LocalLink

    allow = os.environ.get("JMP_DRIVERS_ALLOW", "jumplab.drivers")
    tree = DriverTree.allowing(tuple(allow.split(",")), unsafe=allow == "UNSAFE")

    async def link() -> LocalLink:
        if not os.path.exists(socket):  # noqa: ASYNC240 - one look at a local file
            raise SessionEnded("the leased shell has ended")
        return LocalLink(Path(socket), token)

    patience = read_reconnect_seconds(os.environ.get("JUMPLAB_RECONNECT_SECONDS")) or RECONNECT_WITHIN
    again = Reconnecting(link, patience, notify=lambda sentence: print_note(sentence, "j"))
    call_socket = os.environ.get("JUMPLAB_CALL_SOCKET")
    with SeenLogLines(Path(call_socket).parent if call_socket else None, member) as lines:
        async with attach(await link(), classes=tree, client="j", reconnecting=again) as session:
            session.on_log = lambda line: _show_log(session, line) if lines.is_new(session.epoch, line.number) else None
            if session.motd and not words:
                write_line(session.motd)
            with progress.showing_progress("j"):
                outcome: Any = DriverGroup(session.root, tree).main(words, prog_name="j", standalone_mode=False)
                if inspect.isawaitable(outcome):
                    outcome = await outcome
                if isinstance(outcome, Spoken):
                    if outcome.text is not None:
                        print_result(outcome.text)
                    return outcome.status
    return 0


def _show_log(session: "Session", line: "LogLine") -> None:
    from jumplab.cli.exit_status import write_line

    write_line(session.shown(line, with_severity=True))
