"""The start of the program `j`: Ctrl-C ends it, also while it loads."""

from jumplab.interrupts import end_at_interrupt


def main() -> None:
    """The program `j`."""
    end_at_interrupt()
    from jumplab.cli.j import main as command

    command.main()
