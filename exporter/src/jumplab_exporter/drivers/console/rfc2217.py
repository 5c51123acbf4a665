"""The client's end of RFC 2217, without I/O: a serial line at a console server, over telnet."""

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import NamedTuple

from jumplab_exporter.drivers.console.line import Line
from jumplab_exporter.drivers.console.telnet import BINARY, ECHO, SUPPRESS_GO_AHEAD, Subnegotiation, Telnet

COM_PORT_OPTION = 44
_ANSWERS_DUE = 16  # so many are remembered of a server that may never give them
_FROM_SERVER = 100  # a server answers command N with N + 100


class Command(IntEnum):
    """Commands of a client (RFC 2217)."""

    SET_BAUDRATE = 1
    SET_DATASIZE = 2
    SET_PARITY = 3
    SET_STOPSIZE = 4
    SET_CONTROL = 5
    FLOWCONTROL_SUSPEND = 8
    FLOWCONTROL_RESUME = 9
    PURGE_DATA = 12


class Control(IntEnum):
    """Values of SET-CONTROL."""

    NO_FLOW_CONTROL = 1
    XON_XOFF = 2
    RTS_CTS = 3
    BREAK_ON = 5
    BREAK_OFF = 6
    DTR_ON = 8
    DTR_OFF = 9
    RTS_ON = 11
    RTS_OFF = 12


class Purge(IntEnum):
    """Values of PURGE-DATA: which of the server's buffers is emptied."""

    FROM_DEVICE = 1
    TO_DEVICE = 2
    BOTH = 3


class _Setting(NamedTuple):
    """One value that the line is to have. meanings: of its bytes, where they are not a number."""

    name: str
    command: Command
    value: bytes
    meanings: Mapping[int, str]

    def read(self, value: bytes) -> str:
        number = int.from_bytes(value)
        return self.meanings.get(number, str(number))


_PARITIES: Mapping[int, str] = {1: "none", 2: "odd", 3: "even", 4: "mark", 5: "space"}
_FLOW_CONTROLS: Mapping[int, str] = {
    Control.NO_FLOW_CONTROL: "none",
    Control.XON_XOFF: "software",
    Control.RTS_CTS: "hardware",
}


class ComPort:
    """A serial line at a server, as the bytes that travel between the server and this client.

    After each call, send what `take_outgoing` returns. The device's output is collected for `take_received`.

    accepted: whether the server speaks RFC 2217, None while it has not answered. One that does not is a telnet server:
    data passes all the same, and the line can't be set.
    suspended: the server has asked not to be sent anything for now (FLOWCONTROL-SUSPEND).
    differences: sentences, each on a setting that the server has chosen otherwise than asked.
    """

    def __init__(self) -> None:
        options = (BINARY, SUPPRESS_GO_AHEAD, COM_PORT_OPTION)
        # A server that echoes has a device that does: agreeing keeps it from waiting for whole lines.
        self._telnet = Telnet(performs=options, accepts=(*options, ECHO))
        self._received = bytearray()
        self._unconfirmed: dict[tuple[int, int], _Setting] = {}
        self._purging: Purge | None = None
        self.suspended = False
        self.differences: list[str] = []
        self._asked: list[tuple[Control, bool]] = []
        self._refused: list[str] = []

    @property
    def accepted(self) -> bool | None:
        return self._telnet.performs(COM_PORT_OPTION)

    @property
    def negotiated(self) -> bool:
        """Whether the server has answered what decides over how data is encoded and whether the line can be set."""
        return None not in (self.accepted, self._telnet.performs(BINARY))

    @property
    def unconfirmed(self) -> list[str]:
        """The settings that the server has not answered yet."""
        return [setting.name for setting in self._unconfirmed.values()]

    @property
    def controlling(self) -> bool:
        """Whether somebody waits for the answer to a SET-CONTROL."""
        return any(confirmed for _, confirmed in self._asked)

    @property
    def purging(self) -> bool:
        """Whether a purge was asked for that the server has not answered yet."""
        return self._purging is not None

    def negotiate(self) -> None:
        """Asks the server for RFC 2217, and for data of any bytes both ways."""
        both = (BINARY, SUPPRESS_GO_AHEAD)
        self._telnet.ask(perform=(COM_PORT_OPTION, *both), accept=both)

    def configure(self, line: Line) -> None:
        """Sets the line, DTR and RTS as well; not every server answers that for the two."""
        for setting in _settings(line):
            self._unconfirmed[_key(setting.command, setting.value)] = setting
            self._send(setting.command, setting.value)
        for level, on, off in (
            (line.dtr, Control.DTR_ON, Control.DTR_OFF),
            (line.rts, Control.RTS_ON, Control.RTS_OFF),
        ):
            if level != "unchanged":
                self.control(on if level == "on" else off)

    def control(self, value: Control, *, confirmed: bool = False) -> None:
        """Sends a SET-CONTROL.  confirmed: somebody waits for its answer, and wants to hear of a refusal."""
        self._asked.append((value, confirmed))
        self._send(Command.SET_CONTROL, bytes((value,)))

    def pop_refused(self) -> list[str]:
        """The signals that the server has set otherwise than asked since the last call; the others are given up."""
        refused, self._refused = self._refused, []
        self._asked = [(value, False) for value, _ in self._asked[-_ANSWERS_DUE:]]
        return refused

    def purge(self, buffers: Purge) -> None:
        """Has the server empty its buffers.

        Once it confirms that it has discarded the device's output, what it sent before is dropped here as well.
        """
        self._purging = buffers
        self._send(Command.PURGE_DATA, bytes((buffers,)))

    def give_up(self) -> None:
        """Expects no more answers to what was asked."""
        self._unconfirmed.clear()
        self._purging = None

    def receive(self, received: bytes) -> None:
        """Processes bytes from the server. Raises TelnetError where they are not telnet."""
        for part in self._telnet.receive(received):
            if isinstance(part, bytes):
                self._received += part
            else:
                self._handle(part)

    def encode(self, data: bytes) -> bytes:
        """Input for the device, as it is to be sent."""
        return self._telnet.encode(data)

    def pop_outgoing(self) -> bytes:
        """Requests, answers and commands that are to be sent now."""
        return self._telnet.pop_outgoing()

    def pop_received(self) -> bytes:
        """The device's output since the last call."""
        received = bytes(self._received)
        self._received.clear()
        return received

    def _send(self, command: Command, value: bytes) -> None:
        self._telnet.subnegotiate(COM_PORT_OPTION, bytes((command,)) + value)

    def _handle(self, message: Subnegotiation) -> None:
        """Ignores the rest: the server's signature, the state of the modem and of the line (NOTIFY-…)."""
        if message.option != COM_PORT_OPTION or not message.content:
            return
        command, value = message.content[0] - _FROM_SERVER, message.content[1:]
        if command == Command.FLOWCONTROL_SUSPEND:
            self.suspended = True
        elif command == Command.FLOWCONTROL_RESUME:
            self.suspended = False
        elif command == Command.PURGE_DATA and self._purging is not None:
            if self._purging is not Purge.TO_DEVICE:
                self._received.clear()
            self._purging = None
        elif command == Command.SET_CONTROL and self._answer(value):
            return
        elif setting := self._unconfirmed.pop(_key(command, value), None):
            wanted, found = setting.read(setting.value), setting.read(value)
            if found != wanted:
                self.differences.append(f"the server sets {setting.name} to {found}, not to {wanted}")

    def _answer(self, value: bytes) -> bool:
        """Whether this answers a signal that was asked for; of each signal the answers come in the order of asking."""
        signal = _key(Command.SET_CONTROL, value)
        for index, (asked, confirmed) in enumerate(self._asked):
            if _key(Command.SET_CONTROL, bytes((asked,))) == signal:
                del self._asked[index]
                if confirmed and value != bytes((asked,)):
                    self._refused.append(asked.name.replace("_", " "))
                return True
        return False


def _settings(line: Line) -> Iterator[_Setting]:
    yield _Setting("baudrate", Command.SET_BAUDRATE, line.baudrate.to_bytes(4), {})
    yield _Setting("data_bits", Command.SET_DATASIZE, bytes((line.data_bits,)), {})
    yield _Setting("parity", Command.SET_PARITY, _code(_PARITIES, line.parity), _PARITIES)
    yield _Setting("stop_bits", Command.SET_STOPSIZE, bytes((line.stop_bits,)), {})
    yield _Setting("flow_control", Command.SET_CONTROL, _code(_FLOW_CONTROLS, line.flow_control), _FLOW_CONTROLS)


def _code(meanings: Mapping[int, str], meaning: str) -> bytes:
    return bytes(code for code, each in meanings.items() if each == meaning)


def _key(command: int, value: bytes) -> tuple[int, int]:
    """What an answer is told by: the command, and of SET-CONTROL also which line it is about, three values each."""
    return command, (int.from_bytes(value) - 1) // 3 if command == Command.SET_CONTROL else 0
