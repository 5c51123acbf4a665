"""The command `jumplab`."""

import sys
from importlib import import_module

import click

from jumplab.cli.completing import be_silent_and_quick
from jumplab.cli.exit_status import exit_status_of
from jumplab.interrupts import end_at_interrupt
from jumplab.verbosity import log_to_terminal, take_verbosity, verbose_option
from jumplab.versions import version_option

_COMMANDS = {
    "get": ("jumplab.cli.commands.get", "Show exporters, leases and the queue."),
    "explain": ("jumplab.cli.commands.explain", "Explain why a lease waits."),
    "create": ("jumplab.cli.commands.create", "Create a lease. Administrators: create an exporter or a client."),
    "update": ("jumplab.cli.commands.update", "Extend, shorten or transfer a lease."),
    "generate": ("jumplab.cli.commands.generate", "Print code for tests."),
    "delete": ("jumplab.cli.commands.delete", "Release leases."),
    "admin": ("jumplab.cli.commands.admin", "Administrators: revoke clients and exporters."),
    "shell": ("jumplab.cli.commands.shell", "Lease an exporter and open a shell in which `j` controls it."),
    "run": ("jumplab.cli.commands.run", "Lease an exporter, run a command with it, and exit with its status."),
    "console": ("jumplab.cli.commands.console", "Lease an exporter and open its console."),
    "driver": ("jumplab.cli.commands.driver", "Begin a driver of your own."),
    "config": ("jumplab.cli.commands.config", "Show and select client configurations."),
    "completion": ("jumplab.cli.commands.completion", "Print a shell's completion script."),
    "version": ("jumplab.cli.commands.version", "Print the version."),
}


class LazyGroup(click.Group):
    """Commands by their modules, imported when they run; the list of them needs no import at all."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(_COMMANDS[cmd_name][0]), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@version_option("jumplab", "jumplab")
@verbose_option
def cli() -> None:
    """Lease a board and use it as if it were on your desk."""


def main() -> None:
    """The program `jumplab`: exits with 0, with 2 for a wrong usage or configuration, and with 1 for the rest."""
    be_silent_and_quick()
    words, verbose = take_verbosity(sys.argv[1:])
    if verbose:
        log_to_terminal()
    status = exit_status_of(lambda: cli.main(words, prog_name="jumplab", standalone_mode=False), "jumplab")
    end_at_interrupt()
    sys.exit(status)
