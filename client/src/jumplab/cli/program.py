"""The start of the program `jumplab`: Ctrl-C ends it, also while it loads."""

from jumplab.interrupts import end_at_interrupt


def main() -> None:
    """The program `jumplab`."""
    end_at_interrupt()
    from jumplab.cli import main as command

    command.main()
