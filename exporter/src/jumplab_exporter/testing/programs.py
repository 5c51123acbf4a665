"""Programs that stand for others: the first of their name in PATH."""

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self


class SimulatedProgram:
    """A program of this name that processes started from now on find. Use as `with`.

    Its code is Python; it finds the folder that it may keep files in, `folder`, as FOLDER. ran: the arguments of each
    run so far.
    """

    name: ClassVar[str]
    code: ClassVar[str]

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{self.name}-")))
        program = self.folder / self.name
        head = f"#!{sys.executable} -IS\nimport pathlib, sys\nFOLDER = pathlib.Path({str(self.folder)!r})\n"
        note = 'with (FOLDER / "ran").open("a") as ran:\n    print(*sys.argv[1:], file=ran)\n'
        program.write_text(head + note + self.code)
        program.chmod(0o755)
        before = os.environ.get("PATH")
        os.environ["PATH"] = os.pathsep.join(filter(None, (str(self.folder), before)))
        self._stack.callback(_set_path, before)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def ran(self) -> list[str]:
        file = self.folder / "ran"
        return file.read_text().splitlines() if file.exists() else []


def _set_path(before: str | None) -> None:
    if before is None:
        del os.environ["PATH"]
    else:
        os.environ["PATH"] = before
