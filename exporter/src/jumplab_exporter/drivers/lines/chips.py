"""Lines of GPIO chips, by libgpiod: requests, and why they fail. All of it blocks for as long as the chip takes."""

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import Field

from jumplab.driver import Driver
from jumplab_exporter.drivers.extras import needing

with needing("gpio"):
    import gpiod

_CONSUMER = "jumplab-exporter"

Offset = Annotated[int, Field(ge=0)]
LineName = Offset | Annotated[str, Field(min_length=1)]


class OnChip(Driver):
    """A driver with one line of a chip.  chip: its device;  line: its number there, from 0, or its name."""

    chip: Path
    line: LineName

    def exclusive_device(self) -> str:
        return place(Path(os.path.realpath(self.chip)), self.line)

    def missing_device(self) -> str:
        return "" if self.chip.exists() else str(self.chip)

    def device_problem(self) -> str:
        return ""

    async def check(self) -> None:
        """Looks whether the chip has the line, and does not touch it."""
        look_at(self.chip, self.line)


def request(chip: Path, line: int | str, settings: gpiod.LineSettings) -> gpiod.LineRequest:
    """The line, for this process alone. Raises OSError with a sentence, ConnectionError where there is no chip."""
    try:
        return gpiod.request_lines(str(chip), config={line: settings}, consumer=_CONSUMER)
    except (OSError, ValueError) as error:
        raise _explained(chip, line, error) from error


def look_at(chip: Path, line: int | str) -> None:
    """Looks whether the line is there, and does not touch it. Raises as `request`."""
    try:
        with gpiod.Chip(str(chip)) as opened:
            opened.get_line_info(line)
    except (OSError, ValueError) as error:
        raise _explained(chip, line, error) from error


def lost(chip: Path, line: int | str, error: OSError) -> OSError:
    """What an error of a line in use means."""
    reason = f"{place(chip, line)} can't be reached any more: {error.strerror or error}"
    if error.errno in (errno.ENODEV, errno.ENXIO, errno.EIO):
        return ConnectionError(f"{reason}; was the chip unplugged? It is tried again at the next call")
    return OSError(reason)


def place(chip: Path, line: int | str) -> str:
    """The line, for a sentence."""
    return f"line {line} of {chip}"


def _explained(chip: Path, line: int | str, error: OSError | ValueError) -> OSError:
    if not chip.exists():
        return ConnectionError(f"{chip} can't be opened: there is no such GPIO chip")
    number = error.errno if isinstance(error, OSError) else errno.ENOENT
    if number == errno.ENOENT:
        return OSError(f"{chip} has no line {line}; `gpioinfo` lists its lines with their names")
    if number == errno.EBUSY:
        return OSError(f"{place(chip, line)} is in use by {_consumer(chip, line)}")
    if number in (errno.EACCES, errno.EPERM):
        return PermissionError(f"{chip} can't be opened: permission denied; let the exporter's user read and write it")
    if number in (errno.ENOTTY, errno.ENODEV):
        return OSError(f"{chip} is no GPIO chip; name one, such as /dev/gpiochip0")
    reason = error.strerror if isinstance(error, OSError) else error
    return OSError(f"{place(chip, line)} can't be used so: {reason}")


def _consumer(chip: Path, line: int | str) -> str:
    with suppress(OSError, ValueError), gpiod.Chip(str(chip)) as opened:
        if consumer := opened.get_line_info(line).consumer:
            mine = " (another driver of this exporter, or another exporter)" if consumer == _CONSUMER else ""
            return f'"{consumer}"{mine}'
    return "another program, or the kernel"
