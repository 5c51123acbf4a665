"""The shell of a simulated device, without I/O."""

from collections.abc import Callable, Mapping

PROMPT = "device> "

_BACKSPACES = (0x08, 0x7F)
_INTERRUPT = 0x03
_NOT_FOUND = 127


class PromptShell:
    """Echoes what is typed, and answers lines. Bytes in, bytes out.

    answers: what each command prints, by its line; `echo` prints its words, with `$?` in them; any other command is not
    found. Several in one line are separated by `;`.  run: called with each command.
    """

    def __init__(self, answers: Mapping[str, str], prompt: str, run: Callable[[str], None]) -> None:
        self._answers = answers
        self._prompt = prompt
        self._run = run
        self._line = bytearray()
        self._after_return = False
        self._status = 0

    def begin(self) -> bytes:
        """What it says at first."""
        return self._prompt.encode()

    def feed(self, data: bytes) -> bytes:
        """Somebody types: what it says."""
        return b"".join(map(self._typed, data))

    def _typed(self, byte: int) -> bytes:
        second = self._after_return and byte == ord("\n")
        self._after_return = byte == ord("\r")
        if second:
            return b""
        if byte in b"\r\n":
            return b"\r\n" + self._entered()
        if byte == _INTERRUPT:
            self._line.clear()
            return f"^C\r\n{self._prompt}".encode()
        if byte in _BACKSPACES:
            return b"\b \b" if self._drop_last() else b""
        self._line.append(byte)
        return bytes((byte,))

    def _drop_last(self) -> bool:
        if not self._line:
            return False
        self._line.pop()
        return True

    def _entered(self) -> bytes:
        commands = self._line.decode(errors="replace").split(";")
        self._line.clear()
        said = "".join(self._answer(" ".join(command.split())) for command in commands)
        return (said.replace("\n", "\r\n") + self._prompt).encode()

    def _answer(self, command: str) -> str:
        if not command:
            return ""
        name, _, words = command.partition(" ")
        if name == "echo":
            said, self._status = words.replace("$?", str(self._status)) + "\n", 0
            return said
        self._run(command)
        self._status = 0 if command in self._answers else _NOT_FOUND
        return self._answers.get(command, f"sh: {name}: not found\n")
