"""Files of this machine that `j` moves: pipes, bars at a terminal, and sentences where something is wrong with them."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from jumplab.cli.exit_status import print_note
from jumplab.driver import Progress, on_progress
from jumplab.errors import JumplabError

if TYPE_CHECKING:
    from rich import progress as bars

PIPE = "-"
"""Stands for standard input or output."""


@contextmanager
def opened_input(file: str) -> Iterator[str | BinaryIO]:
    """What to read it from."""
    if file != PIPE:
        yield file
        return
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as source:
        yield source


@contextmanager
def opened_output(file: str) -> Iterator[str | BinaryIO]:
    """What to write it to."""
    if file != PIPE:
        yield file
        return
    sys.stdout.flush()
    with open(sys.stdout.fileno(), "wb", buffering=0, closefd=False) as target:
        yield target


@contextmanager
def sentences(file: str) -> Iterator[None]:
    """What this machine has against a file, as a sentence."""
    try:
        yield
    except (JumplabError, BrokenPipeError):
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise click.ClickException(reason if file in reason else f"{file}: {reason}") from error


@dataclass
class Shown:
    """The progress that a command shows."""

    moved_bytes: int = 0
    written_bytes: int = 0
    show_moved: Callable[[int], None] | None = None

    def count(self, moved_bytes: int) -> None:
        self.moved_bytes = moved_bytes
        if self.show_moved is not None:
            self.show_moved(moved_bytes)


@contextmanager
def progress(file: str, size_bytes: int | None, *, reading: bool = False) -> Iterator[Shown]:
    """Shows bars at a terminal; says how far it was where a signal ends it."""
    shown = Shown()
    try:
        with _bars(file, size_bytes, shown, reading=reading) if sys.stderr.isatty() else _counted(shown):
            yield shown
    except asyncio.CancelledError:
        moved = f"{shown.moved_bytes} bytes were {'read' if reading else 'sent'}"
        written = "" if reading else f", at least {shown.written_bytes} bytes were written"
        print_note(f"interrupted: {moved}{written}", "j")
        raise


@contextmanager
def fetch_progress() -> Iterator[None]:
    """The same for what the exporter fetches."""
    fetched_bytes, tasks = 0, dict[str, Any]()
    with ExitStack() as stack:
        drawn = stack.enter_context(_drawn()) if sys.stderr.isatty() else None

        def note(progress: Progress) -> None:
            nonlocal fetched_bytes
            fetched_bytes = progress.done if progress.text == "fetching" else fetched_bytes
            if drawn is None:
                return
            if progress.text not in tasks:
                tasks[progress.text] = drawn.add_task(progress.text, total=progress.total)
            drawn.update(tasks[progress.text], total=progress.total, completed=progress.done)

        stack.enter_context(on_progress(note))
        try:
            yield
        except asyncio.CancelledError:
            print_note(f"interrupted: at least {fetched_bytes} bytes were fetched and written", "j")
            raise


def _drawn() -> "bars.Progress":
    """Bars with rate and time left."""
    from rich import progress as bars
    from rich.console import Console

    return bars.Progress(
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.DownloadColumn(binary_units=True),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
        console=Console(stderr=True),
    )


@contextmanager
def _counted(shown: Shown) -> Iterator[None]:
    def note(progress: Progress) -> None:
        if progress.text == "writing":
            shown.written_bytes = progress.done

    with on_progress(note):
        yield


@contextmanager
def _bars(file: str, size_bytes: int | None, shown: Shown, *, reading: bool) -> Iterator[None]:
    """A bar for what is sent or read, and one for each thing that the exporter does with it."""
    path = Path(file)
    known_bytes = size_bytes if size_bytes or reading or not path.is_file() else path.stat().st_size
    with _drawn() as drawn:
        tasks = {"": drawn.add_task(path.name, total=known_bytes)}
        shown.show_moved = lambda moved_bytes: drawn.update(tasks[""], completed=moved_bytes)

        def note(progress: Progress) -> None:
            if progress.text == "writing":
                shown.written_bytes = progress.done
            key = "" if reading else progress.text
            if key not in tasks:
                tasks[key] = drawn.add_task(progress.text, total=progress.total)
            drawn.update(tasks[key], total=progress.total, completed=None if reading else progress.done)

        with on_progress(note):
            yield
