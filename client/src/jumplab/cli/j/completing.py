"""The words that a shell completes for `j`: members, drivers, their commands and options, as the session has them now.

Completion is silent: where there is no session, or it does not answer soon enough, nothing is completed.
"""

import os
from pathlib import Path

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

from jumplab.cli.completing import VARIABLE
from jumplab.cli.j.delegated_call import members_in
from jumplab.cli.j.driver_commands import DriverGroup
from jumplab.cli.j.driver_tree import DriverTree
from jumplab.cli.running import run
from jumplab.errors import JumplabError
from jumplab.session.client import attach
from jumplab.transport.local import LocalLink


def complete() -> int:
    """Prints the completions that the shell's variables ask for. The exit status."""
    kind = get_completion_class(os.environ[VARIABLE].removesuffix("_complete"))
    socket, token = os.environ.get("JUMPLAB_SOCKET"), os.environ.get("JUMPLAB_SOCKET_TOKEN")
    if kind is None or not socket or not token:
        return 0
    shell = kind(click.Group(), {}, "j", VARIABLE)
    words, incomplete = shell.get_completion_args()
    members = members_in(os.environ.get("JUMPLAB_MEMBERS", ""))
    if members and not words:
        found = [CompletionItem(name) for name in members if name.startswith(incomplete)]
    else:
        if members:
            socket, words = members.get(words[0], ""), words[1:]
        try:
            found = run(_of_drivers(shell, Path(socket), token, words, incomplete))
        except (JumplabError, click.ClickException, OSError):
            return 0
    for item in found:
        click.echo(shell.format_completion(item))
    return 0


async def _of_drivers(
    shell: ShellComplete, socket: Path, token: str, words: list[str], incomplete: str
) -> list[CompletionItem]:
    allow = os.environ.get("JMP_DRIVERS_ALLOW", "jumplab.drivers")
    tree = DriverTree.allowing(tuple(allow.split(",")), unsafe=allow == "UNSAFE")
    async with attach(LocalLink(socket, token), classes=tree, client="j") as session:
        shell.cli = DriverGroup(session.root, tree)
        return shell.get_completions(words, incomplete)
