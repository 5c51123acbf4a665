"""What a command has left, and how it is collected."""

from collections.abc import Callable
from dataclasses import dataclass

from jumplab.drivers.shell.errors import OutputTooLong
from jumplab.drivers.shell.framing import Output, Unframing

_SHOWN_BYTES = 200


@dataclass(frozen=True, slots=True)
class CommandResult:
    """A command that has ended.  status: its exit status, 128 + N where signal N ended it.

    stdout, stderr: what it has put out; empty where it was passed on piece by piece.
    """

    status: int
    stdout: bytes = b""
    stderr: bytes = b""

    @property
    def text(self) -> str:
        """Standard output as text in UTF-8; what can't be decoded is U+FFFD."""
        return self.stdout.decode(errors="replace")

    @property
    def error_text(self) -> str:
        """Standard error as text."""
        return self.stderr.decode(errors="replace")


class Collected:
    """Both outputs of a command that runs: kept up to a limit, or passed on."""

    def __init__(self, command: str, limit_bytes: int, pass_on: Callable[[Output, bytes], None] | None) -> None:
        self._command = command
        self._limit_bytes = limit_bytes
        self._pass_on = pass_on
        self._unframing = Unframing()
        self._kept: dict[Output, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}

    def receive(self, data: bytes) -> None:
        """Takes in a part of the stream. Raises OutputTooLong."""
        for output, piece in self._unframing.receive(data):
            if self._pass_on is not None:
                self._pass_on(output, piece)
                continue
            self._kept[output] += piece
            if sum(map(len, self._kept.values())) > self._limit_bytes:
                raise OutputTooLong(
                    f'"{self._command}" has put out more than {self._limit_bytes} bytes, and was ended; raise '
                    "limit_bytes, or take the output piece by piece with on_output"
                )

    def result(self, status: int) -> CommandResult:
        return CommandResult(status, bytes(self._kept["stdout"]), bytes(self._kept["stderr"]))

    @property
    def end(self) -> str:
        """The last words of both outputs, as the end of a sentence."""
        said = [bytes(kept[-_SHOWN_BYTES:]).decode(errors="replace").strip() for kept in self._kept.values()]
        shown = " / ".join(text for text in said if text)
        return f'; its output ends with "{shown}"' if shown else ""
