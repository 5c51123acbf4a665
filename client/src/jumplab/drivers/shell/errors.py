"""What goes wrong with commands.

DriverError
└── OutputTooLong   take the output piece by piece, or raise the limit
"""

from jumplab.driver.errors import DriverError


class OutputTooLong(DriverError):
    """A command has put out more than was to be kept. It was ended."""
