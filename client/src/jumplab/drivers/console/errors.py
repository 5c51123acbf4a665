"""What a console's client can be told beyond the errors of every driver.

DriverError
└── ConsoleError
    ├── ConsoleTimeout   what was expected did not come in time
    ├── ConsoleClosed    the console ended before it came
    ├── ConsoleGap       bytes were dropped before they were read: read on behind them
    ├── ConsoleRestarted the exporter's process was replaced: read on from the console's new beginning
    ├── OutputIncomplete bytes of a command's output were lost
    └── ConsoleInUse     another client has the exclusive right to write
"""

from jumplab.driver.errors import DriverError
from jumplab.drivers.console.interface import Gap


class ConsoleError(DriverError):
    """The root of this tree."""


class ConsoleTimeout(ConsoleError, TimeoutError):
    """What was expected did not come in time; the message has what came instead."""


class ConsoleClosed(ConsoleError):
    """The console ended before what was expected came."""


class ConsoleGap(ConsoleError):
    """Bytes of the console were dropped before they were read.  gap: which. The next read goes on behind them."""

    def __init__(self, path: str, gap: Gap) -> None:
        super().__init__(
            f"{path}: {gap.size_bytes} bytes from offset {gap.offset} on were dropped before they were read; "
            f"what follows from offset {gap.end_offset} on can be read"
        )
        self.gap = gap


class ConsoleRestarted(ConsoleError):
    """What was not read yet is gone with the exporter's process. The next read begins at offset 0 of its next one."""


class OutputIncomplete(ConsoleError):
    """Bytes of a command's output were lost on the way, so that `run` has no whole answer."""


class ConsoleInUse(ConsoleError):
    """Another client has the exclusive right to write to the console. What was written did not reach the device."""
