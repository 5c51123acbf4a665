"""The boot loader of the virtual board: what it prints, and what it answers. Pure: bytes and ticks in, bytes out."""

from collections.abc import Callable
from enum import Enum, auto

from jumplab_exporter.drivers.board.fat import list_root

PROMPT = "=> "
COUNTDOWN_SECONDS = 2
VERSION = "U-Boot-like virtual firmware 1.0 (jumplab)"
_BANNER = f"\r\n{VERSION}\r\n\r\nDRAM:  64 MiB\r\nCore:  virtual board\r\nIn:    serial\r\nOut:   serial\r\n"
_BACKSPACES = (8, 127)
_INTERRUPT = 3


class _Phase(Enum):
    OFF = auto()
    COUNTING = auto()
    PROMPT = auto()


class Firmware:
    """One board's firmware. read_disk: the disk's first MiB at this moment.

    Each method returns what the board prints.
    """

    def __init__(self, read_disk: Callable[[], bytes]) -> None:
        self._read_disk = read_disk
        self._phase = _Phase.OFF
        self._left = 0
        self._line = bytearray()
        self._status = 0
        self._commands: dict[str, tuple[str, Callable[[list[str]], str]]] = {
            "echo": ("print its arguments", lambda words: " ".join(words) + "\n"),
            "fatls": ("list the files on the disk", self._list_files),
            "help": ("list the commands", self._help),
            "ls": ("list the files on the disk", self._list_files),
            "reset": ("start again", lambda _: ""),
            "version": ("print the version", lambda _: f"{VERSION}\n"),
        }

    @property
    def counting(self) -> bool:
        """Whether `tick` is to be called each second."""
        return self._phase is _Phase.COUNTING

    def power_on(self) -> bytes:
        self._phase, self._left = _Phase.COUNTING, COUNTDOWN_SECONDS
        self._line.clear()
        return f"{_BANNER}Hit any key to stop autoboot:  {self._left} ".encode()

    def power_off(self) -> None:
        self._phase = _Phase.OFF

    def tick(self) -> bytes:
        """A second has passed."""
        if not self.counting:
            return b""
        self._left -= 1
        text = f"\b\b\b{self._left:2d} "
        if self._left:
            return text.encode()
        self._phase = _Phase.PROMPT
        return f"{text}\r\nNo bootable system on the disk\r\n{PROMPT}".encode()

    def feed(self, data: bytes) -> bytes:
        """Somebody typed."""
        printed = bytearray()
        for byte in data:
            printed += self._typed(byte)
        return bytes(printed)

    def _typed(self, byte: int) -> bytes:
        if self._phase is _Phase.OFF:
            return b""
        if self.counting:
            self._phase = _Phase.PROMPT
            return f"\b\b\b 0 \r\n{PROMPT}".encode()
        if byte == _INTERRUPT:
            self._line.clear()
            return f"<INTERRUPT>\r\n{PROMPT}".encode()
        if byte in _BACKSPACES:
            return b"\b \b" if self._drop_last() else b""
        if byte in b"\r\n":
            return b"\r\n" + self._entered()
        self._line.append(byte)
        return bytes([byte])

    def _drop_last(self) -> bool:
        if not self._line:
            return False
        self._line.pop()
        return True

    def _entered(self) -> bytes:
        commands = self._line.decode(errors="replace").split(";")
        self._line.clear()
        answers = ""
        for command in commands:
            words = command.replace("$?", str(self._status)).split()
            if words[:1] == ["reset"]:
                return answers.encode() + b"resetting ...\r\n" + self.power_on()
            answers += self._answer(words).replace("\n", "\r\n")
        return (answers + PROMPT).encode()

    def _answer(self, words: list[str]) -> str:
        if not words:
            return ""
        self._status = int(words[0] not in self._commands)
        if self._status:
            return f"Unknown command '{words[0]}' - try 'help'\n"
        _, answer = self._commands[words[0]]
        return answer(words[1:])

    def _help(self, _: list[str]) -> str:
        return "".join(f"{name:<8} - {purpose}\n" for name, (purpose, _) in sorted(self._commands.items()))

    def _list_files(self, _: list[str]) -> str:
        files = list_root(self._read_disk())
        if files is None:
            return "** Unrecognized filesystem type **\n"
        folders = sum(file.is_folder for file in files)
        lines = [
            f"{'':9}   {file.name}/" if file.is_folder else f"{file.size_bytes:9d}   {file.name}" for file in files
        ]
        return "\n".join([*lines, "", f"{len(files) - folders} file(s), {folders} dir(s)", "", ""])
