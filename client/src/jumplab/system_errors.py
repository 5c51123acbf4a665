"""What the operating system refuses, as a sentence."""

import errno
import os

_FULL = (errno.ENOSPC, errno.EDQUOT)


def system_sentence(error: OSError) -> str:
    """The file, what is wrong with it, and what helps; without the system's number. Another OSError: its own text."""
    if not error.strerror:
        return str(error) or type(error).__name__
    place = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    advice = "; free some room on that disk" if error.errno in _FULL else ""
    return f"{place}{error.strerror}{advice}"
