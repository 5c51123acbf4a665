"""The start of the program `jumplab-operator`: Ctrl-C ends it, also while it loads."""

from jumplab.interrupts import end_at_interrupt


def main() -> None:
    """The program `jumplab-operator`."""
    end_at_interrupt()
    from jumplab_operator import main as command

    command.main()
