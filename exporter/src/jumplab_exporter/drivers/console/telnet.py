"""Telnet as bytes, without I/O: commands (RFC 854), options (RFC 855), and data of any bytes (RFC 856)."""

import re
from collections.abc import Iterable, Iterator
from enum import Enum, IntEnum
from typing import NamedTuple

BINARY = 0  # RFC 856
ECHO = 1  # RFC 857
SUPPRESS_GO_AHEAD = 3  # RFC 858

IAC = b"\xff"
_SUBNEGOTIATION_BYTES = 4096


class _Code(IntEnum):
    """Commands of RFC 854, each after an IAC."""

    SE = 240
    SB = 250
    WILL = 251
    WONT = 252
    DO = 253
    DONT = 254


# Possessive quantifiers: what was matched is never matched again, however long the run is.
_DATA = re.compile(rb"(?:[^\xff]++|\xff\xff)*+")
_SUBNEGOTIATION = re.compile(rb"\xff\xfa((?:[^\xff]|\xff\xff)*+)(?=\xff[^\xff])")
_NEGOTIATION = re.compile(rb"\xff([\xfb-\xfe])(.)", re.DOTALL)
_CUT_SHORT = re.compile(rb"\xff(?:[\xfb-\xfe]?|\xfa(?:[^\xff]|\xff\xff)*+\xff?)", re.DOTALL)


class TelnetError(ConnectionError):
    """The other end does not speak telnet."""


class Subnegotiation(NamedTuple):
    """A message about one option, unescaped (RFC 855)."""

    option: int
    content: bytes


class _State(Enum):
    OFF = 0
    ASKED = 1
    ON = 2


class _Side:
    """The options that one of both ends performs."""

    def __init__(self, allowed: Iterable[int]) -> None:
        self._allowed = frozenset(allowed)
        self._states: dict[int, _State] = {}

    def __getitem__(self, option: int) -> _State:
        return self._states.get(option, _State.OFF)

    def ask(self, option: int) -> None:
        self._states[option] = _State.ASKED

    def negotiate(self, option: int, *, on: bool) -> bool | None:
        """Processes the other end's request or answer; returns whether to agree, None: no answer is due.

        A request for the mode that is in force and the answer to a request of ours get none: both ends could otherwise
        acknowledge each other for ever (RFC 854).
        """
        before = self[option]
        agreed = on and (before is not _State.OFF or option in self._allowed)
        self._states[option] = _State.ON if agreed else _State.OFF
        if before is _State.ASKED or on == (before is _State.ON):
            return None
        return agreed


class Telnet:
    """One end of a telnet connection.

    performs: options that this end agrees to perform;  accepts: that it agrees to the other end performing.

    Where an end does not perform BINARY, its data is the network virtual terminal's: a carriage return that is alone
    travels with a NUL behind it (RFC 854).
    """

    def __init__(self, *, performs: Iterable[int], accepts: Iterable[int]) -> None:
        self._ours = _Side(performs)
        self._theirs = _Side(accepts)
        self._pending = b""
        self._after_return = False
        self._outgoing = bytearray()

    def ask(self, *, perform: Iterable[int] = (), accept: Iterable[int] = ()) -> None:
        """Asks for options on this end and on the other."""
        for side, code, options in ((self._ours, _Code.WILL, perform), (self._theirs, _Code.DO, accept)):
            for option in options:
                side.ask(option)
                self._outgoing += bytes((0xFF, code, option))

    def performs(self, option: int) -> bool | None:
        """Whether this end performs an option; None while the other end has not answered."""
        state = self._ours[option]
        return None if state is _State.ASKED else state is _State.ON

    def subnegotiate(self, option: int, content: bytes) -> None:
        """Sends a message about an option (RFC 855)."""
        self._outgoing += bytes((0xFF, _Code.SB, option)) + _escaped(content) + bytes((0xFF, _Code.SE))

    def pop_outgoing(self) -> bytes:
        """Requests, answers and subnegotiations that are to be sent now."""
        outgoing = bytes(self._outgoing)
        self._outgoing.clear()
        return outgoing

    def encode(self, data: bytes) -> bytes:
        """Data as it is to be sent."""
        data = _escaped(data)
        return data if self._ours[BINARY] is _State.ON else data.replace(b"\r", b"\r\0")

    def receive(self, received: bytes) -> Iterator[bytes | Subnegotiation]:
        """Decodes bytes of the other end: pieces of data, never empty, and subnegotiations, in their order.

        The result does not depend on how the stream is split into calls. Iterate it to its end. Raises TelnetError
        where a subnegotiation is longer than 4096 bytes.
        """
        received = self._pending + received
        self._pending = b""
        position = 0
        while position < len(received):
            end = _end(_DATA.match(received, position), position)
            if data := self._decode(received[position:end]):
                yield data
            if found := _SUBNEGOTIATION.match(received, end):
                position = found.end()
                position += 2 * received.startswith(bytes((0xFF, _Code.SE)), position)
                yield from _subnegotiations(found[1])
            elif found := _NEGOTIATION.match(received, end):
                position = found.end()
                self._answer(_Code(found[1][0]), found[2][0])
            elif _CUT_SHORT.fullmatch(received, end):
                self._pending = received[end:]
                _check_size(self._pending, around=3)  # IAC SB before it, and an IAC behind it
                return
            else:
                position = end + 2  # a command without an option, none of which concerns a console

    def _decode(self, data: bytes) -> bytes:
        data = data.replace(b"\xff\xff", b"\xff")
        if not data or self._theirs[BINARY] is _State.ON:
            return data
        if self._after_return and data[0] == 0:
            data = data[1:]
            self._after_return = False
        if data:
            self._after_return = data.endswith(b"\r")
        return data.replace(b"\r\0", b"\r")

    def _answer(self, code: _Code, option: int) -> None:
        if code in (_Code.WILL, _Code.WONT):
            side, yes, no = self._theirs, _Code.DO, _Code.DONT
        else:
            side, yes, no = self._ours, _Code.WILL, _Code.WONT
        answer = side.negotiate(option, on=code in (_Code.WILL, _Code.DO))
        if option == BINARY and side is self._theirs:
            self._after_return = False
        if answer is not None:
            self._outgoing += bytes((0xFF, yes if answer else no, option))


def _escaped(data: bytes) -> bytes:
    return data.replace(IAC, IAC + IAC)


def _end(found: re.Match[bytes] | None, position: int) -> int:
    return found.end() if found else position


def _subnegotiations(escaped: bytes) -> Iterator[Subnegotiation]:
    _check_size(escaped)
    content = escaped.replace(b"\xff\xff", b"\xff")
    if content:
        yield Subnegotiation(content[0], content[1:])


def _check_size(subnegotiation: bytes, *, around: int = 0) -> None:
    if len(subnegotiation) > _SUBNEGOTIATION_BYTES + around:
        raise TelnetError(
            f"the server has sent a telnet option of more than {_SUBNEGOTIATION_BYTES} bytes; is it a telnet server?"
        )
