"""How far calls are, on standard error: a bar at a terminal, else a line for each thing that is being done."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from jumplab.cli.exit_status import print_note
from jumplab.control_sequences import printable
from jumplab.driver import Progress, on_progress

if TYPE_CHECKING:
    from rich.progress import TaskID


@contextmanager
def showing_progress(program: str) -> Iterator[None]:
    """Shows the progress of the calls made inside, as drivers report it.  program: begins a line."""
    with display(program) as show, on_progress(show):
        yield


@contextmanager
def display(program: str) -> Iterator[Callable[[Progress], None]]:
    """Gives what shows progress, while the context lasts.  program: begins a line."""
    with ExitStack() as stack:
        yield _Bars(stack) if sys.stderr.isatty() else _Lines(lambda sentence: print_note(sentence, program))


class _Lines:
    """A line for each new text: a log does not need a hundred percentages."""

    def __init__(self, print_line: Callable[[str], None]) -> None:
        self._print_line = print_line
        self._last_text = ""

    def __call__(self, progress: Progress) -> None:
        if progress.text != self._last_text:
            self._last_text = progress.text
            self._print_line(str(progress))


class _Bars:
    """One bar for each text; drawn from the first word on, until the stack is left."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._bars: dict[str, TaskID] = {}

    def __call__(self, progress: Progress) -> None:
        if not self._bars:
            self._draw()
        if progress.text not in self._bars:
            self._bars[progress.text] = self._drawn.add_task(printable(progress.text), total=progress.total)
        self._drawn.update(self._bars[progress.text], completed=progress.done, total=progress.total)

    def _draw(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Drawn

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        self._drawn = self._stack.enter_context(Drawn(*columns, console=Console(stderr=True)))
