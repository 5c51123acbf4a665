"""The start of the program `jumplab`.

It loads nothing by itself, so that Ctrl-C ends the program without a word from its first moment on: there is nothing to
clean up until a command begins, and each that has something to clean up handles signals itself.
"""

import signal


def end_at_interrupt() -> None:
    """Ctrl-C ends the process, unless whoever started it wants it to be ignored."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def main() -> None:
    """The program `jumplab`."""
    end_at_interrupt()
    from jumplab.cli import main as command

    command.main()
