"""A device that is not there yet, told from one that can't be used as it is configured."""

import errno
import termios

# What the kernel says of a device file that is missing, or whose device is.
_ABSENT_DEVICE = frozenset((errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO))


class NotThereYet(ConnectionError):
    """The device, or the server in front of it, is not there; it may come.

    holds_nothing: whatever it says once it is there, it has said since.
    """

    def __init__(self, reason: str, *, holds_nothing: bool = False) -> None:
        super().__init__(reason)
        self.holds_nothing = holds_nothing


def of_device(error: OSError, scheme: str) -> NotThereYet | None:
    """What pyserial's error says of a device's absence; None: it is there, and can't be used."""
    number = errno_of(error)
    nothing_matches = scheme == "hwgrep" and number is None
    if number in _ABSENT_DEVICE or nothing_matches:
        return NotThereYet(str(error), holds_nothing=True)
    return None


def of_server(error: OSError, reason: str) -> NotThereYet:
    """What a connection that could not be made says. Where it was refused, no server runs that could hold output."""
    return NotThereYet(reason, holds_nothing=isinstance(error, ConnectionRefusedError))


def errno_of(error: OSError) -> int | None:
    """The number of the kernel's error, which pyserial hides where it is a terminal's."""
    if error.errno is not None:
        return error.errno
    beneath = error.__cause__ or error.__context__
    if isinstance(beneath, termios.error) and beneath.args and isinstance(beneath.args[0], int):
        return beneath.args[0]
    return None
