"""Ctrl-C from a program's first moment on.

This loads nothing by itself, so that Ctrl-C ends a program without a word while it loads: there is nothing to clean up
until a command begins, and each that has something to clean up handles signals itself.
"""

# Built into the interpreter: `signal` itself first loads `enum` and more, in which Ctrl-C would give a traceback.
import _signal  # type: ignore[import-not-found]  # typeshed has none


def end_at_interrupt() -> None:
    """Ctrl-C ends the process, unless whoever started it wants it to be ignored."""
    if _signal.getsignal(_signal.SIGINT) != _signal.SIG_IGN:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
