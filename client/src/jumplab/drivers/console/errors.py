"""What a console's client can be told beyond the errors of every driver.

DriverError
└── ConsoleError
    ├── ConsoleTimeout   what was expected did not come in time
    └── ConsoleClosed    the console ended before it came
"""

from jumplab.driver.errors import DriverError


class ConsoleError(DriverError):
    """The root of this tree."""


class ConsoleTimeout(ConsoleError, TimeoutError):
    """What was expected did not come in time; the message has what came instead."""


class ConsoleClosed(ConsoleError):
    """The console ended before what was expected came."""
