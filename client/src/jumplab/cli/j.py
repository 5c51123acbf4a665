"""The command `j`: drives what the surrounding `jumplab shell` has leased.

It speaks to that shell's process over a Unix socket, so it starts without gRPC.
"""

import inspect
import os
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from jumplab.cli.ending import exit_status_of, say, write_line

if TYPE_CHECKING:
    from jumplab.protocol.v1.session_pb2 import LogLine


def main() -> None:
    """The program `j`: exits with 0, with 2 for a wrong usage, and with 1 for the rest."""
    sys.exit(exit_status_of(lambda: drive(sys.argv[1:]), "j"))


def drive(words: list[str]) -> None:
    """Runs one command of the leased drivers; without words, shows their tree."""
    socket, token = os.environ.get("JUMPLAB_SOCKET"), os.environ.get("JUMPLAB_SOCKET_TOKEN")
    if not socket or not token:
        raise click.UsageError("j works inside a leased shell; open one with `jumplab shell -l SELECTOR`")

    from jumplab.cli.running import run

    run(_drive(socket, token, words))


async def _drive(socket: str, token: str, words: list[str]) -> None:
    from pathlib import Path

    from jumplab.cli import progress
    from jumplab.cli.driver_commands import DriverGroup
    from jumplab.cli.driver_tree import DriverTree
    from jumplab.driver.errors import SessionEnded
    from jumplab.session.client import RECONNECT_WITHIN, Reconnecting, attach
    from jumplab.transport.local import LocalLink

    allow = os.environ.get("JMP_DRIVERS_ALLOW", "jumplab.drivers")
    tree = DriverTree.allowing(tuple(allow.split(",")), unsafe=allow == "UNSAFE")

    async def link() -> LocalLink:
        if not os.path.exists(socket):  # noqa: ASYNC240 - one look at a local file
            raise SessionEnded("the leased shell has ended")
        return LocalLink(Path(socket), token)

    patience = timedelta(seconds=float(os.environ.get("JUMPLAB_RECONNECT_SECONDS", RECONNECT_WITHIN.total_seconds())))
    again = Reconnecting(link, patience, tell=lambda sentence: say(sentence, "j"))
    async with attach(await link(), classes=tree, client="j", reconnecting=again) as session:
        session.on_log = _show_log
        if session.motd and not words:
            click.echo(session.motd, err=True)
        with progress.shown("j"):
            outcome: Any = DriverGroup(session.root, tree).main(words, prog_name="j", standalone_mode=False)
            if inspect.isawaitable(outcome):
                await outcome


def _show_log(line: "LogLine") -> None:
    write_line(f"[{line.severity.lower()}] {line.message}")
