"""Ctrl-C from a program's first moment on.

This loads nothing by itself, so that Ctrl-C ends a program without a word while it loads: there is nothing to clean up
until a command begins, and each that has something to clean up handles signals itself.
"""

import signal


def end_at_interrupt() -> None:
    """Ctrl-C ends the process, unless whoever started it wants it to be ignored."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
