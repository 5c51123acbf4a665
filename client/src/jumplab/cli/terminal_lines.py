"""Lines of ours on a terminal that another program, or the user, is writing to as well."""

import os
import shutil
import sys
from contextlib import suppress

import click

from jumplab.cli.exit_status import one_line, print_note

_INDEX, _REVERSE_INDEX = "\x1bD", "\x1bM"
_SAVE_CURSOR, _RESTORE_CURSOR = "\x1b7", "\x1b8"
_CLEAR_REST = "\x1b[K"


def has_cursor() -> bool:
    """Whether standard error is a terminal whose cursor can be moved."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def print_above(sentence: str) -> None:
    """Prints a note above the line that the cursor is on, which may be one that the user is editing."""
    if not has_cursor():
        print_note(sentence)
        return
    line = one_line(sentence, "jumplab")
    rows = -(-len(line) // shutil.get_terminal_size().columns)
    # Makes room below, also at the end of the screen; then that line moves down, and the cursor with it.
    room = _INDEX * rows + _REVERSE_INDEX * rows + _SAVE_CURSOR
    _write(f"{room}\r\x1b[{rows}L{line}{_RESTORE_CURSOR}\x1b[{rows}B")


def write_over(line: str) -> None:
    """Replaces the line that the cursor is on; what the terminal is too narrow for is cut off."""
    columns = shutil.get_terminal_size().columns
    cut = line if len(line) < columns else f"{line[: max(columns - 2, 0)]}…"
    _write(f"\r{cut}{_CLEAR_REST}")


def _write(text: str) -> None:
    with suppress(OSError):  # nobody can be told
        click.echo(text, err=True, nl=False)
