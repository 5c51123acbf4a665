"""The start of the program `jumplab-exporter`: Ctrl-C ends it, also while it loads."""

from jumplab.interrupts import end_at_interrupt


def main() -> None:
    """The program `jumplab-exporter`."""
    end_at_interrupt()
    from jumplab_exporter import main as command

    command.main()
