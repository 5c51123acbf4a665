"""Who sets DTR and RTS of which serial port in this process.

One port often carries a console, and a board's reset on DTR or RTS. It is opened once, and all go through the driver
that has it.
"""

from typing import Protocol

from jumplab_exporter.drivers.console.opening import device_of


class ModemLines(Protocol):
    """A port's two signals.  url: as the configuration names the port."""

    @property
    def url(self) -> str: ...

    async def set_lines(self, *, dtr: bool | None, rts: bool | None) -> None:
        """Raises or lowers them; None leaves one as it is. Raises OSError, NotImplementedError."""
        ...


_claims: list[ModemLines] = []


def claim(lines: ModemLines) -> None:
    """From now on others find these, whether their port is open at the moment or not."""
    _claims.append(lines)


def give_up(lines: ModemLines) -> None:
    """They are found no longer; nothing happens where they were not claimed."""
    if lines in _claims:
        _claims.remove(lines)


def claimed(url: str) -> ModemLines | None:
    """Those of the port that a URL names, or None."""
    device = device_of(url)
    for lines in _claims:
        if lines.url == url or (device and device_of(lines.url) == device):
            return lines
    return None
