"""What opens which URL of a console."""

import asyncio
import os
import re
from collections.abc import Callable

from jumplab_exporter.drivers.console.absence import NotThereYet
from jumplab_exporter.drivers.console.blocking import BlockingPort, close_device, open_device
from jumplab_exporter.drivers.console.line import Line
from jumplab_exporter.drivers.console.network import Rfc2217Port, address_of, open_socket
from jumplab_exporter.drivers.console.ports import Port, TerminalPort
from jumplab_exporter.drivers.extras import needing

with needing("serial"):
    import serial

_OF_PYSERIAL = ("loop", "hwgrep", "spy", "alt")
_KNOWN = (
    "a device's path, socket://HOST:PORT, rfc2217://HOST:PORT, loop://, hwgrep://PATTERN, spy://PATH and alt://PATH"
)


async def open_port(url: str, line: Line, warn: Callable[[str], None], *, discard: bool = True) -> Port:
    """Opens the port that an URL, or a device's path, names, for this process alone.

    warn: called with a sentence for each thing that this kind of port can't do; the console works without it.
    discard: whether what the device has said before is dropped.
    Raises NotThereYet where the port may still come, another OSError where it can't be opened, ValueError where the URL
    or a setting is wrong.
    """
    scheme = scheme_of(url)
    if scheme == "socket":
        return await open_socket(url, line, warn)
    if scheme == "rfc2217":
        return await Rfc2217Port.open(url, line, warn, discard=discard)
    if scheme == "" and _is_missing(url):
        raise NotThereYet("there is no such device", holds_nothing=True)
    try:
        device = await _opened(url, line, warn, discard=discard)
    except ValueError as error:
        if scheme in ("", *_OF_PYSERIAL):
            raise
        raise ValueError(f"{error}; what works is {_KNOWN}") from error
    if scheme not in ("", "hwgrep"):  # those two are plain terminals
        try:
            return BlockingPort(device, warn)
        except BaseException:
            close_device(device)
            raise
    try:
        return TerminalPort(device.fileno())
    finally:
        device.close()


async def _opened(url: str, line: Line, warn: Callable[[str], None], *, discard: bool) -> serial.Serial:
    """The open device. Where this is cancelled it is closed again: its lock would stay with the process."""
    opening = asyncio.ensure_future(asyncio.to_thread(open_device, url, line, warn, discard=discard))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        await asyncio.wait([opening])
        if not opening.cancelled() and opening.exception() is None:
            close_device(opening.result())
        raise


def _is_missing(path: str) -> bool:
    try:
        os.stat(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False  # opening it says why
    return False


def scheme_of(url: str) -> str:
    """What stands before ://, in small letters; "" for a device's path."""
    return url.partition("://")[0].lower() if "://" in url else ""


def is_at_a_server(url: str) -> bool:
    """Whether a console server has the device."""
    return scheme_of(url) in ("socket", "rfc2217")


def device_of(url: str) -> str:
    """The device that a console has for itself: its real path, or a server's host:port; "" where none can be told."""
    scheme = scheme_of(url)
    if problem_of(url):
        return ""
    if is_at_a_server(url):
        host, port = address_of(url, lambda _: None)
        return f"{'127.0.0.1' if host == 'localhost' else host}:{port}"
    if scheme in ("", "spy", "alt"):
        return os.path.realpath(path_of(url))
    return os.path.realpath(_found(url)) if scheme == "hwgrep" and _found(url) else ""


def is_known_missing(url: str) -> bool:
    """Whether there is no such device, as far as that can be seen without opening anything."""
    if scheme_of(url) == "hwgrep":
        return not problem_of(url) and not _found(url)
    return scheme_of(url) in ("", "spy", "alt") and _is_missing(path_of(url))


def problem_of(url: str) -> str:
    """Why a URL can't be right, whatever devices there are; "" where it can."""
    try:
        if is_at_a_server(url):
            address_of(url, lambda _: None)
        else:
            serial.serial_for_url(url, do_not_open=True)
    except (ValueError, re.error) as error:
        return str(error)
    except OSError:
        return ""  # nothing that matches is there
    return ""


def _found(url: str) -> str:
    """The device that a hwgrep:// finds now, or ""."""
    try:
        return str(serial.serial_for_url(url, do_not_open=True).name)
    except (OSError, ValueError, re.error):
        return ""


def path_of(url: str) -> str:
    """The device's path in an URL that has one, or itself."""
    return url.partition("://")[2].partition("?")[0] if "://" in url else url
